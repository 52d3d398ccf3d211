"""Open the memory's file, or make it, without ever altering a file that is not a sound memory of ours.

The order is what keeps that promise: look at the path, read 100 bytes, look through a read-only connection,
and only then open for writing. A new file is made under a temporary name and linked into place when complete.
"""

import errno
import os
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote_from_bytes

from sqlite_utils import Database

from navarch.memory.connection import Fault, damaged, error_name, format_time, storage_errors
from navarch.memory.errors import (
    StoreAlienError,
    StoreError,
    StoreFullError,
    StoreNewerError,
    StoreUnusableError,
)
from navarch.memory.schema import APPLICATION_ID, MIGRATIONS, apply_migration, schema_problems

QUICK_CHECK_BYTES = 64 * 1024 * 1024
"""Larger files open without the page check (about 1 ms a MB); `Memory.check` reads everything."""

_MAGIC = b"SQLite format 3\x00"


def open_database(
    path: Path, *, create: bool, read_only: bool, timeout_s: float, clock: Callable[[], float], fault: Fault
) -> Database:
    """Return a checked connection to the memory at `path`, migrated to this version unless read-only.

    Raises: the Store errors, each before the file was altered.
    """
    with _file_errors(path), storage_errors(path):
        if not _exists(path):
            if read_only or not create:
                raise StoreUnusableError(
                    f"There is no memory at {str(path)!r}; start one with `navarch run`."
                )
            _create(path, clock, fault)
        _check_header(path)
        version = _look(path, timeout_s)
        if read_only:
            return _open_read_only(path, timeout_s, version)
        return _open_for_writing(path, timeout_s, version, clock, fault)


def _exists(path: Path) -> bool:
    """Whether a regular file is there. Raises: StoreUnusableError for anything else that is."""
    if "\x00" in str(path):
        raise StoreUnusableError(f"The path {str(path)!r} holds a NUL character; name another file.")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise StoreUnusableError(
                f"The path {str(path)!r} is a link to nothing; remove it or name another file."
            ) from None
        return False
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise StoreUnusableError(f"The path {str(path)!r} is {kind}; name a file for the memory.")
    return True


def _check_header(path: Path) -> None:
    """Judge the file by its first 100 bytes. Layout: https://www.sqlite.org/fileformat2.html#the_database_header."""
    with path.open("rb") as file:
        head = file.read(100)
    name = repr(str(path))
    is_marked = head[68:72] == APPLICATION_ID.to_bytes(4, "big")
    if not head:
        raise StoreAlienError(f"The file {name} is empty, not a memory; delete it or name another file.")
    if not head.startswith(_MAGIC):
        if is_marked:
            raise damaged(path, "its first bytes are not SQLite's")
        raise StoreAlienError(f"The file {name} is not a SQLite database; name another file for the memory.")
    if len(head) < 100:
        raise damaged(path, f"it ends after {len(head)} bytes")
    if not is_marked:
        raise StoreAlienError(f"The file {name} is another application's database; name another file.")
    _check_version(path, int.from_bytes(head[60:64], "big", signed=True))


def _check_version(path: Path, version: int) -> None:
    if version > len(MIGRATIONS):
        raise StoreNewerError(
            f"The memory {str(path)!r} has version {version}, and this Navarch knows versions up to "
            f"{len(MIGRATIONS)}; upgrade Navarch."
        )
    if version < 1:
        raise damaged(path, f"its version is {version}")


def _look(path: Path, timeout_s: float) -> int:
    """Read the file through a connection that cannot write, and return its version. Raises: Store errors."""
    db = _connect_to_read(path, timeout_s)
    try:
        if _pragma(db, "application_id") != APPLICATION_ID:
            raise StoreAlienError(
                f"The file {str(path)!r} is another application's database; name another file."
            )
        version = int(str(_pragma(db, "user_version")))
        _check_version(path, version)
        problems = schema_problems(db, version)
        if problems:
            raise damaged(path, problems[0])
        if path.stat().st_size <= QUICK_CHECK_BYTES and (answer := _pragma(db, "quick_check(1)")) != "ok":
            raise damaged(path, " ".join(str(answer).split()))
        return version
    finally:
        db.close()


