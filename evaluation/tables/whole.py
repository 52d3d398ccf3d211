"""A published table as a whole: one row for every architecture of its space, or the first that is missing is named."""

from itertools import product
from pathlib import Path

from navarch.evaluation.tables.opening import TableError
from navarch.evaluation.tables.published import PublishedTable
from navarch.evaluation.tables.reading import Rows, read_rows
from navarch.spaces import INACTIVE, Architecture, SearchSpace


def read_whole(path: Path, space: SearchSpace, layout: PublishedTable) -> Rows:
    """Return the rows of a published table. Raises: TableError where an architecture of the space is missing."""
    rows = read_rows(path, space, layout.columns)
    if len(rows) != space.size:
        raise TableError(
            f"The table {str(path)!r} has {len(rows):,} rows, not {space.size:,}, and none for the architecture "
            f"{_first_missing(space, rows)!r}: it is not the whole {layout.file}; copy it again."
        )
    return rows


def _first_missing(space: SearchSpace, rows: Rows) -> str:
    """Return the code of the first architecture of a small space that has no row."""
    choices = ((*d.names, INACTIVE) if d.when else d.names for d in space.dimensions)
    missing = (v for v in product(*choices) if v not in rows and space.structure.is_legal(v))
    return space.code(Architecture(space.name, next(missing)))
