"""Take runs from one memory to another: rows as they are, ids consistent, every digest checked on the way.

A run comes with the runs whose trials it reuses, since a reused trial says where it was measured. An id that is taken
becomes a free one in every row that names it, and the digests of trials are made anew. What is there already stays.
Not covered: `replay:` names in settings, which mean the runs of the memory that a run was made in.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from typing import Any, NamedTuple

from navarch.memory.connection import Store, damaged, storage_errors
from navarch.memory.runs import is_run_id
from navarch.memory.seal import TRIALS, feedback_seal, row_seal, seal_problem
from navarch.memory.text import base_of, canonical_json, pack, text_digest
from navarch.memory.texts import read_cells

Clean = Callable[[dict[str, Any]], dict[str, Any]]
Rows = list[dict[str, Any]]

_TABLES = ("runs", "rounds", "calls", "proposals", "trials", "lessons", "test_scores")
_ORDERS = {"proposals": "round, attempt, position"}  # in which their rows were stored; else by rowid
_IDS = {"run_id", "call_id", "proposal_id", "trial_id", "lesson_id", "reused_from"}
_REUSED = (
    "SELECT DISTINCT source.run_id FROM trials JOIN trials AS source "
    "ON trials.reused_from = source.trial_id WHERE trials.run_id = ?"
)
_TEXTS = (
    "SELECT reply FROM calls WHERE run_id = ?1 UNION SELECT reasoning FROM calls WHERE run_id = ?1 "
    "UNION SELECT json_extract(pair.value, '$[1]') FROM calls, json_each(calls.messages) AS pair WHERE run_id = ?1"
)


class Taken(NamedTuple):
    """A run that was taken over, and its id in the other memory; not `is_new`: it was there before."""

    run_id: str
    new_id: str
    is_new: bool


def copy_runs(source: Store, target: Store, run_ids: Sequence[str], clean: Clean) -> list[Taken]:
    """Copy the runs and those whose trials they reuse, all or none; `clean` is given the settings of each.

    Raises: StoreDamagedError when something in the source differs from its digest.
    """
    with _snapshot(source), target.transaction():
        target.rows("PRAGMA defer_foreign_keys = ON")
        runs = {run: _read_run(source, run, clean) for run in _with_reused(source, run_ids)}
        known = _find_known(target, runs, clean)
        names = known | _free_names(target, [run for run in runs if run not in known])
        for run, tables in runs.items():
            if run in known:
                continue
            _copy_texts(source, target, run)
            for table, rows in _renamed(tables, names).items():
                _insert(target, table, rows)
    return [Taken(run, names[run], run not in known) for run in runs]


@contextmanager
def _snapshot(store: Store) -> Iterator[None]:
    """Read one state of the source, whatever another process writes meanwhile."""
    with storage_errors(store.path):
        store.db.conn.execute("BEGIN")
        try:
            yield
        finally:
            store.db.conn.execute("ROLLBACK")


def _with_reused(source: Store, run_ids: Sequence[str]) -> list[str]:
    """Return the runs and all that they reuse trials of, in the order in which they were made."""
    wanted = list(run_ids)
    for run in wanted:  # grows as it goes
        wanted += [other for (other,) in source.db.execute(_REUSED, (run,)) if other not in wanted]
    order = [run for (run,) in source.db.execute("SELECT run_id FROM runs ORDER BY rowid")]
    return sorted(wanted, key=order.index)


def _read_run(source: Store, run_id: str, clean: Clean) -> dict[str, Rows]:
    if not is_run_id(run_id):  # it becomes a part of file names
        raise damaged(source.path, f"the run id {run_id[:80]!r} is none that we give")
    tables = {table: _rows(source, table, run_id) for table in _TABLES}
    for row in tables["trials"]:
        problem = seal_problem([row[name] for name in TRIALS.names])
        if problem is not None:
            raise damaged(source.path, problem)
    for row in tables["runs"]:
        try:
            row["settings"] = canonical_json(clean({**json.loads(row["settings"])}), field="settings")
        except (ValueError, TypeError, RecursionError) as error:
            raise damaged(source.path, f"the settings of run {run_id!r} are not readable") from error
    return tables


def _rows(store: Store, table: str, run_id: str) -> Rows:
    # table_info leaves out what is computed from other columns
    columns = [name for _, name, *_ in store.db.execute(f"PRAGMA table_info({table})")]
    order = _ORDERS.get(table, "rowid")
    sql = f"SELECT {', '.join(columns)} FROM {table} WHERE run_id = ? ORDER BY {order}"
    return [dict(zip(columns, cells, strict=True)) for cells in store.db.execute(sql, (run_id,))]


def _find_known(target: Store, runs: Mapping[str, dict[str, Rows]], clean: Clean) -> dict[str, str]:
    """Return the runs that the target has already, row by row the same, with their ids there."""
    maybe: dict[str, str] = {}
    for run, tables in runs.items():
        sql = "SELECT run_id FROM runs WHERE created_at = ? ORDER BY run_id != ?, rowid"
        found = [name for (name,) in target.db.execute(sql, (tables["runs"][0]["created_at"], run))]
        maybe |= {run: found[0]} if found else {}
    return {
        run: name
        for run, name in maybe.items()
        if _read_run(target, name, clean) == _renamed(runs[run], maybe)
    }


def _free_names(target: Store, runs: Sequence[str]) -> dict[str, str]:
    """Return a free id for each run: its own if it can be, else the next of r1, r2, ..."""
    taken = {name for (name,) in target.db.execute("SELECT run_id FROM runs")}
    names = {}
    for run in runs:
        numbered = (f"r{number}" for number in range(1, len(taken) + 2))
        names[run] = run if run not in taken else next(name for name in numbered if name not in taken)
        taken.add(names[run])
    return names


def _renamed(tables: Mapping[str, Rows], names: Mapping[str, str]) -> dict[str, Rows]:
    """Return the rows with other ids, the digests of changed trials made anew."""
    renamed = {
        table: [
            {column: _rename(value, names) if column in _IDS else value for column, value in row.items()}
            for row in rows
        ]
        for table, rows in tables.items()
    }
    for row, before in zip(renamed["trials"], tables["trials"], strict=True):
        if row != before and row["row_digest"] is not None:
            row["row_digest"] = row_seal([row[name] for name in TRIALS.names])
        if row != before and row["feedback"] is not None:
            row["feedback_digest"] = feedback_seal(row["trial_id"], row["feedback"])
    return renamed


def _rename(cell: Any, names: Mapping[str, str]) -> Any:
    """Return an id such as `r1/t3` under its run's other name."""
    if not isinstance(cell, str):
        return cell
    run, slash, rest = cell.partition("/")
    return f"{names.get(run, run)}{slash}{rest}"


