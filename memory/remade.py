"""Version 5 of the tables that were made anew: what names a proposal is its key, and is not stored beside it."""

from sqlite_utils import Database

from navarch.memory.tables import TABLES_V1

PROPOSALS_V5 = """
CREATE TABLE proposals (
    run_id TEXT NOT NULL REFERENCES runs,
    round INTEGER NOT NULL CHECK (round >= 0),
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    position INTEGER NOT NULL CHECK (position >= 0),
    proposal_id TEXT AS (run_id || '/r' || round || '.p' || attempt || '.' || position) VIRTUAL,
    call_id TEXT REFERENCES calls,
    origin TEXT NOT NULL,
    raw TEXT NOT NULL,
    architecture TEXT,
    code TEXT,
    digest TEXT,
    why TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN
            ('proposed', 'valid', 'invalid', 'duplicate', 'vetoed', 'unselected', 'selected')),
    problems TEXT NOT NULL,
    verdict TEXT,
    PRIMARY KEY (run_id, round, attempt, position),
    CHECK (status IN ('proposed', 'invalid') OR (architecture IS NOT NULL AND digest IS NOT NULL))
) STRICT, WITHOUT ROWID
""".strip()

TRIALS_V5 = next(sql for sql in TABLES_V1 if sql.startswith("CREATE TABLE trials")).replace(
    "proposal_id TEXT REFERENCES proposals", "proposal_id TEXT"
)
"""A reference needs an index of what it names; `navarch doctor` looks for the proposals of trials instead."""

_INDEXES = (
    "SELECT sql FROM sqlite_schema WHERE tbl_name = ? AND type = 'index' AND sql NOT NULL ORDER BY rowid"
)


def remake(db: Database, table: str, create: str, order: str) -> None:
    """Make a table anew with the rows of the old one, in that order, and with its indexes.

    The rows wait in a table of the connection's own. References are not enforced meanwhile; the caller holds the
    transaction, and has taken the triggers away.
    """
    indexes = [sql for (sql,) in db.execute(_INDEXES, (table,)).fetchall()]
    db.execute(f"CREATE TEMP TABLE waiting_rows AS SELECT * FROM {table} ORDER BY {order}")
    db.execute(f"DROP TABLE main.{table}")
    db.execute(create)
    kept = {name for _, name, *_ in db.execute("PRAGMA temp.table_info(waiting_rows)").fetchall()}
    names = [name for _, name, *_ in db.execute(f"PRAGMA main.table_info({table})").fetchall()]
    columns = ", ".join(name for name in names if name in kept)
    db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM waiting_rows ORDER BY rowid")
    db.execute("DROP TABLE temp.waiting_rows")
    for sql in indexes:
        db.execute(sql)
