"""What each role gets to see of the memory: the four views of a run, and the surrogate's estimates for the Critic.

A view depends on stored rows of earlier rounds alone, and on this round's earlier nodes; never on times, other runs or
the order of outcomes within a round. So a run that was killed and resumed shows its roles exactly what they saw before.
It never carries the name of the space or of the task.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from navarch.agents.surrogate import Values, fit
from navarch.agents.views import (
    CandidateView,
    CriticView,
    DistillerView,
    GeneratorView,
    LessonView,
    Mission,
    NavigatorView,
    ProblemView,
    SpaceView,
    TrialView,
)
from navarch.evaluation import Task
from navarch.memory import Memory, ProposalRow, TrialRow
from navarch.spaces import Architecture, SearchSpace

HISTORY = (
    100  # trials in a view's history: the best half and the latest others, in the order of their numbers
)
TOP = 10  # best trials in a view
BUILD_ON = 3  # best trials for the Generator when no Navigator has spoken
AVOID = 300  # codes that the Generator is told to avoid: the latest
CANDIDATES = 64  # what one reply of the Critic can judge
TEXT = 300  # characters of a refused proposal's own text
REFUSED = ("invalid", "duplicate", "vetoed")
NO_DIRECTION: Mapping[str, Any] = {
    "summary": "",
    "patterns": [],
    "guidance": [],
    "build_on": [],
    "explore": 1.0,
}


class _Known(NamedTuple):
    """A finished trial as the roles see it, with the values of its canonical form for the surrogate."""

    view: TrialView
    canonical: Values


@dataclass(frozen=True, slots=True)
class _Estimate:
    mean: float | None
    std: float | None


class Recall:
    """Build the views of one run. Closed rounds are read once, so a view costs the same early and late."""

    def __init__(
        self,
        memory: Memory,
        space: SearchSpace,
        task: Task,
        run_id: str,
        *,
        target: float | None,
        max_params: int | None,
        max_macs: int | None,
        trials_budget: int,
        epochs: int,
        proposals_per_call: int,
        trials_per_round: int,
    ) -> None:
        """Take what a run's settings fix; `skeleton` of the costs is the task's own for this space."""
        self._memory = memory
        self._space = space
        self._task = task
        self._run_id = run_id
        self._target = target
        self._max_params = max_params
        self._max_macs = max_macs
        self._trials_budget = trials_budget
        self._epochs = epochs
        self._proposals_per_call = proposals_per_call
        self._trials_per_round = trials_per_round
        self._space_view = _describe(space)
        self._closed: dict[int, list[_Known]] = {}

    def navigator(self, round: int) -> NavigatorView:
        """Return what the Navigator sees at the start of `round`: all finished trials of the rounds before."""
        known = self._before(round)
        counts = dict.fromkeys(REFUSED, 0)
        for row in self._memory.proposals(self._run_id, round=round - 1) if round > 1 else ():
            if row.status in counts:
                counts[row.status] += 1
        return NavigatorView(
            mission=self._mission(round, known),
            space=self._space_view,
            new=tuple(k.view for k in known if k.view.round == round - 1),
            top=self._top(known),
            history=_history(known),
            lessons=self._lessons(round),
            refused=counts,
            rounds_without_gain=self._idle_rounds(round, known),
        )

    def generator(self, round: int, attempt: int) -> GeneratorView:
        """Return what the Generator sees: the direction, the trials to build on, and why earlier attempts were refused.

        Without a direction (the Navigator switched off) it builds on the best trials.
        """
        known = self._before(round)
        stored = self._memory.get_round(self._run_id, round)
        direction = stored.direction if stored is not None else None
        by_number = {k.view.number: k.view for k in known}
        wanted = direction["build_on"] if direction else [t.number for t in self._top(known)[:BUILD_ON]]
        earlier = [row for row in self._candidates_of(round) if row.attempt < attempt]
        refused = [row for row in earlier if row.status in ("invalid", "duplicate")]
        open_codes = [row.code for row in earlier if row.code is not None and row not in refused]
        codes = dict.fromkeys([*(k.view.code for k in known), *open_codes])
        return GeneratorView(
            mission=self._mission(round, known),
            space=self._space_view,
            direction=direction or NO_DIRECTION,
            lessons=self._lessons(round),
            build_on=tuple(by_number[number] for number in dict.fromkeys(wanted) if number in by_number),
            avoid=tuple(codes)[-AVOID:],
            count=self._proposals_per_call,
            refused=tuple(_problem(row) for row in refused),
        )

    def critic(self, round: int, candidates: Sequence[ProposalRow], keep: int | None = None) -> CriticView:
        """Return what the Critic sees: the candidates in the order given, numbered from 1, with the surrogate's estimates.

        candidates: valid proposals; those past `CANDIDATES` are left out. keep: how many will be evaluated.
        """
        known = self._before(round)
        stored = self._memory.get_round(self._run_id, round)
        rows = [row for row in candidates if row.architecture is not None][:CANDIDATES]
        architectures = [self._space.parse(row.architecture) for row in rows]
        canonical = [self._space.canonical(arch).values for arch in architectures]
        estimates = _estimate(known, canonical)
        views = [
            self._candidate(index, row, arch, values, estimate, known)
            for index, (row, arch, values, estimate) in enumerate(
                zip(rows, architectures, canonical, estimates, strict=True), start=1
            )
        ]
        return CriticView(
            mission=self._mission(round, known),
            space=self._space_view,
            direction=(stored.direction if stored is not None else None) or NO_DIRECTION,
            lessons=self._lessons(round),
            top=self._top(known),
            candidates=tuple(views),
            keep=self._trials_per_round if keep is None else keep,
        )

    def distiller(self, round: int) -> DistillerView:
        """Return what the Distiller sees at the end of `round`: its finished trials, and all before them."""
        before, new = self._before(round), self._read(round)
        return DistillerView(
            mission=self._mission(round, [*before, *new]),
            space=self._space_view,
            new=tuple(k.view for k in new),
            history=_history([*before, *new]),
            lessons=self._lessons(round),
        )

    def _before(self, round: int) -> list[_Known]:
        """Return the finished trials of earlier rounds, in the order of their numbers."""
        for earlier in range(len(self._closed) + 1, round):
            self._closed[earlier] = self._read(earlier)
        return [known for earlier in range(1, round) for known in self._closed[earlier]]

    def _read(self, round: int) -> list[_Known]:
        rows = self._memory.trials(self._run_id, round=round)
        return [self._known(row) for row in sorted(rows, key=lambda row: row.number) if row.is_finished]

    def _known(self, row: TrialRow) -> _Known:
        architecture = self._space.parse(row.architecture)
        view = TrialView(
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
        )
        return _Known(view, self._space.canonical(architecture).values)

    def _mission(self, round: int, known: Sequence[_Known]) -> Mission:
        return Mission(
            metric=self._task.metric,
            classes=self._task.classes,
            resolution=self._task.resolution,
            in_channels=self._task.in_channels,
            train_images=self._task.train_size,
            epochs=self._epochs,
            target=self._target,
            max_params=self._max_params,
            max_macs=self._max_macs,
            round=round,
            trials_done=len(known),
            trials_budget=self._trials_budget,
        )

    def _is_within_limits(self, trial: TrialView) -> bool:
        return (self._max_params is None or trial.params <= self._max_params) and (
            self._max_macs is None or trial.macs <= self._max_macs
        )

    def _top(self, known: Sequence[_Known]) -> tuple[TrialView, ...]:
        """Return the best trials within the limits: highest accuracy, then fewer parameters, then lower number."""
        scored = [
            (-k.view.val_accuracy, k.view.params, k.view.number, k.view)
            for k in known
            if k.view.val_accuracy is not None and self._is_within_limits(k.view)
        ]
        return tuple(entry[-1] for entry in sorted(scored, key=lambda entry: entry[:3])[:TOP])

    def _idle_rounds(self, round: int, known: Sequence[_Known]) -> int:
        """Return how many of the latest rounds brought no better trial within the limits."""
        best, last_gain = float("-inf"), 0
        for view in (k.view for k in known):
            if view.val_accuracy is not None and self._is_within_limits(view) and view.val_accuracy > best:
                best, last_gain = view.val_accuracy, view.round
        return round - 1 - last_gain

    def _lessons(self, round: int) -> tuple[LessonView, ...]:
        """Return the lessons in force when `round` began."""
        rows = self._memory.lessons(self._run_id, active=False)
        return tuple(
            LessonView(
                number=row.number,
                statement=row.statement,
                dimension=row.dimension,
                option=row.option,
                effect=row.effect,
                supports=tuple(row.supports),
                contradicts=tuple(row.contradicts),
            )
            for row in sorted(rows, key=lambda row: row.number)
            if row.round < round and (row.retired_round is None or row.retired_round >= round)
        )

    def _candidates_of(self, round: int) -> list[ProposalRow]:
        rows = self._memory.proposals(self._run_id, round=round)
        return sorted(rows, key=lambda row: (row.attempt, row.position))

    def _candidate(
        self,
        index: int,
        row: ProposalRow,
        architecture: Architecture,
        canonical: Values,
        estimate: _Estimate,
        known: Sequence[_Known],
    ) -> CandidateView:
        fidelity = self._task.default_fidelity.get(self._space.name)
        cost = self._space.cost(
            architecture,
            classes=self._task.classes,
            in_channels=self._task.in_channels,
            resolution=self._task.resolution,
            skeleton=fidelity.skeleton if fidelity is not None else None,
        )
        nearest, distance = _nearest(canonical, known)
        return CandidateView(
            index=index,
            code=self._space.code(architecture),
            values=architecture.values,
            params=cost.params,
            macs=cost.macs,
            why=row.why,
            estimate=estimate.mean,
            uncertainty=estimate.std,
            nearest=nearest,
            nearest_distance=distance,
        )


def _describe(space: SearchSpace) -> SpaceView:
    data: dict[str, Any] = dict(space.describe())
    return SpaceView(
        summary=data["summary"],
        dimensions=tuple(data["dimensions"]),
        rules=tuple(data["rules"]),
        size=data["size"],
        code_example=data["code_example"],
    )


def _history(known: Sequence[_Known]) -> tuple[TrialView, ...]:
    """Return at most `HISTORY` trials: the best half and the latest others, by number, without their feedback."""
    chosen = {k.view.number for k in known}
    if len(known) > HISTORY:
        ranked = sorted(known, key=lambda k: (-(k.view.val_accuracy or 0.0), k.view.number))
        best = [k.view.number for k in ranked[: HISTORY // 2]]
        latest = [k.view.number for k in reversed(known) if k.view.number not in set(best)]
        chosen = {*best, *latest[: HISTORY - len(best)]}
    return tuple(replace(k.view, feedback=None) for k in known if k.view.number in chosen)


def _estimate(known: Sequence[_Known], canonical: Sequence[Values]) -> list[_Estimate]:
    """Return the surrogate's estimates in percent; None while fewer than two trials have an accuracy.

    Rounded, so that the last bits of a linear-algebra library decide nothing.
    """
    if sum(k.view.val_accuracy is not None for k in known) < 2 or not canonical:
        return [_Estimate(None, None)] * len(canonical)
    surrogate = fit([k.canonical for k in known], [k.view.val_accuracy for k in known])
    mean, std = surrogate.predict(canonical)
    return [_Estimate(round(m, 4), round(s, 4)) for m, s in zip(mean.tolist(), std.tolist(), strict=True)]


def _nearest(canonical: Values, known: Iterable[_Known]) -> tuple[int | None, int | None]:
    """Return the number of the nearest finished trial, the first of them, and how many dimensions differ."""
    pairs = ((sum(a != b for a, b in zip(canonical, k.canonical, strict=True)), k.view.number) for k in known)
    distance, number = min(pairs, default=(None, None))
    return number, distance


def _problem(row: ProposalRow) -> ProblemView:
    return ProblemView(row.code or row.raw[:TEXT], row.status, tuple(row.problems))
