"""The node in the place of a role that opens the rounds, where that role is left out."""

from langgraph.runtime import Runtime

from navarch.graph.context import RunContext, context_of
from navarch.graph.state import RunState, Update, position_of


def opening(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Open the next round; nobody sets its direction."""
    ctx = context_of(runtime)
    ctx.leave_if_asked()
    round = position_of(state).round + 1
    ctx.open_round(round)
    return ctx.done(round=round, attempt=0)
