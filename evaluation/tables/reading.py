"""Read a table of results: a CSV file, plain or gzip, one architecture a row.

Rows are kept by their exact values, not by what they compute: published tables tell apart architectures that are
equal functions. Every complaint names the file, the row (the first after the header is row 1), the line and the column.
"""

import csv
import gzip
import json
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from navarch import NavarchError
from navarch.spaces import INACTIVE, InvalidArchitecture, SearchSpace

GZIP_MARK = b"\x1f\x8b"
_JSON_STARTS = ("{", "[", '"')


class TableError(NavarchError):
    """The table's file cannot be used."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Name the columns of a table.

    architecture: holds code, published encoding or JSON; None where every dimension has a column of its own.
    val, test: accuracies in percent. seconds: training time. None where the table has none.
    """

    architecture: str | None
    val: str
    test: str | None = None
    seconds: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Hold what a table says of one architecture: accuracies in percent, and the number of its `seconds` column."""

    val_accuracy: float
    test_accuracy: float | None
    seconds: float | None


Rows = Mapping[tuple[str, ...], Row]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a file a complaint belongs."""

    path: Path
    row: int
    line: int

    def refuse(self, why: str) -> TableError:
        return TableError(f"Row {self.row} (line {self.line}) of {str(self.path)!r} {why}.")


def read_header(path: Path) -> tuple[str, ...]:
    """Return the names of a table's columns. Raises: TableError for a file that cannot be read, or repeats a name."""
    with _open_csv(path) as (header, _):
        return header


def read_rows(path: Path, space: SearchSpace, columns: Columns) -> Rows:
    """Return the rows of a table by the values of their architecture.

    Raises: TableError for the first column, architecture or number that is missing, wrong or there twice.
    """
    table: dict[tuple[str, ...], Row] = {}
    first_row: dict[tuple[str, ...], int] = {}
    with _open_csv(path) as (header, lines):
        position = _positions(header, columns, space, path)
        for row, (line, cells) in enumerate(lines, start=1):
            place = _Place(path, row, line)
            if len(cells) != len(header):
                raise place.refuse(f"has {len(cells)} fields, not {len(header)}")
            raw = _raw_architecture(cells, position, columns.architecture, space)
            values = _parse(raw, space, place)
            if values in table:
                shown = space.code(space.parse(list(values)))
                raise place.refuse(
                    f"repeats the architecture {shown!r} of row {first_row[values]}: keep one row for each"
                )
            first_row[values] = row
            table[values] = _read_numbers(cells, position, columns, place)
    return table


@contextmanager
def _open_csv(path: Path) -> Iterator[tuple[tuple[str, ...], Iterator[tuple[int, Sequence[str]]]]]:
    """Open a table: its header, and its other lines that are not blank with their numbers."""
    if not path.is_file():
        raise TableError(f"There is no table at {str(path)!r}; docs/evaluators.md says what file is needed.")
    try:
        with _open_text(path) as file:
            reader = csv.reader(file)
            header = tuple(name.strip() for name in next(reader, []))
            twice = [name for name, count in Counter(header).items() if name and count > 1]
            if twice:
                raise TableError(f"The table {str(path)!r} has the column {twice[0]!r} twice.")
            yield header, ((reader.line_num, cells) for cells in reader if cells)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise TableError(
            f"The table {str(path)!r} cannot be read ({error}): it must be a whole CSV file in UTF-8, plain or gzip."
        ) from None


def _open_text(path: Path) -> TextIO:
    """Open a CSV file, compressed or plain; a byte order mark is no part of the first name."""
    with path.open("rb") as file:
        is_compressed = file.read(2) == GZIP_MARK
    if is_compressed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _positions(header: Sequence[str], columns: Columns, space: SearchSpace, path: Path) -> Mapping[str, int]:
    """Return where the needed columns stand. Raises: TableError for the first that is missing."""
    named = (columns.architecture, columns.val, columns.test, columns.seconds)
    needed = [name for name in named if name is not None]
    if columns.architecture is None:
        needed += space.names
    for name in needed:
        if name not in header:
            raise TableError(
                f"The table {str(path)!r} has no column {name!r}; its columns are {show_names(header)}."
            )
    return {name: header.index(name) for name in needed}


def show_names(names: Iterable[str], limit: int = 12) -> str:
    """Return the first names of a list as a sentence shows them."""
    all_names = [repr(name[:60]) for name in names]
    left = len(all_names) - limit
    return ", ".join(all_names[:limit]) + (f" and {left} more" if left > 0 else "") if all_names else "none"


def _raw_architecture(
    cells: Sequence[str], position: Mapping[str, int], architecture: str | None, space: SearchSpace
) -> object:
    """Return what the space is to parse: an empty cell, like INACTIVE, gives a dimension no option."""
    if architecture is None:
        given = {name: cells[position[name]].strip() for name in space.names}
        return {name: option for name, option in given.items() if option not in ("", INACTIVE)}
    text = cells[position[architecture]].strip()
    if text.startswith(_JSON_STARTS):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text  # a published encoding may start like JSON; the space says what is wrong with it
    return text


def _parse(raw: object, space: SearchSpace, place: _Place) -> tuple[str, ...]:
    try:
        return space.parse(raw).values
    except InvalidArchitecture as error:
        raise place.refuse(f"holds no architecture of {space.name!r}: {error}") from None


def _read_numbers(cells: Sequence[str], position: Mapping[str, int], columns: Columns, place: _Place) -> Row:
    def number(name: str, high: float) -> float:
        text = cells[position[name]].strip()
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0.0 <= value <= high or math.isinf(value):
            bounds = "from 0 to 100" if math.isfinite(high) else "of at least 0"
            raise place.refuse(f"has {name} = {text[:60]!r}, which is no number {bounds}")
        return value

    return Row(
        val_accuracy=number(columns.val, 100.0),
        test_accuracy=None if columns.test is None else number(columns.test, 100.0),
        seconds=None if columns.seconds is None else number(columns.seconds, math.inf),
    )
