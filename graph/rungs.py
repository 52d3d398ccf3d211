"""Rounds of successive halving: each works on one rung, and which one follows from earlier rounds alone.

A workflow without a schedule has one rung, the fidelity of its trials.
"""

from collections.abc import Iterable, Sequence
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
    epochs = rungs[move_of(ctx.memory, ctx.run_id, ctx.settings, round).rung]
    planned = rungs[-1] if goes_on(ctx.settings) and epochs < rungs[-1] else None
    return replace(ctx.fidelity, epochs=epochs, schedule_epochs=planned)


def goes_on(settings: Settings) -> bool:
    """Tell whether a promoted trial goes on from its weights, so that a rung costs the epochs above the one below."""
    is_scheduled = get_workflow(settings.workflow).schedule is not None
    return is_scheduled and settings.evaluator == "train" and settings.search.continuation


def start_of(settings: Settings, epochs: int) -> int:
    """Return the epochs that a trial of a rung goes on from: those of the rung below, or 0."""
    rungs = settings.search.rungs or ()
    place = rungs.index(epochs) if goes_on(settings) and epochs in rungs else 0
    return rungs[place - 1] if place else 0


def epochs_spent(rows: Sequence[TrialRow], settings: Settings) -> int:
    """Return the epochs that trials count: each its fidelity's, less those that it went on from.

    A trial that was stopped early counts those that it trained, one that had lost the weights of its lower rung counts
    all. One that was not trained but reused counts as if it had been, and so whoever is promoted from it goes on.
    """
    reused = {(row.digest, row.epochs) for row in rows if row.reused_from is not None}

    def count(row: TrialRow) -> int:
        if row.state == "pruned":
            return int(row.cost["epochs"])
        start = start_of(settings, row.epochs)
        is_measured = row.state == "complete" and row.reused_from is None
        is_lost = is_measured and not row.cost.get("start_epochs") and (row.digest, start) not in reused
        return row.epochs - (0 if is_lost else start)

    return sum(map(count, rows))


def affordable(memory: Memory, run_id: str, settings: Settings, round: int) -> int:
    """Return how many trials of a round's fidelity the budget of epochs has room for after the earlier rounds."""
    rungs = settings.search.rungs
    left = None if rungs is None else search_epochs(settings, rungs[-1])
    if left is None or rungs is None:
        return settings.budget.trials
    spent = epochs_spent([row for row in memory.trials(run_id) if row.round < round], settings)
    epochs = rungs[move_of(memory, run_id, settings, round).rung]
    return (left - spent) // (epochs - start_of(settings, epochs))


def search_epochs(settings: Settings, full: int) -> int | None:
    """Return what the budget of epochs leaves to the search: less what its best train again, `full` epochs each."""
    epochs = settings.budget.epochs
    return None if epochs is None else epochs - settings.confirm.trainings * full


def promising(rows: Sequence[TrialRow], settings: Settings) -> list[int]:
    """Return the numbers of the trials that may still be promoted, those that are next in line first."""
    rungs = settings.search.rungs or ()
    finished = {(row.digest, row.epochs) for row in rows if row.is_finished}
    promoted = {(row.digest, row.epochs) for row in rows if not row.is_finished}
    found: list[tuple[float, int]] = []
    most = _most_promoted(rows, settings, rungs)
    for epochs, above, places in zip(rungs[:-1], rungs[1:], most, strict=True):
        complete = [row for row in rows if row.epochs == epochs and row.state == "complete"]
        ranked = sorted(complete, key=lambda row: -(row.val_accuracy or 0.0))
        for rank, row in enumerate(ranked):
            if (row.digest, above) in promoted:
                found.append((-1.0, row.number))
            elif rank < places and (row.digest, above) not in finished:
                found.append((rank / places, row.number))
    return [number for _, number in sorted(found)]


def _most_promoted(rows: Sequence[TrialRow], settings: Settings, rungs: tuple[int, ...]) -> list[int]:
    """Return how many trials of each rung but the last the run can promote at most, from now to its end."""
    if get_workflow(settings.workflow).schedule == "halving":
        return list(_bracket(settings, rungs)[1:])
    size = sum(row.epochs == rungs[0] for row in rows) + settings.budget.trials - len(rows)
    most = []
    for _ in rungs[1:]:
        size //= settings.search.reduction
        most.append(size)
    return most


def find_rungs(
    settings: Settings, workflow: Workflow, task: Task, space: SearchSpace, fidelity: Fidelity
) -> tuple[int, ...]:
    """Return the epochs of the rungs, ascending, of which the last are those of `fidelity`.

    Raises: NavarchError where the task offers no other fidelity, or not those that the settings name.
    """
    left = search_epochs(settings, fidelity.epochs)
    if settings.confirm.top and left is not None and left < fidelity.epochs:
        raise NavarchError(
            f"budget.epochs is {settings.budget.epochs}, and the {settings.confirm.trainings} trainings of "
            f"confirm.top and confirm.seeds take {settings.confirm.trainings * fidelity.epochs}, which leaves none to "
            "the search: raise it, or confirm less"
        )
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
    below = (0, *rungs[:-1]) if goes_on(settings) else (0,) * len(rungs)
    epochs = [rung - start for rung, start in zip(rungs, below, strict=True)]
    left = search_epochs(settings, rungs[-1])
    return bracket(epochs, settings.search.reduction, settings.budget.trials, left)


def _placed(rows: Iterable[TrialRow], epochs: int) -> list[Placed]:
    return [
        Placed(row.digest, row.val_accuracy if row.state == "complete" else None)
        for row in rows
        if row.epochs == epochs
    ]
