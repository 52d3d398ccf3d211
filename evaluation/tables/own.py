"""A user's own table: which columns it has, and the task that it stands for."""

from dataclasses import dataclass
from pathlib import Path

from navarch.evaluation.tables.folder import hash_file
from navarch.evaluation.tables.opening import TableError, show_names
from navarch.evaluation.tables.published import PUBLISHED
from navarch.evaluation.tables.reading import Columns, Rows, read_header, read_rows
from navarch.evaluation.task import Task, own_task
from navarch.spaces import SearchSpace

ARCHITECTURE, VAL, TEST, SECONDS = "architecture", "val_accuracy", "test_accuracy", "seconds"


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """Hold the names that a user gave; None stands for the default, and what has no default name may be absent."""

    architecture: str | None = None
    val: str | None = None
    test: str | None = None
    seconds: str | None = None


def find_columns(path: Path, space: SearchSpace, names: ColumnNames) -> Columns:
    """Return the columns of a user's table. Raises: TableError for a needed or named column that it has not."""
    header = read_header(path)
    for name in (names.architecture, names.val or VAL, names.test, names.seconds):
        if name is not None and name not in header:
            raise TableError(
                f"The table {str(path)!r} has no column {name!r}; its columns are {show_names(header)}"
                f"{_hint(space, header)}."
            )
    return Columns(
        architecture=names.architecture or _find_architecture(path, space, header),
        val=names.val or VAL,
        test=names.test or (TEST if TEST in header else None),
        seconds=names.seconds or (SECONDS if SECONDS in header else None),
    )


def own_table_task(path: Path, space: SearchSpace, names: ColumnNames, *, name: str | None = None) -> Task:
    """Return the task of a user's table: its digest follows the file's content. Raises: TableError.

    name: what it is called; default: as the file.
    """
    called = name or path.name
    columns = find_columns(path, space, names)
    facts = {name: getattr(columns, name) for name in ("architecture", "val", "test", "seconds")}
    return own_task(
        f"table:{called}",
        f"your table {called}",
        space,
        "table",
        {"content": _digest_of(path), "columns": facts},
        has_test=columns.test is not None,
    )


def read_own_rows(path: Path, space: SearchSpace, names: ColumnNames) -> Rows:
    """Return the rows of a user's table. Raises: TableError, for accuracies too that look like fractions."""
    columns = find_columns(path, space, names)
    rows = read_rows(path, space, columns)
    if not rows:
        raise TableError(f"The table {str(path)!r} has no row under its header.")
    highest = max(row.val_accuracy for row in rows.values())
    if highest <= 1.0:
        raise TableError(
            f"The highest {columns.val} of {str(path)!r} is {highest:g}: give accuracies in percent, from 0 to 100."
        )
    return rows


def _find_architecture(path: Path, space: SearchSpace, header: tuple[str, ...]) -> str | None:
    if ARCHITECTURE in header and ARCHITECTURE not in space.names:
        return ARCHITECTURE
    missing = [name for name in space.names if name not in header]
    if missing:
        raise TableError(
            f"The table {str(path)!r} has no column {ARCHITECTURE!r}, and none for the dimension "
            f"{show_names(missing, 4)}: it needs one or the other; its columns are {show_names(header)}"
            f"{_hint(space, header)}."
        )
    return None


def _hint(space: SearchSpace, header: tuple[str, ...]) -> str:
    """Return what to do where the file is a published table of the space."""
    known = [t.task for t in PUBLISHED.values() if t.space == space.name and t.columns.val in header]
    return f"; for the published table give --task, one of {', '.join(known)}" if known else ""


def _digest_of(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise TableError(f"The table {str(path)!r} cannot be read: {error.strerror}.") from None
