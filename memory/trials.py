"""Trials: from waiting to an outcome that never changes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from navarch.memory.entries import NewTrial
from navarch.memory.errors import StoreError, UnknownTrialError
from navarch.memory.layout import Table, integer, number, optional_text, text
from navarch.memory.omitted import TOLD, without_told, without_usual
from navarch.memory.rows import FinishedState, TrialRow
from navarch.memory.seal import FINISHED, TRIALS, feedback_seal, read_trial, row_seal
from navarch.memory.text import canonical_json, load_measured, measured_json

_AT = {name: index for index, name in enumerate(TRIALS.names)}
_NEW = TRIALS.insert(dict.fromkeys((*TRIALS.names[:15], "params", "macs", "created_at"), None))[0]
_OUTCOME = (
    "state", "reason", "detail", "val_accuracy", "objectives", "params", "macs", "curve", "cost",
    "train_seconds", "reused_from",
)  # fmt: skip
_FINISH = (
    f"UPDATE trials SET {', '.join(f'{name} = ?' for name in (*_OUTCOME, 'finished_at', 'row_digest'))} "
)

_START = "UPDATE trials SET state = 'running', starts = starts + 1 WHERE trial_id = ? AND state = 'waiting'"
_GIVE = (
    "UPDATE trials SET feedback = ?, feedback_digest = ? "
    "WHERE trial_id = ? AND row_digest IS NOT NULL AND feedback IS NULL RETURNING number"
)


class Trials(Table):
    """Trials of runs: adding, starting, finishing; each write may be repeated without effect."""

    def add_trials(self, run_id: str, round: int, items: Sequence[NewTrial]) -> list[TrialRow]:
        """Store candidates as waiting trials, numbered on from the run's last; known ones stay as they are.

        Returns: the trials in the order of `items`.
        """
        with self._store.transaction():
            last = self._store.row("SELECT max(number) FROM trials WHERE run_id = ?", (run_id,))
            next_number = 1 + (last[0] or 0 if last else 0)
            trials = []
            for item in items:
                key = (
                    run_id,
                    text(item.digest, "digest"),
                    fidelity_key(item.fidelity),
                    integer(item.seed, "seed"),
                )
                trial = self._find(key)
                if trial is None:
                    values = _new_values(key, next_number, round, item, self._store.now())
                    self._store.rows(_NEW, values)
                    trial = self._trial(f"{run_id}/t{next_number}")
                    next_number += 1
                trials.append(trial)
            return trials

    def start_trial(self, trial_id: str) -> TrialRow:
        """Turn a waiting trial into a running one and count the start; any other stays as it is."""
        with self._store.transaction("trial.claimed"):
            self._store.rows(_START, (trial_id,))
            return self._trial(trial_id)

    def finish_trial(
        self,
        trial_id: str,
        *,
        state: FinishedState,
        reason: str | None,
        detail: str,
        objectives: Mapping[str, float],
        curve: Sequence[Any],
        cost: Any,
        reused_from: str | None = None,
    ) -> TrialRow:
        """Store how a trial ended, with the digest of its row, for good.

        `objectives` of a complete trial holds "val_accuracy" (percent), and may hold "params" and "macs";
        `curve` and `cost` are data or dataclasses, `cost` an object with "train_seconds".
        Raises: StoreError for figures that are not finite or out of range, and for a second, other outcome.
        """
        if state not in FINISHED:
            raise StoreError(f"A trial cannot finish in state {state!r}; use one of {', '.join(FINISHED)}.")
        with self._store.transaction("trial.finished"):
            cells = self._cells(trial_id)
            outcome = _outcome_values(cells, state, reason, detail, objectives, curve, cost, reused_from)
            if cells[_AT["row_digest"]] is not None:
                known = read_trial(self._store, cells)
                if any(_plain(name, cells[_AT[name]]) != value for name, value in outcome.items()):
                    raise StoreError(
                        f"The trial {trial_id!r} has finished with another outcome; the first one stays."
                    )
                return known
            outcome["finished_at"] = self._store.now()
            for name, value in outcome.items():
                cells[_AT[name]] = value
            cells[_AT["row_digest"]] = row_seal(cells)
            parameters = (*outcome.values(), cells[_AT["row_digest"]], trial_id)
            self._store.rows(f"{_FINISH} WHERE trial_id = ?", parameters)
            return TRIALS.read(self._store, cells)

    def set_feedback(self, trial_id: str, feedback: Any) -> None:
        """Store the feedback on a finished trial, once. Raises: StoreError for a second, different one."""
        whole = canonical_json(feedback, field="feedback")
        with self._store.transaction():
            row = self._store.row(f"SELECT {', '.join(TOLD)} FROM trials WHERE trial_id = ?", (trial_id,))
            told = {} if row is None else dict(zip(TOLD, row, strict=True))
            stored = canonical_json(without_told(json.loads(whole), told))
            if self._store.rows(_GIVE, (stored, feedback_seal(trial_id, stored), trial_id)):
                return
            trial = self._trial(trial_id)
            if not trial.is_finished:
                raise StoreError(
                    f"The trial {trial_id!r} is {trial.state}; give feedback when it has finished."
                )
            if canonical_json(trial.feedback) != whole:
                raise StoreError(f"The trial {trial_id!r} has other feedback already; the first stays.")

    def requeue_running(self, run_id: str) -> int:
        """Turn the run's running trials, which a crash left, into waiting ones; return how many."""
        with self._store.transaction():
            sql = (
                "UPDATE trials SET state = 'waiting' WHERE run_id = ? AND state = 'running' RETURNING number"
            )
            return len(self._store.rows(sql, (run_id,)))

    def _find(self, key: tuple[object, ...]) -> TrialRow | None:
        where = "run_id = ? AND digest = ? AND fidelity = ? AND seed = ?"
        row = self._store.row(f"{TRIALS.select} WHERE {where}", key)
        return None if row is None else read_trial(self._store, row)

    def _trial(self, trial_id: str) -> TrialRow:
        return read_trial(self._store, self._cells(trial_id))

    def _cells(self, trial_id: str) -> list[Any]:
        row = self._store.row(f"{TRIALS.select} WHERE trial_id = ?", (trial_id,))
        if row is None:
            raise UnknownTrialError(f"The memory {str(self._store.path)!r} has no trial {trial_id!r}.")
        return list(row)


