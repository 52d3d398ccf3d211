"""Open a table's file: its header and its lines, whatever the file turns out to hold.

CSV in UTF-8, plain or gzip, with or without a byte order mark and with either line end; Parquet through pyarrow. No
line is read beyond a bound, so that a file without line ends cannot fill the memory.
"""

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from os.path import isfile
from pathlib import Path
from typing import TextIO

from navarch import NavarchError
from navarch.evaluation.tables.parquet import PARQUET_MARK, read_parquet

GZIP_MARK = b"\x1f\x8b"
MAX_LINE = 2**20  # characters
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs"}

Lines = Iterator[tuple[int, Sequence[str]]]
"""The lines of a table after its header, each with its number in the file."""


class TableError(NavarchError):
    """The table's file cannot be used."""


@contextmanager
def open_table(path: Path) -> Iterator[tuple[tuple[str, ...], Lines]]:
    """Open a table: its header, and its other lines that are not blank with their numbers. Raises: TableError."""
    if not isfile(path):  # also for a name that no file can have
        raise TableError(f"There is no table at {str(path)!r}; docs/evaluators.md says what file is needed.")
    with _open_parquet(path) if _starts_with(path, PARQUET_MARK) else _open_csv(path) as (header, lines):
        twice = [name for name, count in Counter(header).items() if name and count > 1]
        if twice:
            raise TableError(f"The table {str(path)!r} has the column {twice[0]!r} twice.")
        yield header, lines


def show_names(names: Iterable[str], limit: int = 12) -> str:
    """Return the first names of a list as a sentence shows them."""
    all_names = [repr(name[:60]) for name in names]
    left = len(all_names) - limit
    return ", ".join(all_names[:limit]) + (f" and {left} more" if left > 0 else "") if all_names else "none"


@contextmanager
def _open_csv(path: Path) -> Iterator[tuple[tuple[str, ...], Lines]]:
    done = 0
    try:
        with _open_text(path) as file:
            reader = csv.reader(_bounded(file, path))

            def lines() -> Lines:
                nonlocal done
                for cells in reader:
                    done = reader.line_num
                    if cells:
                        yield done, cells

            header = tuple(name.strip() for name in next(reader, []))
            done = reader.line_num
            _refuse_other_delimiter(header, path)
            yield header, lines()
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        where = f" after line {done}" if done else ""
        raise TableError(
            f"The table {str(path)!r} cannot be read{where} ({error}): it must be a whole CSV file in UTF-8, plain or "
            "gzip, or Parquet."
        ) from None


def _open_text(path: Path) -> TextIO:
    """Open a CSV file, compressed or plain; a byte order mark is no part of the first name."""
    if _starts_with(path, GZIP_MARK):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _bounded(file: TextIO, path: Path) -> Iterator[str]:
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise TableError(
                f"Line {number} of {str(path)!r} is longer than {MAX_LINE:,} characters: a table has one architecture "
                "a line."
            )
        yield line


def _refuse_other_delimiter(header: Sequence[str], path: Path) -> None:
    for delimiter, name in _OTHER_DELIMITERS.items():
        if len(header) == 1 and delimiter in header[0]:
            raise TableError(
                f"The columns of {str(path)!r} are separated by {name}, as its first line shows: save it with commas."
            )


@contextmanager
def _open_parquet(path: Path) -> Iterator[tuple[tuple[str, ...], Lines]]:
    try:
        header, rows = read_parquet(path)
    except ModuleNotFoundError:
        raise TableError(
            f"The table {str(path)!r} is a Parquet file, which needs pyarrow: pip install 'navarch[parquet]', or save "
            "it as CSV."
        ) from None
    except (OSError, ValueError, NotImplementedError) as error:  # pyarrow's own errors are of these kinds
        first_line = str(error).strip().splitlines()[0][:200]
        raise TableError(
            f"The table {str(path)!r} cannot be read ({first_line}): it must be a whole Parquet file."
        ) from None
    yield header, rows


def _starts_with(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark
    except OSError as error:
        raise TableError(f"The table {str(path)!r} cannot be read: {error.strerror}.") from None
