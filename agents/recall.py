"""What each role sees of the memory: the four views of a run, and the surrogate's estimates for the Critic.

A view depends on stored rows of earlier rounds and of this round's earlier nodes alone; never on times, other
runs or the order in which trials finished. So a killed and resumed run shows its roles what they saw before.
It never carries the name of the space or of the task.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from navarch.agents.estimates import Estimate, estimate
from navarch.agents.finished import Bounds, FinishedTrials, Record
from navarch.agents.kernel import PathCounts
from navarch.agents.proxy_columns import figures_of, measured
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
)
from navarch.evaluation import Fidelity, Task, cost_on
from navarch.memory import Memory, ProposalRow
from navarch.spaces import Architecture, SearchSpace

HISTORY = 100  # trials in a view's history, and those that the estimates are made from
TOP = 10  # best trials in a view
BUILD_ON = 3  # best trials for the Generator when no Navigator has spoken
LESSONS = 40  # in a view: those with the most trials for them and the fewest against, of equals the latest
AVOID = 300  # codes that the Generator is told to avoid: the latest
CANDIDATES = 64  # what one reply of the Critic can judge
RAW_TEXT = 300  # characters shown of a proposal that could not be read
NO_DIRECTION: Mapping[str, Any] = {}  # the prompts word it
REFUSED = ("invalid", "duplicate")


class Recall:
    """Build the views of one run. Earlier rounds are read once, so views stay cheap as the run grows."""

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
        max_latency_ms: float | None = None,
        trials_budget: int,
        fidelity: Fidelity,
        proposals_per_call: int,
        trials_per_round: int,
        prior: bool = False,
        path_counts: PathCounts | None = None,
    ) -> None:
        """Take what the run's settings fix; costs are counted at the skeleton of `fidelity`, as the trials' are.

        prior: whether the roles are told where the space says to start. path_counts: of the space, for the estimates.
        """
        self._memory = memory
        self._space = space
        self._task = task
        self._run_id = run_id
        self._target = target
        self.bounds = Bounds(max_params, max_macs, max_latency_ms)
        self._trials_budget = trials_budget
        self._fidelity = fidelity
        self._proposals_per_call = proposals_per_call
        self._trials_per_round = trials_per_round
        self._path_counts = path_counts
        self.finished = FinishedTrials(memory, space, run_id, self.bounds)
        self._lessons_of: tuple[int, tuple[LessonView, ...]] = (-1, ())
        self.space_view = _describe(space, prior=prior)

    def navigator(self, round: int) -> NavigatorView:
        """Return what the Navigator sees at the start of `round`: the finished trials of earlier rounds.

        `refused` counts the invalid, duplicate and vetoed proposals of the round before.
        """
        known = self.finished.before(round)
        counts = self._memory.count_by_status(self._run_id, round - 1)
        refused = {status: counts.get(status, 0) for status in ("invalid", "duplicate", "vetoed")}
        return NavigatorView(
            mission=self.mission(round, known),
            space=self.space_view,
            new=known.of_round(round - 1),
            top=known.best(TOP),
            history=known.history(HISTORY),
            lessons=self._lessons(round),
            refused=refused,
            rounds_without_gain=known.idle_rounds(round),
            digest=known.digest(),
            said=self.direction(round - 1) if round > 1 else NO_DIRECTION,
        )

    def generator(self, round: int, attempt: int) -> GeneratorView:
        """Return what the Generator sees: direction, trials to build on, why earlier attempts were refused.

        Without a direction (the Navigator switched off) it builds on the best trials.
        """
        known = self.finished.before(round)
        direction = self.direction(round)
        if not direction:
            build_on = known.best(BUILD_ON)
        else:
            wanted = dict.fromkeys(direction.get("build_on", ()))
            build_on = tuple(known.by_number[n] for n in wanted if n in known.by_number)
        accepted = [
            row.code for row in self._earlier(round, attempt) if row.status not in REFUSED and row.code
        ]
        return GeneratorView(
            mission=self.mission(round, known),
            space=self.space_view,
            direction=direction,
            lessons=self._lessons(round),
            build_on=build_on,
            avoid=(*known.codes, *(code for code in dict.fromkeys(accepted) if code not in known.codes))[
                -AVOID:
            ],
            count=self._proposals_per_call,
            refused=self.refused(round, attempt),
            history=known.history(HISTORY),
        )

    def refused(self, round: int, attempt: int) -> tuple[ProblemView, ...]:
        """Return the proposals that earlier attempts of a round made in vain, with the reasons, in order."""
        return tuple(_problem(row) for row in self._earlier(round, attempt) if row.status in REFUSED)

    def _earlier(self, round: int, attempt: int) -> list[ProposalRow]:
        rows = self._memory.proposals(self._run_id, round=round) if attempt else []
        return sorted((r for r in rows if r.attempt < attempt), key=lambda r: (r.attempt, r.position))

    def direction(self, round: int) -> Mapping[str, Any]:
        """Return what was said at the beginning of a round: the Navigator's direction, or its like."""
        return self._memory.direction(self._run_id, round) or NO_DIRECTION

    def critic(self, round: int, candidates: Sequence[ProposalRow], keep: int | None = None) -> CriticView:
        """Return what the Critic sees: the candidates as given, numbered from 1, and their estimates.

        candidates: valid proposals; those past `CANDIDATES` are left out. keep: how many will be evaluated.
        """
        known = self.finished.before(round)
        rows = candidates[:CANDIDATES]
        architectures = [self._space.parse(row.architecture) for row in rows]
        canonical = [self._space.canonical(architecture).values for architecture in architectures]
        estimates = estimate(known.chosen(HISTORY), canonical, self._path_counts)
        proxies = measured(rows)
        shown = zip(rows, architectures, estimates, known.nearest(canonical), strict=True)
        return CriticView(
            mission=self.mission(round, known),
            space=self.space_view,
            direction=self.direction(round),
            lessons=self._lessons(round),
            top=known.best(TOP),
            candidates=tuple(self._candidate(i, *item, proxies) for i, item in enumerate(shown, start=1)),
            keep=self._trials_per_round if keep is None else keep,
            history=known.history(HISTORY),
            proxies=proxies,
        )

    def distiller(self, round: int) -> DistillerView:
        """Return what the Distiller sees at the end of `round`: its finished trials, and all before them."""
        known, new = self.finished.through(round)
        return DistillerView(
            mission=self.mission(round, known),
            space=self.space_view,
            new=new,
            history=known.history(HISTORY),
            lessons=self._lessons(round),
            digest=known.digest(),
        )

    def mission(self, round: int, known: Record) -> Mission:
        """Return what the search is for and what is left of its budget; `known` are the finished trials."""
        return Mission(
            metric=self._task.metric,
            classes=self._task.classes,
            resolution=self._task.resolution,
            in_channels=self._task.in_channels,
            train_images=self._task.train_size,
            epochs=0 if self._task.evaluator == "supernet" else self._fidelity.epochs,
            target=self._target,
            max_params=self.bounds.max_params,
            max_macs=self.bounds.max_macs,
            round=round,
            trials_done=len(known),
            trials_budget=self._trials_budget,
            max_latency_ms=self.bounds.max_latency_ms,
        )

    def _lessons(self, round: int) -> tuple[LessonView, ...]:
        """Return the lessons that were in force when `round` began, by number, at most `LESSONS`."""
        if self._lessons_of[0] != round:  # what is added or retired in a round is in force in the next
            self._lessons_of = (round, self._read_lessons(round))
        return self._lessons_of[1]

    def _read_lessons(self, round: int) -> tuple[LessonView, ...]:
        rows = [
            row
            for row in self._memory.lessons(self._run_id, active=False)
            if row.round < round and (row.retired_round is None or row.retired_round >= round)
        ]
        rows.sort(key=lambda row: (len({*row.contradicts}) - len({*row.supports}), -row.number))
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
            for row in sorted(rows[:LESSONS], key=lambda row: row.number)
        )

    def _candidate(
        self,
        index: int,
        row: ProposalRow,
        architecture: Architecture,
        estimated: Estimate,
        nearest: tuple[int | None, int | None],
        proxies: Sequence[str],
    ) -> CandidateView:
        cost = cost_on(self._task, self._space, architecture, self._fidelity)
        figures = figures_of(row)
        return CandidateView(
            index=index,
            code=self._space.code(architecture),
            values=architecture.values,
            params=cost.params,
            macs=cost.macs,
            why=row.why,
            estimate=estimated.mean,
            uncertainty=estimated.std,
            nearest=nearest[0],
            nearest_distance=nearest[1],
            proxies=tuple(figures.get(name) for name in proxies),
        )


def _describe(space: SearchSpace, *, prior: bool) -> SpaceView:
    data: dict[str, Any] = dict(space.describe())
    return SpaceView(
        summary=data["summary"],
        dimensions=tuple(data["dimensions"]),
        rules=tuple(data["rules"]),
        size=data["size"],
        code_example=data["code_example"],
        example=tuple(data["example"]),
        constraints=tuple(data["constraints"]),
        prior=space.prior.values if prior and space.prior is not None else None,
    )


def _problem(row: ProposalRow) -> ProblemView:
    return ProblemView(row.code or row.raw[:RAW_TEXT], row.status, tuple(row.problems))
