"""A run rehearsed: the real graph, prompts and memory, with offline roles and made-up accuracies, and thrown away.

Nothing is trained and no model is called. What a model would have been sent is rendered in full, round by round, from
a history that looks like a real one; only what it would have answered is the offline twins'.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from navarch.evaluation import (
    CurvePoint,
    Evaluator,
    Fidelity,
    Job,
    Outcome,
    Task,
    TestScore,
    TrialCost,
)
from navarch.evaluation.proxies.screen import ProxyScreen
from navarch.graph.assemble import RunParts, make_context, prepare
from navarch.graph.paths import make_folder
from navarch.graph.progress import Silent
from navarch.graph.rules import round_sizes
from navarch.graph.run import create_run, search, settle
from navarch.graph.scratch import scratch_folder
from navarch.graph.sections import Budget
from navarch.graph.settings import Settings
from navarch.graph.stopping import StopRequest, StopRun
from navarch.memory import Memory
from navarch.spaces import Architecture, SearchSpace

HIGHEST = 95.0  # percent, of the made-up accuracies where no target is set


@dataclass(frozen=True, slots=True)
class MadeUpEvaluator:
    """Makes up an accuracy for each architecture, below the target, the same each time; measures nothing."""

    task: Task
    space: SearchSpace
    highest: float
    name: str = "made-up"
    slots: int = 1
    instant: bool = True
    notes: tuple[str, ...] = ()

    def evaluate(self, architecture: Architecture, fidelity: Fidelity, seed: int) -> Outcome:
        """Return a complete outcome; the digest of the architecture decides it."""
        share = int(self.space.digest(architecture)[:8], 16) / 16**8
        accuracy = self.highest * (0.5 + 0.5 * share)
        epochs = fidelity.epochs
        curve = tuple(
            CurvePoint(epoch, 1.0, accuracy, accuracy * epoch / epochs)
            for epoch in sorted({1, (epochs + 1) // 2, epochs})
        )
        cost = TrialCost(1.0, 1.0, 1.0, "none", epochs)
        return Outcome("complete", None, "", {"val_accuracy": accuracy}, curve, cost)

    def evaluate_many(
        self,
        jobs: Sequence[Job],
        *,
        on_start: Callable[[Job], None],
        on_outcome: Callable[[Job, Outcome], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Make all outcomes up."""
        for job in jobs:
            on_start(job)
            outcome = self.evaluate(job.architecture, job.fidelity, job.seed)
            start = job.start_epochs
            cost = replace(outcome.cost, epochs=job.fidelity.epochs - start, start_epochs=start)
            on_outcome(job, replace(outcome, cost=cost))

    def test(
        self, architecture: Architecture, fidelity: Fidelity, seed: int, *, split: Literal["test"]
    ) -> TestScore | None:
        """Return nothing: there is no test split."""
        return None

    def close(self) -> None:
        """Hold nothing."""


@contextmanager
def rehearsed(settings: Settings, trials: int) -> Iterator[tuple[Memory, str]]:
    """Play a run of so many trials and give its memory and its id. Raises: NavarchError."""
    search_of = settings.search.model_copy(
        update={
            **round_sizes(settings),  # of the models' rounds: those of offline roles are smaller
            "patience": None,
        }
    )
    budget = Budget(trials=trials, epochs=settings.budget.epochs)
    update = {"model": "offline", "roles": {}, "search": search_of, "budget": budget}
    offline = settings.model_copy(update=update)
    parts = prepare(offline)
    highest = min(HIGHEST, 0.99 * (settings.target or HIGHEST))
    with played(offline, parts, MadeUpEvaluator(parts.task, parts.space.origin, highest), None) as found:
        yield found


@contextmanager
def played(
    settings: Settings, parts: RunParts, evaluator: Evaluator, screen: ProxyScreen | None
) -> Iterator[tuple[Memory, str]]:
    """Search in a memory of its own, that is deleted afterwards; the test split stays sealed.

    screen: measures the proxies; without one every candidate goes on.
    """
    with scratch_folder() as folder:
        settings = settle(settings, parts).model_copy(update={"db": folder / "navarch.db"})
        make_folder(settings.db)
        with Memory.open(settings.db) as memory:
            began = time.monotonic()
            run_id = create_run(memory, settings, parts).run_id
            ctx = make_context(
                settings,
                parts,
                evaluator,
                run_id=run_id,
                memory=memory,
                progress=Silent(),
                elapsed_s=lambda: time.monotonic() - began,
                stop=StopRequest(),
                screen=screen,
            )
            try:
                search(ctx, parts)
            except StopRun as wish:  # nobody else asks this run to stop
                raise KeyboardInterrupt from wish
            yield memory, run_id
