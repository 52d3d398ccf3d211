"""Make a new memory: complete under a temporary name, then linked into place; half a one is never seen."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from navarch.memory.connecting import connect, set_pragmas
from navarch.memory.connection import Fault
from navarch.memory.errors import StoreUnusableError
from navarch.memory.schema import APPLICATION_ID, migrate


def create_file(path: Path, clock: Callable[[], float], fault: Fault) -> None:
    """Make a complete, empty memory and link it into place; a process that was faster wins.

    SQLite gives the files beside it (-wal, -shm) the same mode, 0600.
    """
    _make_folder(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", suffix=".new", dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        db = connect(draft, "mode=rw", timeout_s=0)
        try:
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            set_pragmas(db, path)
            migrate(db, clock, fault)
        finally:
            db.close()
        _link(draft, path)
    finally:
        for leftover in (draft, Path(f"{name}-wal"), Path(f"{name}-shm")):
            leftover.unlink(missing_ok=True)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Lend the name of a draft to fill and close; then it is linked to `path`. Raises: StoreUnusableError if taken."""
    taken = StoreUnusableError(f"There is a file at {str(path)!r} already; name another one.")
    if path.exists():
        raise taken
    draft = path.parent / f".{path.name[:64]}.{os.getpid()}.new"
    try:
        yield draft
        if not _link(draft, path):
            raise taken
    finally:
        for leftover in (draft, Path(f"{draft}-wal"), Path(f"{draft}-shm")):
            leftover.unlink(missing_ok=True)


def _link(draft: Path, path: Path) -> bool:
    """Link the draft into place; return False when a file is there."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        # some file systems have no hard links (FAT, some network drives)
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK) or path.exists():
            raise
        draft.rename(path)
    with suppress(OSError):  # not every file system lets a folder be synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return True


def _make_folder(folder: Path) -> None:
    """Create the folder and its missing parents, each with mode 0700."""
    if not folder.exists():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
