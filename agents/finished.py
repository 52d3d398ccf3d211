"""The finished trials of a run as roles may see them: read once, ranked, cut to what a view holds."""

from bisect import insort
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from navarch.agents.kernel import Values
from navarch.agents.views import TrialView
from navarch.evaluation import Limits
from navarch.memory import Memory, TrialRow
from navarch.spaces import SearchSpace

BEST, VARIED, LATEST = 4, 3, 2  # trials that sum a long search up


class Known(NamedTuple):
    """A finished trial, the same without feedback, and the values of its canonical form."""

    trial: TrialView
    bare: TrialView
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

    def __init__(self, memory: Memory, space: SearchSpace, run_id: str, bounds: Bounds) -> None:
        """Take where to read, and what may be called best; nothing is read yet."""
        self._memory = memory
        self._space = space
        self._run_id = run_id
        self._bounds = bounds
        self._record = Record(bounds)
        self._ends: list[int] = []  # by round, the finished trials at its end

    def before(self, round: int) -> "Record":
        """Return the finished trials of earlier rounds; it grows when a later round is asked for."""
        while len(self._ends) < round - 1:
            self._keep(self._read(len(self._ends) + 1)[0])
        if round - 1 == len(self._ends):
            return self._record
        return Record(self._bounds, self._record.known[: self._ends[round - 2] if round > 1 else 0])

    def through(self, round: int) -> tuple["Record", tuple[TrialView, ...]]:
        """Return the finished trials up to the end of a round, and those of the round; one not over is read afresh."""
        record, (new, is_over) = self.before(round), self._read(round)
        if is_over and record is self._record:
            self._keep(new)
        else:
            record = record.joined_by(new)
        return record, tuple(one.trial for one in new)

    def _keep(self, known: list[Known]) -> None:
        """Take the trials of the next round, which is over."""
        self._record.add(known)
        self._ends.append(len(self._record.known))

    def _read(self, round: int) -> tuple[list[Known], bool]:
        """Return the finished trials of a round, and whether it had its end: all have feedback then."""
        rows = self._memory.trials(self._run_id, round=round)
        is_over = bool(rows) and all(row.feedback is not None for row in rows)
        return [self._known(row) for row in rows if row.is_finished], is_over

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
        return Known(trial, replace(trial, feedback=None), self._space.canonical(architecture).values)


