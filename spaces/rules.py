"""Read what joins dimensions in a declaration: the conditions of activity, and the constraints."""

from collections.abc import Mapping

from navarch.spaces.constraints import Constraint, Count, Distinct, Forbidden
from navarch.spaces.problems import shorten
from navarch.spaces.spec import Condition, Dimension
from navarch.spaces.toml_table import TomlTable

_Dimensions = Mapping[str, Dimension]


def read_conditions(table: TomlTable, owner: str, dimensions: _Dimensions) -> tuple[Condition, ...]:
    """Return the conditions under which one dimension is in use: { dimension = [options] }."""
    conditions = []
    for name in table.left():
        if name == owner:
            raise table.refuse("a dimension cannot depend on itself")
        options = table.words(name)
        _check_options(table, name, options, dimensions)
        conditions.append(Condition(name, options))
    return tuple(conditions)


def read_constraints(table: TomlTable, dimensions: _Dimensions) -> tuple[Constraint, ...]:
    """Return the constraints of a declaration, in order."""
    entries = enumerate(table.take("constraints", list, default=[]), 1)
    return tuple(
        _read_constraint(TomlTable(f"{table.where}: constraint {number}", entry), dimensions)
        for number, entry in entries
    )


def _read_constraint(part: TomlTable, dimensions: _Dimensions) -> Constraint:
    why = part.text("why")
    kinds = [key for key in ("distinct", "count", "forbid") if key in part.left()]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none of them"
        raise part.refuse(f"a constraint has exactly one of distinct, count and forbid, not {found}")
    if kinds == ["forbid"]:
        chosen = part.take("forbid", dict)
        for name, option in chosen.items():
            _check_options(part, name, (option,), dimensions)
        if not chosen:
            raise part.refuse("forbid is {}: name at least one dimension")
        part.finish()
        return Forbidden(tuple(chosen.items()), why)
    names = part.words(kinds[0])
    for name in names:
        _check_options(part, name, (), dimensions)
    if kinds == ["distinct"]:
        part.finish()
        return Distinct(names, why)
    return _read_count(part, names, why, dimensions)


def _read_count(part: TomlTable, names: tuple[str, ...], why: str, dimensions: _Dimensions) -> Count:
    options = part.words("options")
    offered = {option for name in names for option in dimensions[name].names}
    for option in options:
        if option not in offered:
            raise part.refuse(f"none of its dimensions offers the option {shorten(option)}")
    at_least = part.take("at_least", int, default=0)
    at_most = part.take("at_most", int, default=len(names))
    part.finish()
    if not 0 <= at_least <= at_most:
        raise part.refuse(f"at_least {at_least} and at_most {at_most} must follow 0 <= at_least <= at_most")
    return Count(names, options, at_least, at_most, why)


def _check_options(part: TomlTable, name: str, options: tuple[object, ...], dimensions: _Dimensions) -> None:
    if name not in dimensions:
        known = ", ".join(list(dimensions)[:12])
        raise part.refuse(f"there is no dimension {shorten(name)}: the dimensions are {known}")
    for option in options:
        if option not in dimensions[name].names:
            offered = ", ".join(dimensions[name].names[:12])
            raise part.refuse(f"dimension {name!r} does not offer {shorten(option)}: choose one of {offered}")
