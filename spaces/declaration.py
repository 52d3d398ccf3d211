"""Read a search space's declaration, a TOML file, and check it.

A declaration has `name`, `title` (for people), `summary` and `rules` (for prompts), `[[dimensions]]`, each
with a name, a meaning and options, and optionally `[skeleton]`, the integer sizes around the searched part.
Options stand either inside their dimension, or in a list under `[options]` that several dimensions name.
Rules explain in words; what they mean for equality, cost and the network is code (a subclass of SearchSpace).
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from navarch import NavarchError
from navarch.spaces.problems import shorten
from navarch.spaces.spec import Dimension, Option
from navarch.spaces.toml_table import TomlTable

_SPACE_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DIMENSION_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OPTION_NAME = re.compile(r"[A-Za-z0-9_.:-]+")
_OPTION_CODE = re.compile(r"[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Declaration:
    """A checked declaration of a search space; `skeleton` maps names of sizes to published values."""

    name: str
    title: str
    summary: str
    dimensions: tuple[Dimension, ...]
    rules: tuple[str, ...]
    skeleton: Mapping[str, int]


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
    table = TomlTable(str(path), data)
    declaration = Declaration(
        name=table.name("name", _SPACE_NAME),
        title=table.text("title"),
        summary=table.text("summary"),
        dimensions=_read_dimensions(table),
        rules=table.texts("rules"),
        skeleton=_read_skeleton(table),
    )
    table.finish()
    return declaration


def _read_dimensions(table: TomlTable) -> tuple[Dimension, ...]:
    shared = TomlTable(f"{table.where}: options", table.take("options", dict, default={}))
    lists = {key: shared.take(key, list) for key in shared.left()}
    unused = set(lists)
    dimensions: dict[str, Dimension] = {}
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
        part.finish()
        dimensions[name] = Dimension(name, meaning, options)
    if not dimensions:
        raise table.refuse("a search space needs at least one dimension, but dimensions is []")
    if unused:
        raise shared.refuse(f"no dimension names the list {shorten(min(unused))}")
    return tuple(dimensions.values())


def _read_options(dimension: TomlTable, entries: Sequence[object]) -> tuple[Option, ...]:
    if not entries:
        raise dimension.refuse("a dimension needs at least one option, but options is []")
    options = []
    for number, entry in enumerate(entries, 1):
        part = TomlTable(f"{dimension.where}: option {number}", entry)
        options.append(
            Option(part.name("name", _OPTION_NAME), part.name("code", _OPTION_CODE), part.text("meaning"))
        )
        part.finish()
    _check_distinct(dimension, options)
    return tuple(options)


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


def _read_skeleton(table: TomlTable) -> Mapping[str, int]:
    part = TomlTable(f"{table.where}: skeleton", table.take("skeleton", dict, default={}))
    sizes: dict[str, int] = {}
    for key in part.left():
        sizes[key] = part.take(key, int)
        if sizes[key] < 1:
            raise part.refuse(f"{key} must be at least 1, not {sizes[key]}")
    return MappingProxyType(sizes)