class Record:
    """Finished trials in the order of their rounds and numbers, ranked as they come."""

    def __init__(self, bounds: Bounds, known: Iterable[Known] = ()) -> None:
        """Take what may be called best, and the first trials."""
        self.known: list[Known] = []
        self.by_number: dict[int, TrialView] = {}
        self.codes: dict[str, None] = {}  # in the order in which they came first
        self._bounds = bounds
        self._ranking: list[tuple[float, int, int]] = []  # loss, number, place: of all
        self._best: list[
            tuple[float, int, int, int]
        ] = []  # loss, parameters, number, place: within the bounds
        self._highest = float("-inf")
        self._last_gain = 0
        self._accuracies: list[float] = []
        self._unlikeness = _Unlikeness()
        self._chosen: dict[int, tuple[Known, ...]] = {}  # by limit
        self._digest: tuple[TrialView, ...] | None = None
        self.add(known)

    def __len__(self) -> int:
        return len(self.known)

    def add(self, known: Iterable[Known]) -> None:
        """Add trials of later rounds."""
        for one in known:
            trial, place = one.trial, len(self.known)
            self.known.append(one)
            self.by_number[trial.number] = trial
            self.codes.setdefault(trial.code)
            loss = -(trial.val_accuracy or 0.0)
            self._accuracies.append(np.nan if trial.val_accuracy is None else trial.val_accuracy)
            self._unlikeness.add(one.canonical)
            insort(self._ranking, (loss, trial.number, place))
            if self._bounds.admits(trial):
                insort(self._best, (loss, trial.params, trial.number, place))
                if -loss > self._highest:
                    self._highest, self._last_gain = -loss, trial.round
            self._chosen.clear()
            self._digest = None

    def joined_by(self, known: Iterable[Known]) -> "Record":
        """Return a record that has more trials; this one stays."""
        joined = copy(self)
        joined.known, joined.by_number = self.known.copy(), self.by_number.copy()
        joined.codes, joined._chosen, joined._digest = self.codes.copy(), {}, None
        joined._ranking, joined._best = self._ranking.copy(), self._best.copy()
        joined._accuracies, joined._unlikeness = self._accuracies.copy(), self._unlikeness.copy()
        joined.add(known)
        return joined

    def of_round(self, round: int) -> tuple[TrialView, ...]:
        """Return the trials of the last round, if it is this one."""
        last = takewhile(lambda one: one.trial.round == round, reversed(self.known))
        return tuple(one.trial for one in last)[::-1]

    def best(self, count: int) -> tuple[TrialView, ...]:
        """Return the best trials within the bounds: by accuracy, then fewer parameters, then lower number."""
        return tuple(self.known[place].trial for *_, place in self._best[:count])

    def history(self, limit: int) -> tuple[TrialView, ...]:
        """Return at most `limit` trials, the best half and the latest others, by number and without feedback."""
        return tuple(one.bare for one in self.chosen(limit))

    def chosen(self, limit: int) -> tuple[Known, ...]:
        """Return the trials of the history with all that is known of them."""
        if limit not in self._chosen:
            places: Iterable[int] = range(len(self.known))
            if len(self.known) > limit:
                best = {place for *_, place in self._ranking[: limit // 2]}
                places = sorted(self._with_latest(best, limit))
            self._chosen[limit] = tuple(self.known[place] for place in places)
        return self._chosen[limit]

    def _with_latest(self, chosen: set[int], count: int) -> set[int]:
        """Return what is chosen with the latest others, so many together."""
        found = set(chosen)
        for place in reversed(range(len(self.known))):
            if len(found) >= count:
                break
            found.add(place)
        return found

    def digest(self) -> tuple[TrialView, ...]:
        """Return the trials that sum the search up, by number and without feedback; all where they are few.

        The best, then those that differ most from all chosen before (in the values of the canonical form), of equals
        the best and then the earliest; then the latest.
        """
        if self._digest is None:
            self._digest = self._sum_up()
        return self._digest

    def _sum_up(self) -> tuple[TrialView, ...]:
        if len(self.known) <= BEST + VARIED + LATEST:
            return tuple(one.bare for one in self.known)
        chosen = {place for *_, place in self._best[:BEST]}
        accuracies = np.array(self._accuracies)
        free = ~np.isnan(accuracies)
        near: NDArray[np.int64] | None = None
        for place in chosen:
            free[place] = False
            near = self._nearer(near, place)
        for _ in range(min(VARIED, int(free.sum()))):
            places = np.flatnonzero(free)
            for figures in (np.zeros(len(free)) if near is None else near, accuracies):
                places = places[figures[places] == figures[places].max()]
            place = int(places[0])
            chosen.add(place)
            free[place] = False
            near = None if near is None else self._nearer(near, place)
        return tuple(
            self.known[place].bare for place in sorted(self._with_latest(chosen, BEST + VARIED + LATEST))
        )

    def _nearer(self, near: NDArray[np.int64] | None, place: int) -> NDArray[np.int64]:
        distances: NDArray[np.int64] = self._unlikeness.distances([self.known[place].canonical])[0]
        return distances if near is None else np.minimum(near, distances)

    def idle_rounds(self, round: int) -> int:
        """Return how many of the rounds before `round`, the latest ones, brought no better trial."""
        return round - 1 - self._last_gain

    def nearest(self, canonical: Sequence[Values]) -> list[tuple[int | None, int | None]]:
        """Return for each canonical form the number of the first nearest trial, and how many dimensions differ."""
        if not self.known or not canonical:
            return [(None, None)] * len(canonical)
        distances = self._unlikeness.distances(canonical)
        places = distances.argmin(axis=1).tolist()
        return [
            (self.known[place].trial.number, near)
            for place, near in zip(places, distances.min(axis=1).tolist(), strict=True)
        ]


class _Unlikeness:
    """In how many dimensions architectures differ: their options as whole numbers, a row for each dimension."""

    def __init__(self) -> None:
        self._options: list[dict[str, int]] = []
        self._codes: NDArray[np.int32] = np.empty((0, 0), dtype=np.int32)
        self._count = 0

    def copy(self) -> "_Unlikeness":
        """Return one that grows on its own."""
        other = _Unlikeness()
        other._options = [options.copy() for options in self._options]
        other._codes, other._count = self._codes.copy(), self._count
        return other

    def add(self, values: Values) -> None:
        """Add an architecture."""
        if not self._count:
            self._options = [{} for _ in values]
            self._codes = np.empty((len(values), 64), dtype=np.int32)
        if self._count == self._codes.shape[1]:
            self._codes = np.hstack([self._codes, np.empty_like(self._codes)])
        row = [options.setdefault(v, len(options)) for options, v in zip(self._options, values, strict=True)]
        self._codes[:, self._count] = row
        self._count += 1

    def distances(self, values: Sequence[Values]) -> NDArray[np.int64]:
        """Return the distance of each architecture, a row for each, to each that was added, in their order."""
        total = np.zeros((len(values), self._count), dtype=np.int64)
        columns = zip(*values, strict=True)
        for codes, options, column in zip(self._codes, self._options, columns, strict=True):
            asked = np.array([options.get(value, -1) for value in column], dtype=np.int32)
            total += asked[:, None] != codes[None, : self._count]
        return total
