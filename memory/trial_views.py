"""Reading trials: by number, the best, those of other runs to reuse, and the table that compares runs."""

from collections.abc import Mapping
from typing import Any

from navarch.memory.errors import UnknownTrialError
from navarch.memory.layout import Table
from navarch.memory.rows import REPEATS, TrialRow, TrialState
from navarch.memory.seal import TRIALS, read_trial
from navarch.memory.text import measured_json, text_digest
from navarch.memory.trials import fidelity_key

_BEST_FIRST = "ORDER BY val_accuracy DESC, params, number"
_COMPARED = (
    "number", "round", "space", "architecture", "code", "genotype", "digest", "task", "task_digest",
    "fidelity", "seed", "state", "reason", "val_accuracy", "objectives", "params", "macs", "curve",
)  # fmt: skip


class TrialViews(Table):
    """What is known about trials; every finished row is checked against its digest as it is read."""

    def trials(
        self, run_id: str, *, state: TrialState | None = None, round: int | None = None, after: int = 0
    ) -> list[TrialRow]:
        """Return the trials of the run's search by number, of one state or round if given, numbered above `after`.

        Repeats are no part of the search: they are those of the round `REPEATS`.
        """
        where = "run_id = ? AND number > ?" + (f" AND round > {REPEATS}" if round is None else "")
        parameters: list[Any] = [run_id, after]
        for name, value in (("state", state), ("round", round)):
            if value is not None:
                where += f" AND {name} = ?"
                parameters.append(value)
        return self._select(f"{TRIALS.select} WHERE {where} ORDER BY number", parameters)

    def get_trial(self, run_id: str, number: int) -> TrialRow:
        """Return one trial. Raises: UnknownTrialError saying which numbers the run has."""
        found = self._select(f"{TRIALS.select} WHERE run_id = ? AND number = ?", [run_id, number])
        if not found:
            last = self._store.row("SELECT max(number) FROM trials WHERE run_id = ?", (run_id,))
            known = f"its trials are 1 to {last[0]}" if last and last[0] else "it has no trials yet"
            raise UnknownTrialError(f"The run {run_id!r} has no trial {number!r}; {known}.")
        return found[0]

    def best_trial(
        self,
        run_id: str,
        *,
        max_params: int | None = None,
        max_macs: int | None = None,
        max_latency_ms: float | None = None,
        epochs: int | None = None,
    ) -> TrialRow | None:
        """Return the complete trial of highest accuracy (validation); of equals the smaller, then earlier.

        epochs: only trials of this fidelity count.
        """
        found = self.top_trials(
            run_id, 1, max_params=max_params, max_macs=max_macs, max_latency_ms=max_latency_ms, epochs=epochs
        )
        return found[0] if found else None

    def top_trials(
        self,
        run_id: str,
        n: int,
        *,
        max_params: int | None = None,
        max_macs: int | None = None,
        max_latency_ms: float | None = None,
        epochs: int | None = None,
    ) -> list[TrialRow]:
        """Return the `n` best complete trials of the run's search, best first, chosen as `best_trial` chooses."""
        where = f"run_id = ? AND state = 'complete' AND +round > {REPEATS}"  # the index of accuracies is to be used
        parameters: list[Any] = [run_id]
        latency = "json_extract(objectives, '$.latency_ms')"
        for name, limit in (("params", max_params), ("macs", max_macs), (latency, max_latency_ms)):
            if limit is not None:
                where += f" AND {name} <= ?"
                parameters.append(limit)
        if epochs is not None:
            where += " AND json_extract(fidelity, '$.epochs') = ?"
            parameters.append(epochs)
        return self._select(f"{TRIALS.select} WHERE {where} {_BEST_FIRST} LIMIT ?", [*parameters, max(0, n)])

    def count_finished(self, run_id: str) -> int:
        """Return how many trials of the search have their outcome; numbers have no gaps, so few are looked at."""
        row = self._store.row(
            "SELECT (SELECT coalesce(max(number), 0) FROM trials WHERE run_id = ?1)"
            f" - (SELECT count(*) FROM trials WHERE run_id = ?1 AND round = {REPEATS})"
            " - (SELECT count(*) FROM trials WHERE run_id = ?1 AND state IN ('waiting', 'running')"
            f" AND +round > {REPEATS})",  # by the index of states: few are open
            (run_id,),
        )
        return int(row[0]) if row is not None else 0

    def repeats(self, run_id: str) -> list[TrialRow]:
        """Return the run's repeats by number: known architectures, trained again on other seeds."""
        return self.trials(run_id, round=REPEATS)

    def all_repeats(
        self, *, space: str, task_digest: str, fidelity: Mapping[str, Any] | str
    ) -> list[TrialRow]:
        """Return the complete repeats of all runs on one space, task and fidelity, each architecture and seed once."""
        where = f"round = {REPEATS} AND space = ? AND task_digest = ? AND fidelity = ? AND state = 'complete'"
        sql = f"{TRIALS.select} WHERE {where} ORDER BY rowid"
        found = self._select(sql, [space, task_digest, fidelity_key(fidelity)])
        return list({(row.digest, row.seed): row for row in reversed(found)}.values())[::-1]

    def find_finished(
        self,
        *,
        digest: str,
        task_digest: str,
        fidelity: Mapping[str, Any] | str,
        seed: int,
        exclude_run: str | None = None,
        most_start_epochs: int = 0,
    ) -> TrialRow | None:
        """Return the oldest complete trial of equal architecture, task, fidelity and seed in another run.

        most_start_epochs: the result is the same for one that went on from the weights of another trial, its cost is
        not: it may have begun after so many epochs at most.
        """
        where = "digest = ? AND task_digest = ? AND fidelity = ? AND seed = ? AND state = 'complete'"
        parameters = [digest, task_digest, fidelity_key(fidelity), seed, most_start_epochs, exclude_run]
        where += " AND coalesce(json_extract(cost, '$.start_epochs'), 0) <= ?"
        sql = f"{TRIALS.select} WHERE {where} AND run_id IS NOT ? ORDER BY rowid LIMIT 1"
        found = self._select(sql, parameters)
        return found[0] if found else None

    def trial_table(self, run_id: str) -> list[dict[str, Any]]:
        """Return the run's trials, repeats too, without ids, times, costs and wording: equal for equal searches."""
        return [
            {name: getattr(trial, name) for name in _COMPARED} | {"reused": trial.reused_from is not None}
            for trial in self._select(f"{TRIALS.select} WHERE run_id = ? ORDER BY number", [run_id])
        ]

    def trial_table_digest(self, run_id: str) -> str:
        """Return the sha256 of the trial table: one text that tells whether two searches were the same."""
        rows = [measured_json(row) for row in self.trial_table(run_id)]
        return text_digest("\n".join(rows))

    def _select(self, sql: str, parameters: list[Any]) -> list[TrialRow]:
        return [read_trial(self._store, row) for row in self._store.rows(sql, parameters)]