def fidelity_key(fidelity: Mapping[str, Any] | str) -> str:
    """Return a fidelity as canonical JSON text, from data or from any JSON text of it."""
    if not isinstance(fidelity, str):
        return canonical_json(fidelity, field="fidelity")
    try:
        return canonical_json(json.loads(fidelity), field="fidelity")
    except (ValueError, RecursionError) as error:
        raise StoreError(
            f"The memory cannot store fidelity = {fidelity[:80]!r}; give a JSON object."
        ) from error


def _new_values(key: tuple[Any, ...], next_number: int, round: int, item: NewTrial, now: str) -> list[object]:
    run_id, digest, fidelity, seed = key
    return [
        f"{run_id}/t{next_number}",
        run_id,
        next_number,
        integer(round, "round"),
        item.proposal_id,
        text(item.space, "space"),
        canonical_json(item.architecture, field="architecture"),
        text(item.code, "code"),
        text(item.genotype, "genotype"),
        digest,
        text(item.task, "task"),
        text(item.task_digest, "task_digest"),
        fidelity,
        seed,
        "waiting",
        integer(item.params, "params"),
        integer(item.macs, "macs"),
        now,
    ]


def _outcome_values(
    cells: Sequence[Any],
    state: FinishedState,
    reason: str | None,
    detail: str,
    objectives: Mapping[str, float],
    curve: Sequence[Any],
    cost: Any,
    reused_from: str | None,
) -> dict[str, Any]:
    """Return the columns that an outcome fills, in the order of `_OUTCOME`, each judged."""
    figures = {name: number(value, f"objective {name!r}") for name, value in objectives.items()}
    if state == "complete" and "val_accuracy" not in figures:
        raise StoreError(f"The trial {cells[0]!r} cannot be complete without the objective 'val_accuracy'.")
    cost_text = measured_json(without_usual(cost), field="cost")
    return {
        "state": state,
        "reason": optional_text(reason, "reason"),
        "detail": text(detail, "detail"),
        "val_accuracy": figures.get("val_accuracy"),
        "objectives": canonical_json(figures, field="objectives"),
        "params": integer(round(figures.get("params", cells[_AT["params"]])), "params"),
        "macs": integer(round(figures.get("macs", cells[_AT["macs"]])), "macs"),
        "curve": measured_json(curve, field="curve"),
        "cost": cost_text,
        "train_seconds": _train_seconds(cost_text),
        "reused_from": reused_from,
    }


def _plain(name: str, cell: Any) -> Any:
    """Return a stored column as it is stored now: an earlier version left nothing out of a cost."""
    return measured_json(without_usual(load_measured(cell))) if name == "cost" else cell


def _train_seconds(cost_text: str) -> float:
    cost = json.loads(cost_text)
    if not isinstance(cost, dict):
        raise StoreError(f"The memory cannot store cost = {cost_text[:80]}; give an object.")
    return number(cost.get("train_seconds", 0.0), "train_seconds")
