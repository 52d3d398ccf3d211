"""The Navigator's node: open the round and store the direction."""

from langgraph.runtime import Runtime

from navarch.agents.roles import NAVIGATOR
from navarch.graph.asking import ask
from navarch.graph.context import RunContext, context_of
from navarch.graph.state import RunState, Update, position_of


def navigator(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Open the next round and set its direction from everything found so far."""
    ctx = context_of(runtime)
    round = position_of(state).round + 1
    ctx.open_round(round)
    answer = ask(ctx, NAVIGATOR, ctx.recall.navigator(round), round=round)
    ctx.set_direction(round, answer.reply.model_dump(), answer.call_id)
    return ctx.done(round=round, attempt=0)
