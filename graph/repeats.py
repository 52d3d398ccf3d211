"""Repeats: known architectures trained again on fresh seeds. They are no trials of the search."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from navarch.graph.context import RunContext
from navarch.graph.counting import counted
from navarch.graph.evaluator import finish_trials, new_trial
from navarch.graph.progress import Standing
from navarch.memory import REPEATS, Memory, TrialRow
from navarch.spaces import Architecture

if TYPE_CHECKING:
    from navarch.graph.assemble import RunParts

_SEEDS = 2**31


def fresh_seeds(seed: int, count: int) -> list[int]:
    """Return the training seeds after that of the search, in order."""
    return [(seed + number) % _SEEDS for number in range(1, count + 1)]


def add_repeats(
    memory: Memory,
    run_id: str,
    parts: "RunParts | RunContext",
    architectures: Sequence[Architecture],
    seeds: list[int],
) -> None:
    """Store repeats of architectures, first all on the first seed; known ones stay as they are."""
    wanted = [
        new_trial(parts.space, parts.task, architecture, parts.fidelity, seed)
        for seed in seeds
        for architecture in architectures
    ]
    memory.add_trials(run_id, REPEATS, wanted)


def finish_repeats(ctx: RunContext) -> None:
    """Train the run's repeats that are not finished; what is finished already stays. Raises: StopRun."""
    rows = ctx.memory.repeats(ctx.run_id)
    waiting = [row for row in rows if row.state in ("waiting", "running")]
    finish_trials(ctx, waiting, _Counting(ctx, len(rows), len(rows) - len(waiting)))
    if len(waiting) and any(not row.is_finished for row in ctx.memory.repeats(ctx.run_id)):
        ctx.leave_if_asked()


def work_on_repeats(ctx: RunContext) -> str:
    """Finish the repeats of a run that measures noise; return what was done, in words. Raises: StopRun."""
    finish_repeats(ctx)
    rows = ctx.memory.repeats(ctx.run_id)
    seeds, architectures = {row.seed for row in rows}, {row.digest for row in rows}
    return f"{counted(len(seeds), 'seed')} of {counted(len(architectures), 'architecture')}"


class _Counting:
    """Tells a run's listener of repeats, and how many are done."""

    def __init__(self, ctx: RunContext, planned: int, done: int) -> None:
        self._ctx, self._planned, self._done = ctx, planned, done

    def started(self, trial: TrialRow) -> None:
        """Pass on that one began."""
        self._ctx.progress.started(trial)

    def finished(self, trial: TrialRow, standing: Standing) -> None:
        """Pass on that one ended."""
        self._done += 1
        self._ctx.progress.repeated(trial, self._done, self._planned)
