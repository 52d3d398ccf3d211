"""Confirmation at work: after the search its best are trained again on fresh seeds."""

from dataclasses import replace

from navarch.graph.confirmation import LEAST_SEEDS, winner_of
from navarch.graph.context import RunContext
from navarch.graph.repeats import add_repeats, finish_repeats, fresh_seeds


def confirm(ctx: RunContext) -> None:
    """Train the best trials of a search again on fresh seeds, where the settings ask for it. Raises: StopRun."""
    wanted = ctx.settings.confirm
    best = ctx.memory.top_trials(ctx.run_id, wanted.top, **ctx.settings.admitted)
    if not best:
        return
    architectures = [ctx.space.parse(row.architecture) for row in best]
    seeds = fresh_seeds(ctx.settings.train.seed, wanted.seeds)
    add_repeats(ctx.memory, ctx.run_id, ctx, architectures, seeds)
    ctx.fault("candidates.admitted")
    if any(not row.is_finished for row in ctx.memory.repeats(ctx.run_id)):
        ctx.progress.confirming(best, wanted.seeds)
    # budget.seconds ends the search, which has left it room
    finish_repeats(replace(ctx, elapsed_s=lambda: 0.0))
    if winner_of(ctx.memory, ctx.run_id, ctx.settings, confirmed=True) is None:
        ctx.progress.noted(
            f"nothing is confirmed: no candidate completed on {LEAST_SEEDS} fresh seeds; "
            "the best is that of the search, by luck or not"
        )
