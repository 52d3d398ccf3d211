"""Where the data of a run are: the file that was named, or what was imported under that name or for the task."""

from dataclasses import dataclass
from os.path import isfile
from pathlib import Path

from navarch.evaluation.tables.folder import DataFolder, Stored
from navarch.evaluation.tables.opening import TableError
from navarch.spaces import SearchSpace


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read. name: what it was imported under, None for a file of the user's. is_partial: rows may lack."""

    path: Path
    name: str | None = None
    is_partial: bool = False


def find_source(named: Path, space: SearchSpace) -> Source:
    """Return the file at a path, or where there is none, what was imported under that name.

    Raises: TableError when there is neither, and for imported data of another space or that are damaged.
    """
    folder = DataFolder()
    if isfile(named):
        return Source(named)
    stored = folder.find(str(named))
    if stored is None:
        raise TableError(
            f"There is no table at {str(named)!r}, and nothing was imported under that name (navarch data list); "
            "docs/evaluators.md says what file is needed."
        )
    if stored.space != space.name:
        raise TableError(
            f"The imported data {stored.name!r} are of the space {stored.space!r}, not of {space.name!r}."
        )
    return _source(folder, stored)


def find_for_task(task: str, space: SearchSpace) -> Source | None:
    """Return what was imported for a task, of the space if several were; None if nothing was. Raises: TableError."""
    folder = DataFolder()
    found = [stored for stored in folder.stored() if task in stored.tasks]
    found.sort(key=lambda stored: (stored.space != space.name, stored.is_partial))
    return _source(folder, found[0]) if found else None


def flags_of_imported(space: SearchSpace) -> list[str]:
    """Return the flags, one for each, that name the tables of results that were imported for a space."""
    flags = []
    for stored in DataFolder().stored():
        if stored.space == space.name and stored.kind not in ("latency", "layers"):
            flags += [f"--task {task}" for task in stored.tasks] or [f"--set table.path={stored.name}"]
    return flags


def find_latency(space: SearchSpace, device: str | None) -> Source | None:
    """Return the imported latencies of a space, with the device if several are there. Raises: TableError."""
    folder = DataFolder()
    found = [s for s in folder.stored() if s.kind in ("latency", "layers") and s.space == space.name]
    found.sort(key=lambda stored: device not in stored.columns)
    return _source(folder, found[0]) if found else None


def _source(folder: DataFolder, stored: Stored) -> Source:
    return Source(folder.file_of(stored), stored.name, stored.is_partial)
