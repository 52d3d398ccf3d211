"""The finished trials of a run as roles may see them: read once, ranked, cut to what a view holds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import ne
from typing import NamedTuple

from navarch.agents.kernel import Values
from navarch.agents.views import TrialView
from navarch.evaluation import Limits
from navarch.memory import Memory, TrialRow
from navarch.spaces import SearchSpace

BEST, VARIED, LATEST = 4, 3, 2  # trials that sum a long search up


class Known(NamedTuple):
    """A finished trial, with the values of its canonical form for the surrogate."""

    trial: TrialView
    canonical: Values


@dataclass(frozen=True, slots=True)
class Bounds:
    """Which trials may be called best; None is no bound."""

    max_params: int | None
    max_macs: int | None
    max_latency_ms: float | None = None

    def admits(self, trial: TrialView) -> bool:
        """Tell whether the trial has an accuracy and is within the bounds."""
        return trial.val_accuracy is not None and Limits(
            self.max_params, self.max_macs, self.max_latency_ms
        ).admits(trial.params, trial.macs, trial.latency_ms)


class FinishedTrials:
    """Read a run's finished trials by round. A round that is over never changes, so it is read once."""

    def __init__(self, memory: Memory, space: SearchSpace, run_id: str) -> None:
        """Take where to read; nothing is read yet."""
        self._memory = memory
        self._space = space
        self._run_id = run_id
        self._over: list[Sequence[Known]] = []

    def before(self, round: int) -> list[Known]:
        """Return the finished trials of earlier rounds, in the order of their numbers."""
        while len(self._over) < round - 1:
            self._over.append(self.of(len(self._over) + 1))
        return [known for over in self._over[: round - 1] for known in over]

    def of(self, round: int) -> list[Known]:
        """Return the finished trials of one round, read afresh."""
        rows = self._memory.trials(self._run_id, round=round)
        return [self._known(row) for row in sorted(rows, key=lambda row: row.number) if row.is_finished]

    def _known(self, row: TrialRow) -> Known:
        architecture = self._space.parse(row.architecture)
        trial = TrialView(
            number=row.number,
            round=row.round,
            code=row.code,
            values=architecture.values,
            state=row.state,
            reason=row.reason,
            detail=row.detail,
            val_accuracy=row.val_accuracy if row.state == "complete" else None,
            params=row.params,
            macs=row.macs,
            feedback=row.feedback,
            latency_ms=row.objectives.get("latency_ms"),
        )
        return Known(trial, self._space.canonical(architecture).values)


def best_trials(known: Sequence[Known], bounds: Bounds, count: int) -> tuple[TrialView, ...]:
    """Return the best trials within the bounds: by accuracy, then fewer parameters, then lower number."""
    admitted = [k.trial for k in known if bounds.admits(k.trial)]
    return tuple(sorted(admitted, key=lambda t: (-(t.val_accuracy or 0.0), t.params, t.number))[:count])


def cut_history(known: Sequence[Known], limit: int) -> tuple[TrialView, ...]:
    """Return at most `limit` trials, the best half and the latest others, by number and without feedback."""
    kept = [k.trial for k in known]
    if len(kept) > limit:
        ranked = sorted(kept, key=lambda t: (-(t.val_accuracy or 0.0), t.number))
        chosen = {trial.number for trial in ranked[: limit // 2]}
        latest = [trial.number for trial in reversed(kept) if trial.number not in chosen]
        chosen.update(latest[: limit - len(chosen)])
        kept = [trial for trial in kept if trial.number in chosen]
    return tuple(replace(trial, feedback=None) for trial in kept)


def sum_up(known: Sequence[Known], bounds: Bounds) -> tuple[TrialView, ...]:
    """Return the trials that sum a search up, by number and without feedback; all where they are few.

    The best, then those that differ most from all chosen before (in the values of the canonical form), then the latest.
    """
    if len(known) <= BEST + VARIED + LATEST:
        return tuple(replace(k.trial, feedback=None) for k in known)
    best = {trial.number for trial in best_trials(known, bounds, BEST)}
    chosen = {k.trial.number: k for k in known if k.trial.number in best}
    near = {k.trial.number: min((_distance(k, one) for one in chosen.values()), default=0) for k in known}
    rest = {
        k.trial.number: k for k in known if k.trial.val_accuracy is not None and k.trial.number not in best
    }
    for _ in range(min(VARIED, len(rest))):
        number = max(rest, key=lambda n: (near[n], rest[n].trial.val_accuracy or 0.0, -n))
        chosen[number] = rest.pop(number)
        near = {n: min(near[n], _distance(k, chosen[number])) for n, k in rest.items()}
    for one in known[::-1]:
        if len(chosen) == BEST + VARIED + LATEST:
            break
        chosen.setdefault(one.trial.number, one)
    return tuple(replace(chosen[number].trial, feedback=None) for number in sorted(chosen))


def _distance(one: Known, other: Known) -> int:
    return sum(map(ne, one.canonical, other.canonical))


def count_idle_rounds(known: Sequence[Known], bounds: Bounds, round: int) -> int:
    """Return how many of the rounds before `round`, the latest ones, brought no better trial."""
    best, last_gain = float("-inf"), 0
    for trial in (k.trial for k in known if bounds.admits(k.trial)):
        if trial.val_accuracy is not None and trial.val_accuracy > best:
            best, last_gain = trial.val_accuracy, trial.round
    return round - 1 - last_gain
