"""The searcher's node: a classical method in the Generator's place."""

import json
from collections.abc import Sequence

from langgraph.runtime import Runtime

from navarch import NavarchError
from navarch.agents.classical import Values, ask
from navarch.evaluation import static_check
from navarch.graph.context import RunContext, context_of
from navarch.graph.selection import round_rng, valid_proposals, wanted
from navarch.graph.state import RunState, Update, position_of
from navarch.memory import NewProposal
from navarch.spaces import Architecture


def searcher(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Open a round, or go on in it where candidates are missing, and store what the searcher names, in order.

    Known architectures among it are stored as well: the validator marks them, and the searcher has learnt from them.
    """
    ctx = context_of(runtime)
    ctx.leave_if_asked()
    before, attempt = position_of(state)
    round = before + (1 if attempt == 0 else 0)
    found = sum(row.attempt < attempt for row in valid_proposals(ctx, round)) if attempt else 0
    name_new(ctx, round, attempt, max(1, wanted(ctx, round) - found))
    return ctx.done(round=round)


def name_new(ctx: RunContext, round: int, attempt: int, count: int) -> None:
    """Ask the searcher for so many new architectures and store what it names, the round opened."""
    if ctx.searching is None:
        raise NavarchError(f"workflow {ctx.settings.workflow!r} names no searcher")
    named = ask(
        ctx.searching.searcher,
        ctx.searching.history(round, attempt),
        count,
        lambda values: _is_allowed(ctx, values),
        round_rng(ctx, "searcher", round, attempt),
    )
    names = ctx.space.names
    items = [
        NewProposal(
            position=position,
            origin=ctx.searching.name,
            raw=json.dumps(dict(zip(names, values, strict=True))),
            why="",
        )
        for position, values in enumerate(named)
    ]
    store_opening(ctx, round, attempt, items)


def store_opening(ctx: RunContext, round: int, attempt: int, items: Sequence[NewProposal]) -> None:
    """Store what was named, and the round as begun if it is new."""
    with ctx.repeatable():
        ctx.memory.open_round(ctx.run_id, round)
        ctx.memory.add_proposals(ctx.run_id, round, attempt, items)


def _is_allowed(ctx: RunContext, values: Values) -> bool:
    architecture = Architecture(ctx.space.name, values)
    return static_check(ctx.space, architecture, ctx.task, ctx.fidelity, ctx.limits) is None
