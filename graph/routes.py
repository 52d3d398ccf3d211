"""The conditional edges: each looks at what is stored and names the next node."""

from typing import Literal

from langgraph.runtime import Runtime

from navarch.graph.context import RunContext, context_of
from navarch.graph.selection import valid_proposals, wanted
from navarch.graph.state import RunState, position_of
from navarch.graph.stopping import stop_reason


def _needs_more(state: RunState, ctx: RunContext) -> bool:
    enough = len(valid_proposals(ctx, position_of(state).round)) >= wanted(ctx, position_of(state).round)
    return not enough and position_of(state).attempt <= ctx.settings.search.retries


def ask_again_or_criticise(state: RunState, runtime: Runtime[RunContext]) -> Literal["generator", "critic"]:
    """Go back to the Generator, reasons in hand, while candidates are missing and retries are left."""
    return "generator" if _needs_more(state, context_of(runtime)) else "critic"


def sample_again_or_evaluate(
    state: RunState, runtime: Runtime[RunContext]
) -> Literal["sampler", "evaluator"]:
    """Sample again while candidates are missing and retries are left."""
    return "sampler" if _needs_more(state, context_of(runtime)) else "evaluator"


def _goes_on(runtime: Runtime[RunContext]) -> bool:
    ctx = context_of(runtime)
    ctx.leave_if_asked()
    return stop_reason(ctx.memory, ctx.run_id, ctx.settings, ctx.elapsed_s) is None


def next_round_or_end(state: RunState, runtime: Runtime[RunContext]) -> Literal["navigator", "__end__"]:
    """Start another round unless the search is over."""
    return "navigator" if _goes_on(runtime) else "__end__"


def sample_next_or_end(state: RunState, runtime: Runtime[RunContext]) -> Literal["sampler", "__end__"]:
    """Sample another round unless the search is over."""
    return "sampler" if _goes_on(runtime) else "__end__"
