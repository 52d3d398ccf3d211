"""A table of results: accuracies, and the seconds that training took, one architecture a row."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from navarch.evaluation.tables.kept import Kept
from navarch.evaluation.tables.keyed import (
    Cells,
    Place,
    RawOf,
    find_column,
    raw_in_column,
    raw_in_dimensions,
    read_keyed,
)
from navarch.evaluation.tables.opening import open_table
from navarch.spaces import SearchSpace


@dataclass(frozen=True, slots=True)
class Columns:
    """Name the columns of a table.

    architecture: holds code, published encoding or JSON; None where every dimension has a column of its own.
    val, test: accuracies in percent. seconds: training time. None where the table has none. lower: the validation
    accuracy after so many fewer epochs; a file may lack these columns.
    """

    architecture: str | None
    val: str
    test: str | None = None
    seconds: str | None = None
    lower: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Hold what a table says of one architecture: accuracies in percent, and the number of its `seconds` column.

    lower: validation accuracies after fewer epochs, by their number.
    """

    val_accuracy: float
    test_accuracy: float | None
    seconds: float | None
    lower: Mapping[int, float] = field(default_factory=dict)


Rows = Mapping[tuple[str, ...], Row]


def read_header(path: Path) -> tuple[str, ...]:
    """Return the names of a table's columns. Raises: TableError for a file that cannot be read, or repeats a name."""
    with open_table(path) as (header, _):
        return header


_KEPT: Kept[Rows] = Kept()


def read_rows(path: Path, space: SearchSpace, columns: Columns) -> Rows:
    """Return the rows of a table by the values of their architecture.

    Raises: TableError for the first column, architecture or number that is missing, wrong or there twice.
    """
    return _KEPT.get(path, space, columns, lambda: _read_anew(path, space, columns))


def _read_anew(path: Path, space: SearchSpace, columns: Columns) -> Rows:
    def layout(header: Cells) -> tuple[RawOf, Callable[[Cells, Place], Row]]:
        raw_of = (
            raw_in_dimensions(header, space, path)
            if columns.architecture is None
            else raw_in_column(find_column(header, columns.architecture, path))
        )
        return raw_of, _make_reader(header, columns, path)

    return read_keyed(path, space, layout)


def _make_reader(header: Cells, columns: Columns, path: Path) -> Callable[[Cells, Place], Row]:
    val = find_column(header, columns.val, path)
    test = None if columns.test is None else find_column(header, columns.test, path)
    seconds = None if columns.seconds is None else find_column(header, columns.seconds, path)
    lower = [(epochs, name, header.index(name)) for epochs, name in columns.lower if name in header]

    def read(cells: Cells, place: Place) -> Row:
        return Row(
            val_accuracy=place.number(columns.val, cells[val], 100.0),
            test_accuracy=None if test is None else place.number(columns.test or "", cells[test], 100.0),
            seconds=None if seconds is None else place.number(columns.seconds or "", cells[seconds]),
            lower={epochs: place.number(name, cells[at], 100.0) for epochs, name, at in lower},
        )

    return read
