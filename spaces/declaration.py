"""Read a search space's declaration, a TOML file, and check it.

A declaration has `name`, `title` (for people), `summary` and `rules` (for prompts), `[[dimensions]]`, each
with a name, a meaning, options and optionally `when`, the options of other dimensions that bring it into use.
Options stand either inside their dimension, or in a list under `[options]` that several dimensions name.
`[[constraints]]` join several dimensions. Options may have `params` and `macs` that add up with `[base_cost]`.
`[input]` is what the published network reads, `[skeleton]` the integer
sizes around the searched part, `[large_skeleton]` those for inputs of at least `from_resolution` pixels. `prior` is
the architecture, as a code or in the published encoding, where somebody who knows the field would start a search.
Rules explain in words; what they mean for equality, cost and the network is code (a subclass of SearchSpace).
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from navarch import NavarchError
from navarch.spaces.constraints import Constraint
from navarch.spaces.problems import shorten
from navarch.spaces.rules import read_conditions, read_constraints
from navarch.spaces.spec import NO_COST, Cost, Dimension, Input, Option
from navarch.spaces.toml_table import TomlTable

_SPACE_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DIMENSION_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OPTION_NAME = re.compile(r"[A-Za-z0-9_.:][A-Za-z0-9_.:-]*")
_OPTION_CODE = re.compile(r"[A-Za-z0-9]")


_INPUT = Input(classes=10, channels=3, resolution=32)


@dataclass(frozen=True, slots=True)
class LargeSkeleton:
    """The published sizes for inputs of at least `from_resolution` pixels, where they differ."""

    from_resolution: int
    sizes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Declaration:
    """A checked declaration of a search space; `skeleton` maps names of sizes to published values."""

    name: str
    title: str
    summary: str
    dimensions: tuple[Dimension, ...]
    rules: tuple[str, ...]
    skeleton: Mapping[str, int]
    constraints: tuple[Constraint, ...] = ()
    input: Input = _INPUT
    base_cost: Cost = NO_COST
    large_skeleton: LargeSkeleton | None = None
    prior: str | None = None


def load_declaration(path: Path) -> Declaration:
    """Return the declaration in a TOML file.

    Raises: NavarchError naming file, dimension and value, where the file cannot be read or is malformed.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NavarchError(
            f"{path}: cannot read the declaration of a search space: {error.strerror}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NavarchError(f"{path}: the declaration of a search space is not valid TOML: {error}") from None
    return read_declaration(str(path), data)


def read_declaration(where: str, data: object) -> Declaration:
    """Return the declaration in plain data, as a TOML file holds it; `where` opens every error."""
    table = TomlTable(where, data)
    dimensions = _read_dimensions(table)
    skeleton = _read_sizes(table, "skeleton")
    declaration = Declaration(
        name=table.name("name", _SPACE_NAME),
        title=table.text("title"),
        summary=table.text("summary"),
        dimensions=dimensions,
        rules=table.texts("rules"),
        skeleton=skeleton,
        constraints=read_constraints(table, {dimension.name: dimension for dimension in dimensions}),
        input=_read_input(table),
        base_cost=_read_base_cost(table),
        large_skeleton=_read_large_skeleton(table, skeleton),
        prior=table.text("prior") if "prior" in table.left() else None,
    )
    table.finish()
    return declaration


def _read_dimensions(table: TomlTable) -> tuple[Dimension, ...]:
    shared = TomlTable(f"{table.where}: options", table.take("options", dict, default={}))
    lists = {key: shared.take(key, list) for key in shared.left()}
    unused = set(lists)
    dimensions: dict[str, Dimension] = {}
    conditions: dict[str, TomlTable] = {}
    for number, entry in enumerate(table.take("dimensions", list), 1):
        part = TomlTable(f"{table.where}: dimension {number}", entry)
        name = part.name("name", _DIMENSION_NAME)
        if name in dimensions:
            raise part.refuse(f"the name {name!r} is already taken by another dimension")
        part.where = f"{table.where}: dimension {name!r}"
        meaning = part.text("meaning")
        if part.holds("options", str):
            key = part.take("options", str)
            if key not in lists:
                raise part.refuse(f"there is no list of options {shorten(key)} under [options]")
            unused.discard(key)
            options = _read_options(part, lists[key])
        else:
            options = _read_options(part, part.take("options", list))
        conditions[name] = TomlTable(f"{part.where}: when", part.take("when", dict, default={}))
        part.finish()
        dimensions[name] = Dimension(name, meaning, options)
    if not dimensions:
        raise table.refuse("a search space needs at least one dimension, but dimensions is []")
    if unused:
        raise shared.refuse(f"no dimension names the list {shorten(min(unused))}")
    return tuple(
        replace(dimension, when=read_conditions(conditions[name], name, dimensions))
        for name, dimension in dimensions.items()
    )


def _read_options(dimension: TomlTable, entries: Sequence[object]) -> tuple[Option, ...]:
    if not entries:
        raise dimension.refuse("a dimension needs at least one option, but options is []")
    options = []
    for number, entry in enumerate(entries, 1):
        part = TomlTable(f"{dimension.where}: option {number}", entry)
        options.append(
            Option(
                part.name("name", _OPTION_NAME),
                part.name("code", _OPTION_CODE),
                part.text("meaning"),
                _take_cost(part),
            )
        )
        part.finish()
    _check_distinct(dimension, options)
    return tuple(options)


def _take_cost(part: TomlTable) -> Cost:
    """Take `params` and `macs` of an option, or of everything around the options; 0 where they are absent."""
    costs = {key: part.take(key, int, default=0) for key in ("params", "macs")}
    for key, value in costs.items():
        if value < 0:
            raise part.refuse(f"{key} must be at least 0, not {shorten(value)}")
    return Cost(**costs)


def _check_distinct(dimension: TomlTable, options: Sequence[Option]) -> None:
    """Refuse options that a reader, who takes names and codes alike, would mistake for one another."""
    taken: dict[str, Option] = {}
    for option in options:
        for word in {option.name, option.code}:
            other = taken.setdefault(word, option)
            if other is not option:
                raise dimension.refuse(
                    f"option {option.name!r} with code {option.code!r} collides with "
                    f"option {other.name!r} with code {other.code!r}"
                )


def _read_sizes(table: TomlTable, name: str) -> Mapping[str, int]:
    part = TomlTable(f"{table.where}: {name}", table.take(name, dict, default={}))
    return MappingProxyType({key: part.positive(key) for key in part.left()})


def _read_large_skeleton(table: TomlTable, skeleton: Mapping[str, int]) -> LargeSkeleton | None:
    sizes = dict(_read_sizes(table, "large_skeleton"))
    if not sizes:
        return None
    part = TomlTable(f"{table.where}: large_skeleton", sizes)
    from_resolution = part.positive("from_resolution")
    unknown = [key for key in part.left() if key not in skeleton]
    if unknown:
        raise part.refuse(f"there is no size {shorten(unknown[0])} in the skeleton to replace")
    return LargeSkeleton(
        from_resolution, MappingProxyType({**skeleton, **{k: sizes[k] for k in part.left()}})
    )


def _read_input(table: TomlTable) -> Input:
    data = table.take("input", dict, default={})
    if not data:
        return _INPUT
    part = TomlTable(f"{table.where}: input", data)
    given = Input(part.positive("classes"), part.positive("channels"), part.positive("resolution"))
    part.finish()
    return given


def _read_base_cost(table: TomlTable) -> Cost:
    part = TomlTable(f"{table.where}: base_cost", table.take("base_cost", dict, default={}))
    cost = _take_cost(part)
    part.finish()
    return cost
