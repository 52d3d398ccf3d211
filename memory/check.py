"""The integrity check of `navarch doctor`: everything that can be told from the file, in plain sentences.

Covered: pages and indexes (SQLite's own check), CHECK constraints, references, the schema, the digests of
finished trials and of their feedback, gaps in trial numbers, every stored text.
Not covered: a changed value in the other tables.
"""

import sqlite3
from collections.abc import Callable, Iterator

from navarch.memory.connection import Store, storage_errors
from navarch.memory.errors import StoreError
from navarch.memory.schema import schema_problems
from navarch.memory.seal import TRIALS, seal_problem
from navarch.memory.text import text_digest
from navarch.memory.texts import read_cells

_MOST = 100
_WITHOUT_PROPOSAL = (
    "SELECT trial_id, proposal_id FROM trials "
    "WHERE proposal_id NOT NULL AND proposal_id NOT IN (SELECT proposal_id FROM proposals)"
)
_WITHOUT_CALL = (
    "SELECT run_id, round, run_id || '/r' || round || '.' || trim(direction, '\"') AS call FROM rounds "
    "WHERE direction GLOB '\"*' AND call NOT IN (SELECT call_id FROM calls)"
)


def find_problems(store: Store) -> list[str]:
    """Return what is wrong with the memory, at most 100 sentences a kind; an empty list when it is sound."""
    problems: list[str] = []
    for find in (_pages, _references, _schema, _trials, _numbers, _texts):
        problems += _collect(store, find)
    return problems


def _collect(store: Store, find: Callable[[Store], Iterator[str]]) -> list[str]:
    """Run one check to its end or to the error that ends it, which is a finding too."""
    found: list[str] = []
    try:
        with storage_errors(store.path):
            for problem in find(store):
                found.append(problem)
                if len(found) == _MOST:
                    break
    except (StoreError, sqlite3.Error) as error:
        found.append(str(error))
    return found


def _pages(store: Store) -> Iterator[str]:
    for (answer,) in store.rows(f"PRAGMA integrity_check({_MOST})"):
        if answer != "ok":
            yield f"SQLite's check says: {' '.join(str(answer).split())}."


def _references(store: Store) -> Iterator[str]:
    for table, rowid, parent, _ in store.rows("PRAGMA foreign_key_check"):
        which = "A row" if rowid is None else f"Row {rowid}"
        yield f"{which} of {table} refers to a row of {parent} that does not exist."
    for trial_id, proposal_id in store.rows(_WITHOUT_PROPOSAL):
        yield f"Trial {trial_id!r} refers to the proposal {proposal_id!r}, which does not exist."
    for run_id, round, call in store.rows(_WITHOUT_CALL):
        yield f"Round {round} of {run_id!r} has the direction of the call {call!r}, which does not exist."


def _schema(store: Store) -> Iterator[str]:
    ((version,),) = store.rows("PRAGMA user_version")
    for problem in schema_problems(store.db, version):
        yield f"The schema was changed: {problem}."


def _trials(store: Store) -> Iterator[str]:
    # by rowid, so that no index can hide a row; in one pass, so that memory stays flat
    for cells in store.db.execute(f"{TRIALS.select} NOT INDEXED ORDER BY rowid"):
        problem = seal_problem(cells)
        if problem is not None:
            yield f"{problem[0].upper()}{problem[1:]}."


def _numbers(store: Store) -> Iterator[str]:
    sql = "SELECT run_id, count(*), max(number) FROM trials NOT INDEXED GROUP BY run_id"
    for run_id, count, last in store.rows(sql):
        if count == last:
            continue
        yield f"The run {run_id!r} has {count} trials, but its last number is {last}."


def _texts(store: Store) -> Iterator[str]:
    sql = "SELECT digest, text, packed FROM texts NOT INDEXED ORDER BY rowid"
    for digest, text, packed in store.db.execute(sql):
        found = read_cells(store, text, packed)
        if found is None or text_digest(found) != digest:
            yield f"The text {str(digest)[:12]!r} differs from its digest."
