"""The one connection: reads, transactions, and SQLite's errors turned into ours.

Covered: threads of this process (one lock) and other processes (BEGIN IMMEDIATE, and waiting for the lock).
Not covered: sharing one open Memory across a fork; open it again in the child.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from navarch.memory.errors import (
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreUnusableError,
)

Parameters = Sequence[Any]
Fault = Callable[[str], None]

_ERRORS = (sqlite3.Error, UnicodeError, OverflowError)


def no_fault(point: str) -> None:
    """Do nothing at a fault point; tests pass a function that kills the process there."""


class Store:
    """An open database with a lock, a clock and fault points: everything the tables' classes need."""

    def __init__(self, db: Database, path: Path, clock: Callable[[], float], fault: Fault) -> None:
        self.db = db
        self.path = path
        self._clock = clock
        self._fault = fault
        self._lock = threading.RLock()
        self._depth = 0
        self._durable = True
        self._points: list[str] = []

    def now(self) -> str:
        """Return the time as ISO-8601 UTC text with milliseconds."""
        return format_time(self._clock())

    def rows(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows; inside `transaction()` it may also write."""
        with self._lock:
            try:
                self._drop_leftover()
                return self.db.conn.execute(sql, parameters).fetchall()
            except _ERRORS as error:
                raise _explain(self.path, error) from error

    def row(self, sql: str, parameters: Parameters = ()) -> tuple[Any, ...] | None:
        """Run one statement and return its first row, or None."""
        with self._lock:
            try:
                self._drop_leftover()
                cursor = self.db.conn.execute(sql, parameters)
                first: tuple[Any, ...] | None = cursor.fetchone()
                cursor.close()
                return first
            except _ERRORS as error:
                raise _explain(self.path, error) from error

    def many(self, sql: str, rows: Sequence[Parameters]) -> int:
        """Run one statement that writes for each row inside `transaction()`; return how many rows it changed."""
        with self._lock:
            try:
                return self.db.conn.executemany(sql, rows).rowcount
            except _ERRORS as error:
                raise _explain(self.path, error) from error

    @contextmanager
    def transaction(self, point: str | None = None, *, durable: bool = True) -> Iterator[None]:
        """Do all of the block or nothing of it; any exception rolls back. Blocks nest, and the outermost decides.

        The fault point is passed after the outermost commit: what it interrupts is stored. What need not be durable
        survives the death of the process and, like all that came before it, the next commit that waits for the disk;
        a power cut before that may undo it.
        """
        with self._lock:
            try:
                self._begin(durable)
                try:
                    yield
                    if point is not None:
                        self._points.append(point)
                    self._commit()
                except BaseException:
                    self._roll_back()
                    raise
            except _ERRORS as error:
                raise _explain(self.path, error) from error
            if self._depth == 0 and self._points:
                points, self._points = self._points, []
                for passed in points:
                    self._fault(passed)

    def close(self) -> None:
        """Close the connection; twice is fine."""
        with self._lock:
            self.db.close()

    def _begin(self, durable: bool) -> None:
        if self._depth == 0:
            self._drop_leftover()
            self._wait_for_disk(durable)
            self.db.conn.execute("BEGIN IMMEDIATE")
        else:
            self.db.conn.execute(f"SAVEPOINT level_{self._depth}")
        self._depth += 1

    def _wait_for_disk(self, durable: bool) -> None:
        """Choose whether the next commits wait until they are on the disk."""
        if durable != self._durable:
            self.db.conn.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _drop_leftover(self) -> None:
        """End a transaction whose rollback failed, e.g. on a broken disk, so that nothing of it is seen."""
        if self._depth == 0 and self.db.conn.in_transaction:
            self.db.conn.execute("ROLLBACK")

    def _commit(self) -> None:
        outer = self._depth - 1
        self.db.conn.execute("COMMIT" if outer == 0 else f"RELEASE level_{outer}")
        self._depth = outer

    def _roll_back(self) -> None:
        self._depth -= 1
        with suppress(sqlite3.Error):  # the first error is the one to tell
            if not self.db.conn.in_transaction:
                pass  # SQLite has rolled back by itself, as it does when the disk is full
            elif self._depth == 0:
                self.db.conn.execute("ROLLBACK")
            else:
                self.db.conn.execute(f"ROLLBACK TO level_{self._depth}")
                self.db.conn.execute(f"RELEASE level_{self._depth}")
        if self._depth == 0:
            self._points = []


def format_time(seconds: float) -> str:
    """Return a time of the clock as text, e.g. "2026-11-22T04:37:04.123Z"."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite and the file system inside the block into ours, naming the path."""
    try:
        yield
    except _ERRORS as error:
        raise _explain(path, error) from error


def _explain(path: Path, error: Exception) -> StoreError:
    """Return our error for one of SQLite's, or of the values that it was given."""
    if isinstance(error, sqlite3.Error):
        return _translate(path, error)
    return StoreError(f"The memory {str(path)!r} cannot store a value: {error}; correct it.")


def _translate(path: Path, error: sqlite3.Error) -> StoreError:
    """Choose our error for one of SQLite's. Names: https://www.sqlite.org/rescode.html."""
    name = error_name(error)
    where, text = repr(str(path)), _one_line(str(error))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreBusyError(
            f"The memory {where} is in use by another process; wait for it to end, or stop it, and repeat."
        )
    if name == "SQLITE_FULL":
        return StoreFullError(
            f"There is no space left for the memory {where}; nothing stored was lost: free some and resume."
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")) or "decode to UTF-8" in text:
        return damaged(path, text)
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH", "SQLITE_IOERR")):
        return StoreUnusableError(
            f"The memory {where} cannot be read or written ({text}); check the disk and the permissions of "
            "the file and its folder."
        )
    if name.startswith("SQLITE_CONSTRAINT"):
        return StoreError(f"The memory {where} refused a row: {text}; this value or change is not allowed.")
    return StoreError(f"The memory {where} failed: {text or type(error).__name__}; run `navarch doctor`.")


def _one_line(message: str) -> str:
    """Return SQLite's words as one short line; it quotes whole statements of a damaged schema."""
    return " ".join(message.split())[:200].rstrip(". ")


def error_name(error: sqlite3.Error) -> str:
    """Return SQLite's name of an error, e.g. "SQLITE_BUSY"; "" for one that Python itself raised."""
    return str(getattr(error, "sqlite_errorname", ""))


def damaged(path: Path, what: str) -> StoreDamagedError:
    """Return the error that says what is damaged, and that nothing was changed."""
    return StoreDamagedError(
        f"The memory {str(path)!r} is damaged ({what}); it was left as it is: "
        "restore a copy, or name another file to start anew."
    )
