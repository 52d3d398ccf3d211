"""The Generator's node: ask for proposals and store them as they came, unchecked."""

import json

from langgraph.runtime import Runtime

from navarch.agents.roles import GENERATOR
from navarch.graph.asking import ask
from navarch.graph.context import RunContext, context_of
from navarch.graph.state import RunState, Update
from navarch.memory import NewProposal


def generator(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Ask the Generator, or ask it again with the reasons why earlier proposals of this round were refused."""
    ctx = context_of(runtime)
    round, attempt = state["round"], state["attempt"]
    view = ctx.recall.generator(round, attempt)
    reply = ask(ctx, GENERATOR, view, round=round, attempt=attempt)
    items = [
        NewProposal(
            position=position, origin="generator", raw=json.dumps(proposal.architecture), why=proposal.why
        )
        for position, proposal in enumerate(reply.proposals)
    ]
    ctx.memory.add_proposals(ctx.run_id, round, attempt, items)
    return {}