def _insert(target: Store, table: str, rows: Rows) -> None:
    for row in rows:
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        target.rows(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))


def _copy_texts(source: Store, target: Store, run_id: str) -> None:
    """Copy the prompts and replies of the run's calls, each checked against its digest."""
    own = {digest for (digest,) in source.db.execute(_TEXTS, (run_id,)) if digest is not None}
    for digest in sorted(own):
        _copy_text(source, target, digest, own)


def _copy_text(source: Store, target: Store, digest: str, own: Set[str]) -> None:
    """Copy a text, and before it the whole one that it is kept as the difference to, unless the target has it."""
    row = source.db.execute("SELECT text, packed FROM texts WHERE digest = ?", (digest,)).fetchone()
    found = None if row is None else read_cells(source, *row)
    if row is None or found is None or text_digest(found) != digest:
        raise damaged(source.path, f"the text {digest[:12]!r} is missing or differs from its digest")
    if target.row("SELECT 1 FROM texts WHERE digest = ?", (digest,)) is not None:
        return
    # Where the other one is of another run, or a difference itself in the target, this one is kept whole.
    base = base_of(row[1])
    if base is not None:
        if base in own:
            _copy_text(source, target, base, own)
        there = target.row("SELECT packed FROM texts WHERE digest = ?", (base,))
        row = row if there is not None and base_of(there[0]) is None else pack(found)
    sql = "INSERT INTO texts (digest, text, packed) VALUES (?, ?, ?)"
    target.rows(sql, (digest, *row))
