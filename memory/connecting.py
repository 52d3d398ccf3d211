"""Connections to the file: by URI, for reading or for writing, with the settings read back."""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote_from_bytes

from sqlite_utils import Database

from navarch.memory.connection import error_name
from navarch.memory.errors import StoreUnusableError


def connect(path: Path, mode: str, timeout_s: float) -> Database:
    """Connect by URI, in which every byte of the path is quoted, so that no path can carry options."""
    return _connect(f"file:{quote_from_bytes(os.fsencode(path))}?{mode}", timeout_s)


def copy_in_memory(path: Path, timeout_s: float) -> Database:
    """Return a copy of the file that lives in this process alone, as large as the file; the file is only read."""
    source = connect_to_read(path, timeout_s)
    try:
        copy = _connect("file::memory:", timeout_s)
        try:
            source.conn.backup(copy.conn)
        except BaseException:
            copy.close()
            raise
        return copy
    finally:
        source.close()


def _connect(uri: str, timeout_s: float) -> Database:
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


def connect_to_read(path: Path, timeout_s: float) -> Database:
    """Connect read-only; in a folder that cannot be written, as a file that nobody changes."""
    db = connect(path, "mode=ro", timeout_s)
    try:
        pragma(db, "application_id")
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:
        db.close()
        if error_name(error).startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")) and not _has_wal(path):
            return connect(path, "mode=ro&immutable=1", timeout_s)
        raise
    except BaseException:
        db.close()
        raise
    return db


def _has_wal(path: Path) -> bool:
    return os.path.exists(f"{os.path.realpath(path)}-wal")


def set_pragmas(db: Database, path: Path) -> None:
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
        got = pragma(db, name)
        if got != value:
            raise StoreUnusableError(
                f"The memory {str(path)!r} cannot have {name} = {value} (SQLite says {got!r}); "
                "keep it on a local disk."
            )


def pragma(db: Database, name: str) -> object:
    """Return the answer to a PRAGMA, or None if it gives none."""
    row = db.execute(f"PRAGMA {name}").fetchone()
    return None if row is None else row[0]
