"""Rounds of successive halving: each works on one rung, and which one follows from earlier rounds alone.

A workflow without a schedule has one rung, the fidelity of its trials.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from navarch import NavarchError
from navarch.agents.classical.halving import Placed, bracket, promotable, survivors
from navarch.evaluation import Fidelity, Task
from navarch.graph.settings import Settings
from navarch.graph.workflows import Workflow, get_workflow
from navarch.memory import Memory, TrialRow
from navarch.spaces import SearchSpace

if TYPE_CHECKING:
    from navarch.graph.context import RunContext


class Move(NamedTuple):
    """What a round does: train `promoted` (digests) on a rung, or so many `new` architectures on the lowest."""

    rung: int
    promoted: tuple[str, ...] = ()
    new: int = 0


def move_of(memory: Memory, run_id: str, settings: Settings, round: int) -> Move:
    """Return what a round does, by the trials of earlier rounds."""
    workflow, search = get_workflow(settings.workflow), settings.search
    if workflow.schedule is None or search.rungs is None:
        return Move(0)
    earlier = [row for row in memory.trials(run_id) if row.round < round]
    rungs = [_placed(earlier, epochs) for epochs in search.rungs]
    if workflow.schedule == "halving":
        sizes = _bracket(settings, search.rungs)
        if round == 1:
            return Move(0, new=sizes[0])
        rung = min(round, len(rungs)) - 1
        return Move(rung, tuple(survivors(rungs[rung - 1], search.reduction)[: sizes[rung]]))
    at_once = search.trials_per_round or workflow.trials_per_round
    rung, digests = promotable(rungs, search.reduction) or (0, [])
    return Move(rung, tuple(digests[:at_once]), 0 if rung else at_once)


def is_promotion(memory: Memory, run_id: str, settings: Settings, round: int) -> bool:
    """Tell whether a round trains known architectures on a higher rung."""
    return move_of(memory, run_id, settings, round).rung > 0


def fidelity_of(ctx: "RunContext", round: int) -> Fidelity:
    """Return the fidelity of a round's trials."""
    rungs = ctx.settings.search.rungs
    if rungs is None:
        return ctx.fidelity
    return replace(ctx.fidelity, epochs=rungs[move_of(ctx.memory, ctx.run_id, ctx.settings, round).rung])


def affordable(memory: Memory, run_id: str, settings: Settings, round: int) -> int:
    """Return how many trials of a round's fidelity the budget of epochs has room for after the earlier rounds."""
    rungs, budget = settings.search.rungs, settings.budget
    if budget.epochs is None or rungs is None:
        return budget.trials
    spent = sum(row.epochs for row in memory.trials(run_id) if row.round < round)
    return (budget.epochs - spent) // rungs[move_of(memory, run_id, settings, round).rung]


def find_rungs(
    settings: Settings, workflow: Workflow, task: Task, space: SearchSpace, fidelity: Fidelity
) -> tuple[int, ...]:
    """Return the epochs of the rungs, ascending, of which the last are those of `fidelity`.

    Raises: NavarchError where the task offers no other fidelity, or not those that the settings name.
    """
    if workflow.schedule is None:
        return (fidelity.epochs,)
    full, search = fidelity.epochs, settings.search
    if search.patience is not None:
        raise NavarchError(
            f"search.patience counts rounds without a gain, and most rounds of {workflow.name!r} train nothing "
            "in full: leave it out"
        )
    if task.evaluator == "train":
        powers = (search.reduction**power for power in range(full.bit_length() - 1, 0, -1))
        offered = (*(full // power for power in powers if full >= power), full)
        chosen = search.rungs or offered
    else:
        offered = tuple(known.epochs for known in task.fidelities(space.name) if known.epochs <= full)
        chosen = search.rungs or offered
        unknown = [epochs for epochs in chosen if epochs not in offered]
        if unknown:
            raise NavarchError(
                f"setting 'search.rungs' names {unknown[0]} epochs, and task {task.name!r} was measured after "
                f"{' and '.join(map(str, offered))}"
            )
    if len(chosen) < 2 or list(chosen) != sorted(set(chosen)) or chosen[-1] != full:
        raise NavarchError(
            f"workflow {workflow.name!r} needs two rungs or more, ascending, of which the last has the {full} epochs "
            f"of task {task.name!r}, not {list(chosen)}: see search.rungs and train.epochs, or use --workflow random"
        )
    if not _bracket(settings, chosen):
        raise NavarchError(
            f"the budget does not pay for one architecture on each of the rungs {list(chosen)}: raise budget.trials or "
            "budget.epochs"
        )
    return chosen


def _bracket(settings: Settings, rungs: tuple[int, ...]) -> tuple[int, ...]:
    return bracket(rungs, settings.search.reduction, settings.budget.trials, settings.budget.epochs)


def _placed(rows: Iterable[TrialRow], epochs: int) -> list[Placed]:
    return [
        Placed(row.digest, row.val_accuracy if row.state == "complete" else None)
        for row in rows
        if row.epochs == epochs
    ]
