"""The nodes of `collm-nas`: a Navigator in one long conversation, a Generator that knows its strategy alone.

The coordinator is plain code and shared with every workflow: validator, evaluator, memory.
"""

from dataclasses import replace

from langgraph.runtime import Runtime

from navarch.agents.collm import GENERATOR, NAVIGATOR, generator_view, navigator_view
from navarch.graph.ablation import turns_of
from navarch.graph.asking import ask, ask_in_round
from navarch.graph.context import RunContext, context_of
from navarch.graph.generator import store_proposals
from navarch.graph.state import RunState, Update, position_of


def strategist(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Open the next round and let the Navigator rethink its strategy from the last one's results."""
    ctx = context_of(runtime)
    round = position_of(state).round + 1
    ctx.open_round(round)
    turns = turns_of(ctx.settings, "navigator")
    role = replace(NAVIGATOR, turns=turns, room=ctx.settings.collm.room or None)
    answer = ask(ctx, role, navigator_view(ctx.recall, round, remembers=turns != 0), round=round)
    ctx.set_direction(round, answer.reply.model_dump(), answer.call_id)
    return ctx.done(round=round, attempt=0)


def follower(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Ask the Generator for a batch that carries the strategy out; again only where refusals are reported."""
    ctx = context_of(runtime)
    round, attempt = position_of(state)
    view = generator_view(ctx.recall, round, attempt, ctx.settings.collm.proposals)
    turns = turns_of(ctx.settings, "generator")
    role = replace(GENERATOR, stateful=turns != 0, turns=turns, room=ctx.settings.collm.room or None)
    answer = ask_in_round(ctx, role, view, round=round, attempt=attempt)
    if answer is not None:
        store_proposals(ctx, round, attempt, answer.reply.proposals, answer.call_id)
    return ctx.done()
