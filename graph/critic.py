"""The Critic's node: judge the candidates before they cost anything, and choose what is evaluated."""

from langgraph.runtime import Runtime

from navarch.agents.roles import CRITIC
from navarch.graph.asking import ask
from navarch.graph.context import RunContext, context_of
from navarch.graph.selection import choose, round_rng, valid_proposals, wanted
from navarch.graph.state import RunState, Update
from navarch.memory import ProposalRow, ProposalStatus, ProposalUpdate


def critic(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Ask the Critic about the round's candidates and store for each whether it was selected, and why."""
    ctx = context_of(runtime)
    round = state["round"]
    candidates = valid_proposals(ctx, round)
    keep = wanted(ctx, round)
    if not candidates or keep == 0:
        return {}
    reply = ask(ctx, CRITIC, ctx.recall.critic(round, candidates, keep), round=round)
    rng = round_rng(ctx, "uncriticised", round)
    chosen, free = choose(reply.verdicts, len(candidates), keep, ctx.settings.search.uncriticised, rng)
    verdicts = {verdict.candidate - 1: verdict for verdict in reply.verdicts}
    selections = []
    for index, row in enumerate(candidates):
        verdict = verdicts.get(index)
        vetoed = verdict is not None and verdict.decision == "veto"
        status: ProposalStatus = "selected" if index in chosen else "vetoed" if vetoed else "unselected"
        rank = chosen.index(index) if index in chosen else None
        stored = {**(verdict.model_dump() if verdict else {}), "uncriticised": index in free, "rank": rank}
        selections.append(ProposalUpdate(row.proposal_id, status, verdict=stored))
    ctx.memory.judge_proposals(ctx.run_id, selections)
    ctx.progress.selected(round, _by_id(candidates, chosen), sum(s.status == "vetoed" for s in selections))
    return {}


def _by_id(candidates: list[ProposalRow], chosen: list[int]) -> list[ProposalRow]:
    return [candidates[index] for index in chosen]
