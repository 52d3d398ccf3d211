"""From proposals to candidates to the trials of a round: pure decisions over what is stored.

Everything here depends on earlier rounds and on this round's stored rows alone, so that a resumed run decides alike.
"""

import hashlib
import random
from collections.abc import Sequence

from navarch.agents.replies import Verdict
from navarch.graph.context import RunContext
from navarch.graph.rules import trials_after
from navarch.graph.rungs import affordable
from navarch.graph.settings import Settings
from navarch.memory import CANDIDATE, Memory, ProposalRow


def wanted(ctx: RunContext, round: int) -> int:
    """Return how many candidates this round evaluates: its share, or what the budget has left."""
    return wanted_of(ctx.memory, ctx.run_id, ctx.settings, round, ctx.past.trials_before(round))


def wanted_of(memory: Memory, run_id: str, settings: Settings, round: int, done: int) -> int:
    """Return the same of any stored run, after `done` trials in earlier rounds."""
    room = affordable(memory, run_id, settings, round)
    return max(0, min(trials_after(settings, done), settings.budget.trials - done, room))


def valid_proposals(ctx: RunContext, round: int) -> list[ProposalRow]:
    """Return the round's candidates in the order in which they were proposed, whatever the Critic said of them."""
    return candidates_of(ctx.memory.proposals(ctx.run_id, round=round))


def count_valid(ctx: RunContext, round: int) -> int:
    """Return how many candidates the round has."""
    counts = ctx.memory.count_by_status(ctx.run_id, round)
    return sum(counts.get(status, 0) for status in CANDIDATE)


def candidates_of(rows: Sequence[ProposalRow]) -> list[ProposalRow]:
    """Return the candidates among a round's proposals, in their order."""
    kept = (row for row in rows if row.status in CANDIDATE)
    return sorted(kept, key=lambda row: (row.attempt, row.position))


def round_rng(ctx: RunContext, purpose: str, round: int, attempt: int = 0) -> random.Random:
    """Return the random numbers of one decision: derived, never stored, so a repeat draws the same."""
    return derived_rng(ctx.settings, purpose, round, attempt)


def derived_rng(settings: Settings, purpose: str, round: int, attempt: int = 0) -> random.Random:
    """Return the same for the settings of any stored run."""
    seed = f"{settings.seed}/{purpose}/{round}/{attempt}"
    return random.Random(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big"))


def choose(
    verdicts: Sequence[Verdict], count: int, keep: int, uncriticised: float, rng: random.Random
) -> tuple[list[int], set[int]]:
    """Return the candidates to evaluate (indices from 0) and which of them were drawn past the Critic.

    A slot is drawn past the Critic with probability `uncriticised`, from all candidates: the quota that keeps a wrong
    Critic from starving the search. The other slots take the accepted candidates by score. Vetoed candidates follow
    only when nothing else is left, so that a Critic that refuses everything cannot stop the search.
    """
    judged = {verdict.candidate - 1: verdict for verdict in verdicts if verdict.candidate <= count}

    def merit(index: int) -> tuple[bool, float, int]:
        verdict = judged.get(index)
        if verdict is None:
            return (False, -0.5, index)
        return (verdict.decision == "veto", -verdict.score, index)

    ranking = sorted(range(count), key=merit)
    chosen: list[int] = []
    free: set[int] = set()
    for _ in range(min(keep, count)):
        left = [index for index in ranking if index not in chosen]
        if rng.random() < uncriticised:
            index = rng.choice(sorted(left))
            free.add(index)
        else:
            index = left[0]
        chosen.append(index)
    return chosen, free
