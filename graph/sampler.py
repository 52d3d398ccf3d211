"""The sampler's node: uniform random architectures in the Generator's place."""

import json

from langgraph.runtime import Runtime

from navarch.graph.context import RunContext, context_of
from navarch.graph.selection import round_rng, wanted
from navarch.graph.state import RunState, Update, position_of
from navarch.memory import NewProposal


def sampler(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Open a round, or go on in it after duplicates, and store uniform samples as proposals."""
    ctx = context_of(runtime)
    ctx.leave_if_asked()
    before, attempt = position_of(state)
    round = before + (1 if attempt == 0 else 0)
    ctx.memory.open_round(ctx.run_id, round)
    rng = round_rng(ctx, "sampler", round, attempt)
    items = [
        NewProposal(
            position=position,
            origin="random",
            raw=json.dumps(ctx.space.to_dict(ctx.space.sample(rng))),
            why="",
        )
        for position in range(max(1, wanted(ctx, round)))
    ]
    ctx.memory.add_proposals(ctx.run_id, round, attempt, items)
    return ctx.done(round=round)
