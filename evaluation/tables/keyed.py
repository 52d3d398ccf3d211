"""The rows of a file by the architecture that each is about, whatever else its columns hold.

Rows are kept by their exact values, not by what they compute: published tables tell apart architectures that are
equal functions. Every complaint names the file, the row (the first after the header is row 1), the line and the column.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from navarch.evaluation.tables.opening import TableError, open_table, show_names
from navarch.spaces import INACTIVE, InvalidArchitecture, SearchSpace

Cells = Sequence[str]
RawOf = Callable[[Cells], object | None]
"""Return what the space is to parse, or None for a row that is about nothing in the space."""
T = TypeVar("T")

_JSON_STARTS = ("{", "[", '"')


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file a complaint belongs."""

    path: Path
    row: int
    line: int

    def refuse(self, why: str) -> TableError:
        """Return the complaint."""
        return TableError(f"Row {self.row} (line {self.line}) of {str(self.path)!r} {why}.")

    def number(self, name: str, text: str, high: float = math.inf) -> float:
        """Return the number of a cell, from 0 to `high`. Raises: TableError."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0.0 <= value <= high or math.isinf(value):
            bounds = f"from 0 to {high:g}" if math.isfinite(high) else "of at least 0"
            raise self.refuse(f"has {name} = {text.strip()[:60]!r}, which is no number {bounds}")
        return value


def read_keyed(
    path: Path,
    space: SearchSpace,
    layout: Callable[[Cells], tuple[RawOf, Callable[[Cells, Place], T]]],
) -> dict[tuple[str, ...], T]:
    """Return what the rows of a file say, by the option names of the architecture that each is about.

    layout: from the header, how a row names its architecture and what it says of it.
    Raises: TableError for the first row that is short, about no architecture of the space, or about one twice.
    """
    table: dict[tuple[str, ...], T] = {}
    first_row: dict[tuple[str, ...], int] = {}
    with open_table(path) as (header, lines):
        raw_of, make = layout(header)
        for row, (line, cells) in enumerate(lines, start=1):
            place = Place(path, row, line)
            if len(cells) != len(header):
                raise place.refuse(f"has {len(cells)} fields, not {len(header)}")
            raw = raw_of(cells)
            if raw is None:
                continue
            values = _parse(raw, space, place)
            if values in table:
                shown = space.code(space.parse(list(values)))
                raise place.refuse(
                    f"repeats the architecture {shown!r} of row {first_row[values]}: keep one row for each"
                )
            first_row[values] = row
            table[values] = make(cells, place)
    return table


def find_column(header: Cells, name: str, path: Path) -> int:
    """Return where a column stands. Raises: TableError when it is missing."""
    if name not in header:
        raise TableError(
            f"The table {str(path)!r} has no column {name!r}; its columns are {show_names(header)}."
        )
    return header.index(name)


def raw_in_column(at: int) -> RawOf:
    """Return how a row names its architecture in one column: a code, the published encoding, or JSON."""

    def raw_of(cells: Cells) -> object:
        text = cells[at].strip()
        if text.startswith(_JSON_STARTS):
            try:
                return json.loads(text) or text
            except (ValueError, RecursionError):
                pass  # a published encoding may start like JSON; the space says what is wrong with it
        return text

    return raw_of


def raw_in_dimensions(header: Cells, space: SearchSpace, path: Path) -> RawOf:
    """Return how a row names its architecture in a column for each dimension; empty where one is not in use."""
    position = {name: find_column(header, name, path) for name in space.names}

    def raw_of(cells: Cells) -> object:
        given = {name: cells[at].strip() for name, at in position.items()}
        return {name: option for name, option in given.items() if option not in ("", INACTIVE)}

    return raw_of


def _parse(raw: object, space: SearchSpace, place: Place) -> tuple[str, ...]:
    try:
        return space.parse(raw).values
    except InvalidArchitecture as error:
        raise place.refuse(f"holds no architecture of {space.name!r}: {error}") from None
