"""The Critic's node: judge the candidates before they cost anything, and choose what is evaluated."""

from collections.abc import Sequence

from langgraph.runtime import Runtime

from navarch.agents.replies import Verdict
from navarch.agents.roles import CRITIC
from navarch.graph.asking import ask
from navarch.graph.context import RunContext, context_of
from navarch.graph.screening import leave_out, screened
from navarch.graph.selection import choose, round_rng, valid_proposals, wanted
from navarch.graph.state import RunState, Update, position_of
from navarch.graph.stopping import BudgetSpent
from navarch.memory import ProposalRow, ProposalStatus, ProposalUpdate


def critic(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Ask the Critic about the round's candidates and store for each whether it was selected, and why."""
    ctx = context_of(runtime)
    round = position_of(state).round
    keep = wanted(ctx, round)
    candidates, left_out = screened(ctx.settings, valid_proposals(ctx, round), keep)
    if not candidates or keep == 0:
        return ctx.done()
    try:
        answer = ask(ctx, CRITIC, ctx.recall.critic(round, candidates, keep), round=round)
    except BudgetSpent:
        return ctx.done()  # proposals that are paid for are evaluated, in the order in which they came
    with ctx.repeatable():
        leave_out(ctx, left_out)
        selected = _select(ctx, round, candidates, answer.reply.verdicts, keep)
    ctx.progress.selected(round, *selected)
    return ctx.done()


def _select(
    ctx: RunContext, round: int, candidates: Sequence[ProposalRow], verdicts: Sequence[Verdict], keep: int
) -> tuple[list[ProposalRow], int]:
    """Store what becomes of the candidates; return the selected ones, and how many were vetoed."""
    rng = round_rng(ctx, "uncriticised", round)
    chosen, free = choose(verdicts, len(candidates), keep, ctx.settings.search.uncriticised, rng)
    judged = {verdict.candidate - 1: verdict for verdict in verdicts}
    updates = []
    for index, row in enumerate(candidates):
        verdict = judged.get(index)
        vetoed = verdict is not None and verdict.decision == "veto"
        status: ProposalStatus = "selected" if index in chosen else "vetoed" if vetoed else "unselected"
        rank = chosen.index(index) if index in chosen else None
        stored = {
            **(row.verdict or {}),
            **(verdict.model_dump() if verdict else {}),
            "uncriticised": index in free,
            "rank": rank,
        }
        updates.append(ProposalUpdate(row.proposal_id, status, verdict=stored))
    ctx.memory.judge_proposals(ctx.run_id, updates)
    vetoes = sum(update.status == "vetoed" for update in updates)
    return [candidates[index] for index in chosen], vetoes
