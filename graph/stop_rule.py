"""The bars that the trials of a round must reach, from what earlier rounds measured."""

from navarch.evaluation.stop_rules import Bars, EarlierTrial, find_bars
from navarch.graph.context import RunContext
from navarch.memory import TrialRow


def bars_for(ctx: RunContext, rows: list[TrialRow]) -> Bars:
    """Return the bars of a round's trials: none without a rule, and none on the lower rungs of a run that has some.

    Earlier rounds alone count, so that a resumed run stops the same trials.
    """
    rule = ctx.settings.train.stop_rule
    if rule is None or ctx.settings.evaluator != "train" or not rows or rows[0].epochs != ctx.fidelity.epochs:
        return ()
    earlier = [
        row
        for row in ctx.memory.trials(ctx.run_id)
        if row.round < rows[0].round
        and row.fidelity == rows[0].fidelity
        and row.state in ("complete", "pruned")
    ]
    admitted = (row.val_accuracy for row in earlier if _is_admitted(ctx, row))
    best = max((accuracy for accuracy in admitted if accuracy is not None), default=None)
    return find_bars(rule, [_earlier(row) for row in earlier], best, ctx.fidelity.epochs)


def _is_admitted(ctx: RunContext, row: TrialRow) -> bool:
    return ctx.limits.admits(row.params, row.macs, row.objectives.get("latency_ms"))


def _earlier(row: TrialRow) -> EarlierTrial:
    points = tuple((point["epoch"], point["val_accuracy"]) for point in row.curve)
    return EarlierTrial(points, row.val_accuracy if row.state == "complete" else None)