def _open_read_only(path: Path, timeout_s: float, version: int) -> Database:
    if version < len(MIGRATIONS):
        raise StoreUnusableError(
            f"The memory {str(path)!r} has the older version {version}; open it for writing to upgrade it."
        )
    db = _connect_to_read(path, timeout_s)
    db.execute("PRAGMA query_only = ON")
    return db


def _open_for_writing(
    path: Path, timeout_s: float, version: int, clock: Callable[[], float], fault: Fault
) -> Database:
    if not _is_writable(path) or not _is_writable(path.parent):
        raise StoreUnusableError(
            f"The memory {str(path)!r} or its folder cannot be written; change the permissions "
            "or name another file."
        )
    db = _connect(path, "mode=rw", timeout_s)
    try:
        _set_pragmas(db, path)
        if version < len(MIGRATIONS):
            _migrate(db, clock, fault)
    except BaseException:
        db.close()
        raise
    return db


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _create(path: Path, clock: Callable[[], float], fault: Fault) -> None:
    """Make a complete, empty memory and link it into place; a process that was faster wins.

    SQLite gives the files beside it (-wal, -shm) the same mode, 0600.
    """
    _make_folder(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", suffix=".new", dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        db = _connect(draft, "mode=rw", timeout_s=0)
        try:
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            _set_pragmas(db, path)
            _migrate(db, clock, fault)
        finally:
            db.close()
        _link(draft, path)
    finally:
        for leftover in (draft, Path(f"{name}-wal"), Path(f"{name}-shm")):
            leftover.unlink(missing_ok=True)


def _link(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return
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


def _make_folder(folder: Path) -> None:
    """Create the folder and its missing parents, each with mode 0700."""
    if not folder.exists():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _migrate(db: Database, clock: Callable[[], float], fault: Fault) -> None:
    """Apply the missing migrations, each in one transaction; another process may have been faster."""
    for number in range(1, len(MIGRATIONS) + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            if int(str(_pragma(db, "user_version"))) < number:
                apply_migration(db, number, format_time(clock()))
            fault("migration.step")
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.rollback()
            raise
        fault("migration.step")


def _connect(path: Path, mode: str, timeout_s: float) -> Database:
    """Connect by URI, in which every byte of the path is quoted, so that no path can carry options."""
    uri = f"file:{quote_from_bytes(os.fsencode(path))}?{mode}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=timeout_s, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        return Database(connection, execute_plugins=False)
    except BaseException:
        connection.close()
        raise


def _connect_to_read(path: Path, timeout_s: float) -> Database:
    """Connect read-only; in a folder that cannot be written, as a file that nobody changes."""
    db = _connect(path, "mode=ro", timeout_s)
    try:
        _pragma(db, "application_id")
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:
        db.close()
        if error_name(error).startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")) and not _has_wal(path):
            return _connect(path, "mode=ro&immutable=1", timeout_s)
        raise
    except BaseException:
        db.close()
        raise
    return db


def _has_wal(path: Path) -> bool:
    return os.path.exists(f"{os.path.realpath(path)}-wal")


def _set_pragmas(db: Database, path: Path) -> None:
    """Set what a connection for writing needs and read it back: SQLite refuses silently."""
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
    }
    for name, value in wanted.items():
        db.execute(f"PRAGMA {name} = {value}")
        got = _pragma(db, name)
        if got != value:
            raise StoreUnusableError(
                f"The memory {str(path)!r} cannot have {name} = {value} (SQLite says {got!r}); "
                "keep it on a local disk."
            )


def _pragma(db: Database, name: str) -> object:
    row = db.execute(f"PRAGMA {name}").fetchone()
    return None if row is None else row[0]


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Turn the file system's errors into ours."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFullError(
                f"There is no space for the memory {str(path)!r}; free some and repeat."
            ) from error
        raise StoreUnusableError(
            f"The path {str(path)!r} cannot hold a memory ({reason}); check it or name another file."
        ) from error
