"""The node of successive halving: it promotes the best of a rung, or draws new architectures for the lowest."""

import json

from langgraph.runtime import Runtime

from navarch.graph.context import RunContext, context_of
from navarch.graph.rungs import Move, move_of
from navarch.graph.searcher import name_new, store_opening
from navarch.graph.selection import wanted
from navarch.graph.state import RunState, Update, position_of
from navarch.memory import NewProposal


def scheduler(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Open a round and store what it trains: what a rung has earned, in its order, or random architectures."""
    ctx = context_of(runtime)
    ctx.leave_if_asked()
    round = position_of(state).round + 1
    move, most = move_of(ctx.memory, ctx.run_id, ctx.settings, round), wanted(ctx, round)
    if move.rung:
        store_opening(ctx, round, 0, _promotions(ctx, move)[:most])
    else:
        name_new(ctx, round, 0, min(move.new, most))
    return ctx.done(round=round, attempt=0)


def _promotions(ctx: RunContext, move: Move) -> list[NewProposal]:
    rungs = ctx.settings.search.rungs or ()
    known = {row.digest: row for row in ctx.memory.trials(ctx.run_id) if row.epochs == rungs[move.rung - 1]}
    return [
        NewProposal(
            position=position,
            origin="promotion",
            raw=json.dumps(known[digest].architecture),
            why=f"trial {known[digest].number} was among the best after {rungs[move.rung - 1]} epochs",
        )
        for position, digest in enumerate(move.promoted)
    ]
