"""The Generator's node: ask for proposals and store them as they came, unchecked."""

import json
from collections.abc import Sequence

from langgraph.runtime import Runtime

from navarch.agents.replies import Proposal
from navarch.agents.roles import GENERATOR
from navarch.graph.asking import ask_in_round
from navarch.graph.context import RunContext, context_of
from navarch.graph.state import RunState, Update, position_of
from navarch.memory import NewProposal


def generator(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Ask the Generator, or ask it again with the reasons why earlier proposals of this round were refused."""
    ctx = context_of(runtime)
    round, attempt = position_of(state)
    view = ctx.recall.generator(round, attempt)
    answer = ask_in_round(ctx, GENERATOR, view, round=round, attempt=attempt)
    if answer is not None:
        store_proposals(ctx, round, attempt, answer.reply.proposals, answer.call_id)
    return ctx.done()


def store_proposals(
    ctx: RunContext,
    round: int,
    attempt: int,
    proposals: Sequence[Proposal],
    call_id: str | None,
    *,
    origin: str = "generator",
) -> None:
    """Store the proposals of one reply in its order."""
    items = [
        NewProposal(
            position=position,
            origin=origin,
            raw=json.dumps(proposal.architecture, ensure_ascii=False),
            why=proposal.why,
            call_id=call_id,
        )
        for position, proposal in enumerate(proposals)
    ]
    with ctx.repeatable():
        ctx.memory.add_proposals(ctx.run_id, round, attempt, items)
