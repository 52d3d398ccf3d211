"""The conditional edges: each looks at what is stored and names the next node."""

from typing import Literal

from langgraph.runtime import Runtime

from navarch.graph.context import RunContext, context_of
from navarch.graph.seki import STAGE_BEGINS, stage_of
from navarch.graph.selection import count_valid, wanted
from navarch.graph.state import RunState, position_of
from navarch.graph.stopping import stop_reason


def _needs_more(state: RunState, ctx: RunContext) -> bool:
    round, attempt = position_of(state)
    missing = count_valid(ctx, round) < min(ctx.rules.enough, wanted(ctx, round))
    return missing and attempt <= ctx.rules.retries


def ask_again_or_criticise(state: RunState, runtime: Runtime[RunContext]) -> Literal["generator", "critic"]:
    """Go back to the Generator, reasons in hand, while candidates are missing and retries are left."""
    return "generator" if _needs_more(state, context_of(runtime)) else "critic"


def search_again_or_evaluate(
    state: RunState, runtime: Runtime[RunContext]
) -> Literal["searcher", "evaluator"]:
    """Ask the searcher again while candidates are missing and retries are left."""
    return "searcher" if _needs_more(state, context_of(runtime)) else "evaluator"


def _goes_on(state: RunState, runtime: Runtime[RunContext]) -> bool:
    """Tell whether another round follows; one that is open already was decided on before a kill."""
    ctx = context_of(runtime)
    ctx.leave_if_asked()
    if ctx.memory.last_round(ctx.run_id) > position_of(state).round:
        return True
    return stop_reason(ctx.memory, ctx.run_id, ctx.settings, ctx.elapsed_s) is None


def next_round_or_end(state: RunState, runtime: Runtime[RunContext]) -> Literal["navigator", "__end__"]:
    """Start another round unless the search is over."""
    return "navigator" if _goes_on(state, runtime) else "__end__"


def search_on_or_end(state: RunState, runtime: Runtime[RunContext]) -> Literal["searcher", "__end__"]:
    """Ask the searcher for another round unless the search is over."""
    return "searcher" if _goes_on(state, runtime) else "__end__"


def schedule_on_or_end(state: RunState, runtime: Runtime[RunContext]) -> Literal["scheduler", "__end__"]:
    """Let the scheduler open another round unless the search is over."""
    return "scheduler" if _goes_on(state, runtime) else "__end__"


def ask_again_or_evaluate(state: RunState, runtime: Runtime[RunContext]) -> Literal["generator", "evaluator"]:
    """Go back to the Generator, if refusals are reported at all, else evaluate what there is."""
    return "generator" if _needs_more(state, context_of(runtime)) else "evaluator"


def first_iteration(
    state: RunState, runtime: Runtime[RunContext]
) -> Literal["start", "self_evolution", "patterns"]:
    """Name where the round after the state's begins: a run may be taken up in either stage."""
    return STAGE_BEGINS[stage_of(context_of(runtime).settings, position_of(state).round + 1)]


def next_iteration_or_end(
    state: RunState, runtime: Runtime[RunContext]
) -> Literal["self_evolution", "patterns", "__end__"]:
    """Start another iteration, in the stage that its number says, unless the search is over."""
    if not _goes_on(state, runtime):
        return "__end__"
    stage = stage_of(context_of(runtime).settings, position_of(state).round + 1)
    return "self_evolution" if stage == "self-evolution" else "patterns"


def write_again_or_evaluate(
    state: RunState, runtime: Runtime[RunContext]
) -> Literal["self_evolution", "inspiration", "evaluator"]:
    """Ask for another architecture in place of a refused one; the start is drawn, so nobody is asked again."""
    stage = stage_of(context_of(runtime).settings, position_of(state).round)
    if stage == "start" or not _needs_more(state, context_of(runtime)):
        return "evaluator"
    return "self_evolution" if stage == "self-evolution" else "inspiration"
