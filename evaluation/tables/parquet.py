"""Rows of a Parquet file as the texts that the same rows of a CSV file would hold; needs pyarrow, an optional extra."""

from collections.abc import Iterator, Sequence
from pathlib import Path

PARQUET_MARK = b"PAR1"


def read_parquet(path: Path) -> tuple[tuple[str, ...], Iterator[tuple[int, Sequence[str]]]]:
    """Return the names of the columns, and the rows with their numbers in the file, counted from 1.

    Raises: ModuleNotFoundError without pyarrow; OSError or ValueError for a file that is not whole.
    """
    from pyarrow import parquet

    table = parquet.read_table(path)
    columns = [[_as_text(value) for value in column.to_pylist()] for column in table.columns]
    return tuple(map(str, table.column_names)), iter(
        (number, cells) for number, cells in enumerate(zip(*columns, strict=True), start=1)
    )


def _as_text(value: object) -> str:
    """Return what a CSV file would hold: nothing for a null, a float with all its digits."""
    return "" if value is None else str(value)
