"""Runs and their rounds."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from navarch.memory.errors import StoreError, UnknownRunError
from navarch.memory.layout import Layout, Table, integer, optional_number, optional_text, text
from navarch.memory.rows import RoundRow, RunRow, RunState
from navarch.memory.text import canonical_json

LATEST = "latest"

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_RUNS = Layout("runs", RunRow, json=["settings"])
_ROUNDS = Layout("rounds", RoundRow)
_WRITTEN = (
    "WITH place(run, round) AS "
    "(SELECT ?1, coalesce(?2, (SELECT max(round) FROM rounds WHERE run_id = ?1), 0)) "
    "SELECT (SELECT count(*) FROM calls WHERE run_id = run AND calls.round = place.round AND state != 'reserved')"
    " + (SELECT count(*) + count(digest) FROM proposals WHERE run_id = run AND proposals.round = place.round)"
    " + (SELECT count(*) + count(row_digest) FROM trials WHERE run_id = run AND trials.round = place.round) "
    "FROM place"
)


def is_run_id(name: str) -> bool:
    """Return whether a run may have this id."""
    return name != LATEST and _RUN_ID.fullmatch(name) is not None


class Runs(Table):
    """Runs: what was asked for, and whether it goes on."""

    def create_run(
        self,
        *,
        run_id: str | None = None,
        workflow: str,
        space: str,
        task: str,
        task_digest: str,
        evaluator: str,
        seed: int,
        settings: Mapping[str, Any],
        version: str,
        dimensions: Mapping[str, Sequence[str]] | None = None,
    ) -> RunRow:
        """Store a new run in state "running", with no segment yet; without an id it is named r1, r2, ...

        dimensions: those of the space with their options in order, so that its proposals need not repeat the names.
        Raises: StoreError if the id is taken or odd.
        """
        if run_id is not None and not is_run_id(run_id):
            raise StoreError(
                f"The run id {run_id!r} is not allowed; "
                "use up to 64 letters, digits, dots, dashes and underscores."
            )
        now = self._store.now()
        values: dict[str, object] = {
            "workflow": text(workflow, "workflow"),
            "space": text(space, "space"),
            "task": text(task, "task"),
            "task_digest": text(task_digest, "task_digest"),
            "evaluator": text(evaluator, "evaluator"),
            "seed": integer(seed, "seed"),
            "settings": canonical_json(settings, field="settings"),
            "version": text(version, "version"),
            "state": "running",
            "created_at": now,
            "updated_at": now,
        }
        conflict = "ON CONFLICT (run_id) DO NOTHING RETURNING run_id"
        with self._store.transaction():
            name = run_id or self._free_id()
            if not self._store.rows(*_RUNS.insert({"run_id": name, **values}, conflict=conflict)):
                raise StoreError(
                    f"The run {name!r} exists already in {str(self._store.path)!r}; "
                    "resume it or choose another id."
                )
            if dimensions is not None:
                sql = "UPDATE runs SET dimensions = ? WHERE run_id = ?"
                self._store.rows(sql, (canonical_json(dimensions, field="dimensions"), name))
            return self._run(name)

    def _free_id(self) -> str:
        taken = {row[0] for row in self._store.rows("SELECT run_id FROM runs")}
        return next(
            f"r{number}" for number in range(len(taken) + 1, 2 * len(taken) + 2) if f"r{number}" not in taken
        )

    def get_run(self, name: str) -> RunRow:
        """Return the run of that id, of that unique beginning of an id, or the newest for "latest".

        Raises: UnknownRunError naming the nearest ids.
        """
        if name == LATEST:
            rows = self._store.rows(f"{_RUNS.select} ORDER BY rowid DESC LIMIT 1")
        else:
            name = text(name, "run")
            rows = self._store.rows(f"{_RUNS.select} WHERE run_id = ?", (name,))
            if not rows and name:
                starts = f"{_RUNS.select} WHERE substr(run_id, 1, ?) = ? ORDER BY rowid DESC"
                rows = self._store.rows(starts, (len(name), name))
        if len(rows) != 1:
            raise self._unknown(name, [row[0] for row in rows])
        return _RUNS.read(self._store, rows[0])

    def runs(self) -> list[RunRow]:
        """Return all runs, newest first."""
        rows = self._store.rows(f"{_RUNS.select} ORDER BY rowid DESC")
        return [_RUNS.read(self._store, row) for row in rows]

    def set_run_state(self, run_id: str, state: RunState, stop_reason: str | None = None) -> RunRow:
        """Store how the run stands, and why it stopped."""
        return self._change_run(
            run_id, "state = ?, stop_reason = ?", (state, optional_text(stop_reason, "stop_reason"))
        )

    def begin_segment(self, run_id: str) -> RunRow:
        """Count one more start of the run; it is running, and no stop is asked for any more.

        A run that was finishing stays so: its search is over, whatever is left of its budget.
        """
        kept = "state = 'finishing'"
        changes = (
            "segments = segments + 1, stop_requested = 0, "
            f"stop_reason = iif({kept}, stop_reason, NULL), state = iif({kept}, state, 'running')"
        )
        return self._change_run(run_id, changes, ())

    def written(self, run_id: str, round: int | None = None) -> int:
        """Return how much of a round is stored, as a count that only grows: what a checkpoint is measured against.

        round: the newest one if none is given.
        """
        row = self._store.row(_WRITTEN, (run_id, None if round is None else integer(round, "round")))
        return int(row[0]) if row is not None else 0

    def request_stop(self, run_id: str) -> RunRow:
        """Ask the process that drives the run to stop after what it is doing."""
        return self._change_run(run_id, "stop_requested = 1", ())

    def stop_requested(self, run_id: str) -> bool:
        """Whether someone asked the run to stop."""
        row = self._store.row("SELECT stop_requested FROM runs WHERE run_id = ?", (run_id,))
        if row is None:
            raise self._unknown(run_id, [])
        return bool(row[0])

    def _run(self, run_id: str) -> RunRow:
        row = self._store.row(f"{_RUNS.select} WHERE run_id = ?", (run_id,))
        if row is None:
            raise self._unknown(run_id, [])
        return _RUNS.read(self._store, row)

    def _change_run(self, run_id: str, change: str, parameters: tuple[object, ...]) -> RunRow:
        with self._store.transaction():
            sql = f"UPDATE runs SET {change}, updated_at = ? WHERE run_id = ?"
            self._store.rows(sql, (*parameters, self._store.now(), run_id))
            return self._run(run_id)

    def _unknown(self, name: str, matches: list[str]) -> UnknownRunError:
        if matches:
            return UnknownRunError(
                f"More than one run begins with {name!r}: {', '.join(matches[:5])}; give more of it."
            )
        known = [row[0] for row in self._store.rows("SELECT run_id FROM runs ORDER BY rowid DESC LIMIT 1000")]
        if not known:
            return UnknownRunError(
                f"There is no run yet in {str(self._store.path)!r}; start one with `navarch run`."
            )
        shown = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:3]
        return UnknownRunError(f"There is no run {name!r}; did you mean one of: {', '.join(shown)}?")


class Rounds(Table):
    """Rounds: the passes of a run through the graph."""

    def open_round(self, run_id: str, round: int) -> RoundRow:
        """Store a round as begun; one that exists stays as it is, also when it is closed."""
        values = {
            "run_id": run_id,
            "round": integer(round, "round"),
            "state": "open",
            "started_at": self._store.now(),
        }
        sql, parameters = _ROUNDS.insert(values, conflict="ON CONFLICT (run_id, round) DO NOTHING")
        with self._store.transaction():
            self._store.rows(sql, parameters)
            return self.get_round(run_id, round)

    def close_round(self, run_id: str, round: int, *, new_trials: int, best: float | None) -> RoundRow:
        """Store a round as done. Raises: StoreError when it is closed with other figures."""
        figures = (integer(new_trials, "new_trials"), optional_number(best, "best"))
        with self._store.transaction():
            current = self.get_round(run_id, round)
            if current.state == "open":
                sql = (
                    "UPDATE rounds SET state = 'closed', new_trials = ?, best = ?, ended_at = ? "
                    "WHERE run_id = ? AND round = ?"
                )
                self._store.rows(sql, (*figures, self._store.now(), run_id, round))
            elif (current.new_trials, current.best) != figures:
                raise StoreError(
                    f"Round {round} of {run_id!r} is closed with other figures than {figures!r}."
                )
            return self.get_round(run_id, round)

    def get_round(self, run_id: str, round: int) -> RoundRow:
        """Return one round. Raises: StoreError if it was never opened."""
        row = self._store.row(f"{_ROUNDS.select} WHERE run_id = ? AND round = ?", (run_id, round))
        if row is None:
            raise StoreError(f"The run {run_id!r} has no round {round!r}; open it first.")
        return _ROUNDS.read(self._store, row)

    def last_round(self, run_id: str) -> int:
        """Return the number of the newest round, 0 before the first."""
        row = self._store.row("SELECT max(round) FROM rounds WHERE run_id = ?", (run_id,))
        return int(row[0] or 0) if row is not None else 0

    def closed_rounds(self, run_id: str, newest: int) -> list[RoundRow]:
        """Return the newest rounds that are over, at most so many, in order."""
        where = "WHERE run_id = ? AND state = 'closed' ORDER BY round DESC LIMIT ?"
        rows = self._store.rows(f"{_ROUNDS.select} {where}", (run_id, integer(newest, "newest")))
        return [_ROUNDS.read(self._store, row) for row in reversed(rows)]

    def rounds(self, run_id: str) -> list[RoundRow]:
        """Return the rounds of a run in order."""
        rows = self._store.rows(f"{_ROUNDS.select} WHERE run_id = ? ORDER BY round", (run_id,))
        return [_ROUNDS.read(self._store, row) for row in rows]
