"""The tables, as numbered migrations: migration n turns a file of version n - 1 into version n.

A migration that has been released is never edited; a change is a new function at the end of `MIGRATIONS`.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

from sqlite_utils import Database

from navarch.memory.connection import Fault, format_time
from navarch.memory.remade import PROPOSALS_V5, TRIALS_V5, remake
from navarch.memory.tables import TABLES_V1

APPLICATION_ID = 0x4E415652
"""The bytes "NAVR" in the file's header: what makes a SQLite file ours."""

Migration = Callable[[Database], None]


def create_tables(db: Database) -> None:
    """Create the first version's tables, indexes and triggers."""
    for statement in TABLES_V1:
        db.execute(statement)


def save_room(db: Database) -> None:
    """Give long texts a column for their compressed form; a proposal's encoding follows from its architecture."""
    db.execute("ALTER TABLE texts ADD COLUMN packed BLOB")
    db.execute("ALTER TABLE proposals DROP COLUMN genotype")


def count_cached(db: Database) -> None:
    """Give calls a count of the input tokens that the server had in its prompt cache."""
    db.execute("ALTER TABLE calls ADD COLUMN cached_tokens INTEGER CHECK (cached_tokens >= 0)")


def share_texts(db: Database) -> None:
    """Change no table: a compressed text may now be what differs from another, which older versions cannot read."""


def write_less(db: Database) -> None:
    """Key proposals by their place, give runs the options that their proposals number, drop what messages tell."""
    db.execute("ALTER TABLE runs ADD COLUMN dimensions TEXT")
    db.execute("ALTER TABLE calls DROP COLUMN render_digest")
    remake(db, "proposals", PROPOSALS_V5, "run_id, round, attempt, position")
    remake(db, "trials", TRIALS_V5, "rowid")


MIGRATIONS: list[Migration] = [create_tables, save_room, count_cached, share_texts, write_less]


def apply_migration(db: Database, number: int, applied_at: str) -> None:
    """Apply one migration with its record and the new version number; the caller holds the transaction."""
    migration = MIGRATIONS[number - 1]
    with _views_aside(db):
        migration(db)
    db.execute(
        "INSERT INTO migrations (number, name, applied_at) VALUES (?, ?, ?)",
        (number, migration.__name__, applied_at),
    )
    db.execute(f"PRAGMA user_version = {number}")


@contextmanager
def _views_aside(db: Database) -> Iterator[None]:
    """Take views and triggers away meanwhile: SQLite drops no column that one of the user's reads."""
    sql = "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('trigger', 'view') ORDER BY type"
    found = db.execute(sql).fetchall()
    for kind, name, _ in found:  # the triggers of a view before it
        quoted = name.replace('"', '""')
        db.execute(f'DROP {kind} "{quoted}"')
    yield
    for _, _, created in reversed(found):
        db.execute(created)


def migrate(db: Database, clock: Callable[[], float], fault: Fault) -> None:
    """Apply the missing migrations, each in one transaction; another process may have been faster."""
    ((enforced,),) = db.execute("PRAGMA foreign_keys").fetchall()
    db.execute("PRAGMA foreign_keys = OFF")  # tables that others refer to may be made anew
    for number in range(1, len(MIGRATIONS) + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            if db.execute("PRAGMA user_version").fetchone()[0] < number:
                apply_migration(db, number, format_time(clock()))
            fault("migration.step")
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.rollback()
            raise
        fault("migration.step")
    db.execute(f"PRAGMA foreign_keys = {enforced}")


def read_schema(db: Database) -> dict[str, tuple[str, str, str | None]]:
    """Return name -> (type, table, SQL) of everything declared in the file."""
    rows = db.execute("SELECT name, type, tbl_name, sql FROM sqlite_schema").fetchall()
    return {name: (kind, table, sql) for name, kind, table, sql in rows}


def schema_problems(db: Database, version: int) -> list[str]:
    """Say how the file's schema differs from the one we made. Tables, views and indexes of the user may stay.

    A trigger that is not ours could change what we write, a view could pose as a table: both are refused.
    """
    expected, found = _expected_schema(version), read_schema(db)
    problems = [
        f"{kind} {name!r} is missing or not as it was made"
        for name, (kind, table, sql) in expected.items()
        if found.get(name) != (kind, table, sql)
    ]
    ours = {name for name, (kind, _, _) in expected.items() if kind == "table"}
    problems += [
        f"trigger {name!r} was added to {table!r}"
        for name, (kind, table, _) in found.items()
        if kind == "trigger" and name not in expected and table in ours
    ]
    return problems


@cache
def _expected_schema(version: int) -> dict[str, tuple[str, str, str | None]]:
    db = Database(memory=True, execute_plugins=False)
    try:
        for number in range(1, version + 1):
            with db.atomic():
                apply_migration(db, number, "")
        return read_schema(db)
    finally:
        db.close()
