"""The nodes of `seki`: one architecture a round, first by self-evolution, then by knowledge inspiration.

Round 1 measures the start. Then come lambda rounds of self-evolution and gamma of inspiration: together as many as the
budget of trials has left. The stage follows from the round's number, so a resumed run knows where it is.
"""

from collections.abc import Mapping
from typing import Literal

from langgraph.runtime import Runtime

from navarch.agents.recall import Recall
from navarch.agents.replies import Proposal
from navarch.agents.seki import DISTILLER, EVOLVER, INSPIRED, evolution_view, inspiration_view, patterns_view
from navarch.agents.views import TrialView
from navarch.graph.asking import ask, ask_in_round
from navarch.graph.context import RunContext, context_of
from navarch.graph.generator import store_proposals
from navarch.graph.past import Seen
from navarch.graph.selection import derived_rng, round_rng
from navarch.graph.settings import Settings
from navarch.graph.state import RunState, Update, position_of
from navarch.graph.validator import draw_legal

Stage = Literal["start", "self-evolution", "inspiration"]
# The node with which each stage's round begins.
STAGE_BEGINS: Mapping[Stage, Literal["start", "self_evolution", "patterns"]] = {
    "start": "start",
    "self-evolution": "self_evolution",
    "inspiration": "patterns",
}
SHOWN = 400  # characters of the strategies that are kept as a proposal's reason


def stage_of(settings: Settings, round: int) -> Stage:
    """Return the stage that a round belongs to."""
    if round <= 1:
        return "start"
    iterations = settings.budget.trials - 1
    given = settings.seki.self_evolution
    evolving = iterations // 2 if given is None else given
    return "self-evolution" if round - 1 <= evolving else "inspiration"


def current_of(recall: Recall, settings: Settings, round: int) -> TrialView | None:
    """Return the architecture that self-evolution goes on from: the last or the best that has a score."""
    known = recall.finished.before(round)
    if settings.seki.evolve_from == "best":
        best = known.best(1)
        return best[0] if best else None
    scored = [k.trial for k in known.known if k.trial.val_accuracy is not None]
    return scored[-1] if scored else None


def draw(recall: Recall, settings: Settings, round: int) -> tuple[TrialView, ...]:
    """Return xi trials drawn at random from the top k, best first; all of the top where it has no more."""
    top = recall.finished.before(round).best(settings.seki.top)
    drawn = derived_rng(settings, "seki-draw", round).sample(
        range(len(top)), min(settings.seki.draw, len(top))
    )
    return tuple(top[rank] for rank in sorted(drawn))


def start(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Open the first round with the architecture that self-evolution begins from: the given one, or a random one."""
    ctx = context_of(runtime)
    ctx.open_round(1)
    given = ctx.settings.seki.start
    if given is not None:
        architectures = [ctx.space.parse(given)]
    else:
        architectures = draw_legal(ctx, round_rng(ctx, "seki-start", 1), 1, Seen(ctx.past, 1))
    items = [Proposal(architecture=ctx.space.to_dict(architecture), why="") for architecture in architectures]
    store_proposals(ctx, 1, 0, items, None, origin="start")
    return ctx.done(round=1, attempt=0)


def self_evolution(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Show the Generator the current architecture and its score; it writes strategies, then a new architecture."""
    ctx = context_of(runtime)
    round, attempt = _position(ctx, state)
    current = current_of(ctx.recall, ctx.settings, round)
    view = evolution_view(ctx.recall, round, attempt, current)
    answer = ask_in_round(ctx, EVOLVER, view, round=round, attempt=attempt)
    if answer is not None:
        why = " ".join(answer.reply.strategies)[:SHOWN]
        proposal = Proposal(architecture=answer.reply.architecture, why=why)
        store_proposals(ctx, round, attempt, [proposal], answer.call_id)
    return ctx.done(round=round)


def patterns(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Open a round of inspiration: draw from the best, and let the Distiller say what they have in common."""
    ctx = context_of(runtime)
    round = position_of(state).round + 1
    ctx.open_round(round)
    drawn = draw(ctx.recall, ctx.settings, round)
    answer = ask(ctx, DISTILLER, patterns_view(ctx.recall, round, drawn), round=round)
    found = {"patterns": answer.reply.patterns, "drawn": [trial.number for trial in drawn]}
    ctx.set_direction(round, found)
    return ctx.done(round=round, attempt=0)


def inspiration(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Show the Generator the drawn architectures and their patterns; it writes a new architecture."""
    ctx = context_of(runtime)
    round, attempt = position_of(state)
    view = inspiration_view(ctx.recall, round, attempt, draw(ctx.recall, ctx.settings, round))
    answer = ask_in_round(ctx, INSPIRED, view, round=round, attempt=attempt)
    if answer is not None:
        store_proposals(ctx, round, attempt, [answer.reply], answer.call_id)
    return ctx.done()


def _position(ctx: RunContext, state: RunState) -> tuple[int, int]:
    """Return the round and the attempt, the round opened if this is its first node."""
    before, attempt = position_of(state)
    round = before + (1 if attempt == 0 else 0)
    ctx.open_round(round)
    return round, attempt
