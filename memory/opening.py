"""Open the memory's file, or have it made, without ever altering a file that is not a sound memory of ours.

The order is what keeps that promise: look at the path, read 100 bytes, look through a read-only connection,
and only then open for writing.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from navarch.memory.connecting import connect, connect_to_read, copy_in_memory, pragma, set_pragmas
from navarch.memory.connection import Fault, damaged, no_fault, storage_errors
from navarch.memory.creating import create_file
from navarch.memory.errors import (
    StoreAlienError,
    StoreError,
    StoreFullError,
    StoreNewerError,
    StoreUnusableError,
)
from navarch.memory.schema import APPLICATION_ID, MIGRATIONS, migrate, schema_problems

QUICK_CHECK_BYTES = 64 * 1024 * 1024
"""Larger files open without the page check (1 ms a MB, two cores, November 2026); `Memory.check` has it."""

_MAGIC = b"SQLite format 3\x00"


def open_database(
    path: Path, *, create: bool, read_only: bool, timeout_s: float, clock: Callable[[], float], fault: Fault
) -> Database:
    """Return a checked connection to the memory at `path`, of this version: a file for writing is
    migrated, one for reading stays as it is.

    Raises: the Store errors, each before the file was altered.
    """
    with _file_errors(path), storage_errors(path):
        if not _exists(path):
            if read_only or not create:
                raise StoreUnusableError(
                    f"There is no memory at {str(path)!r}; start one with `navarch run`."
                )
            create_file(path, clock, fault)
        _check_header(path)
        version = _look(path, timeout_s)
        if read_only:
            return _open_read_only(path, timeout_s, version, clock)
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
    db = connect_to_read(path, timeout_s)
    try:
        if pragma(db, "application_id") != APPLICATION_ID:
            raise StoreAlienError(
                f"The file {str(path)!r} is another application's database; name another file."
            )
        version = int(str(pragma(db, "user_version")))
        _check_version(path, version)
        problems = schema_problems(db, version)
        if problems:
            raise damaged(path, problems[0])
        if path.stat().st_size <= QUICK_CHECK_BYTES and (answer := pragma(db, "quick_check(1)")) != "ok":
            raise damaged(path, " ".join(str(answer).split()))
        return version
    finally:
        db.close()


def _open_read_only(path: Path, timeout_s: float, version: int, clock: Callable[[], float]) -> Database:
    """Return a connection that cannot write; an older file is read from a copy of this version, and stays older."""
    if version == len(MIGRATIONS):
        db = connect_to_read(path, timeout_s)
    else:
        db = copy_in_memory(path, timeout_s)
        try:
            migrate(db, clock, no_fault)
        except BaseException:
            db.close()
            raise
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
    db = connect(path, "mode=rw", timeout_s)
    try:
        set_pragmas(db, path)
        if version < len(MIGRATIONS):
            migrate(db, clock, fault)
    except BaseException:
        db.close()
        raise
    return db


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


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
