"""The validator's node: each proposal becomes a candidate, or is refused with a reason that the Generator can use."""

import json
import math
import random
from collections import Counter
from contextlib import suppress
from typing import Any

from langgraph.runtime import Runtime

from navarch import NavarchError
from navarch.evaluation import cost_on, static_check
from navarch.graph.context import RunContext, context_of
from navarch.graph.past import Seen
from navarch.graph.rungs import is_promotion
from navarch.graph.screening import screen
from navarch.graph.selection import round_rng, valid_proposals, wanted
from navarch.graph.state import RunState, Update, position_of
from navarch.memory import NewProposal, ProposalRow, ProposalUpdate
from navarch.spaces import Architecture, InvalidArchitecture, Problem

TRIES_PER_FILL = 200
UNIFORM_TRIES = 100  # after so many, draws walk to the limits: they may lie in the far tail of the space


def validator(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Judge the proposals of this attempt; after the last attempt fill what is missing, if the workflow does so."""
    ctx = context_of(runtime)
    round, attempt = position_of(state)
    # A promotion is known on purpose.
    seen = None if is_promotion(ctx.memory, ctx.run_id, ctx.settings, round) else _seen(ctx, round, attempt)
    with ctx.repeatable():
        judgements = _judge(ctx, round, attempt, seen)
        if seen is not None and ctx.rules.fills and attempt >= ctx.rules.retries:
            judgements += _fill(ctx, round, attempt, seen, len(judgements))
    screen(ctx, round)
    ctx.progress.validated(round, attempt, Counter(judgement.status for judgement in judgements))
    return ctx.done(attempt=attempt + 1)


def _seen(ctx: RunContext, round: int, attempt: int) -> Seen:
    """Return what counts as known before this attempt: by digest, the trial or the proposal that has it."""
    seen = Seen(ctx.past, round)
    for row in valid_proposals(ctx, round) if attempt else ():
        if row.attempt < attempt and row.digest is not None:
            seen.add(row.digest, str(row.code))
    return seen


def _judge(ctx: RunContext, round: int, attempt: int, seen: Seen | None) -> list[ProposalUpdate]:
    judgements = []
    for row in ctx.memory.proposals(ctx.run_id, round=round, attempt=attempt):
        judgement = judge(ctx, row, seen)
        if seen is not None and judgement.status == "valid" and judgement.digest is not None:
            seen.add(judgement.digest, str(judgement.code))
        judgements.append(judgement)
    ctx.memory.judge_proposals(ctx.run_id, judgements)
    return judgements


def judge(ctx: RunContext, row: ProposalRow, seen: Seen | None) -> ProposalUpdate:
    """Return what one proposal is: valid, invalid with its problems, or a duplicate of something named."""
    try:
        proposed = json.loads(row.raw)
        architecture = ctx.space.parse(proposed)
    except (ValueError, RecursionError):  # stored text that is no JSON, such as one that was too long to keep
        problem = Problem("not-an-object", "", row.raw[:80], ())
        return ProposalUpdate(row.proposal_id, "invalid", problems=[problem.as_dict()])
    except InvalidArchitecture as error:
        return ProposalUpdate(
            row.proposal_id, "invalid", problems=[problem.as_dict() for problem in error.problems]
        )
    known = _facts(ctx, architecture, proposed)
    over = static_check(ctx.space, architecture, ctx.task, ctx.fidelity, ctx.limits)
    if over is not None and ctx.rules.filters:
        return ProposalUpdate(row.proposal_id, "invalid", problems=[over.as_dict()], **known)
    twin = None if seen is None else seen.find(known["digest"])
    if twin is not None:
        duplicate = {"code": twin[0], "dimension": "", "value": twin[1], "allowed": []}
        return ProposalUpdate(row.proposal_id, "duplicate", problems=[duplicate], **known)
    return ProposalUpdate(row.proposal_id, "valid", problems=[], **known)


def _facts(ctx: RunContext, architecture: Architecture, proposed: Any) -> dict[str, Any]:
    written = ctx.space.to_dict(architecture)
    return {
        "architecture": written,
        "is_whole": proposed == written,
        "code": ctx.space.code(architecture),
        "digest": ctx.space.digest(architecture),
    }


def _fill(ctx: RunContext, round: int, attempt: int, seen: Seen, position: int) -> list[ProposalUpdate]:
    """Add random legal candidates, marked as such, so that refused proposals cannot waste the round."""
    missing = wanted(ctx, round) - len(valid_proposals(ctx, round))
    if missing <= 0:
        return []
    drawn = draw_legal(ctx, round_rng(ctx, "fill", round, attempt), missing, seen)
    items = [
        NewProposal(
            position=position + n, origin="random-fill", raw=json.dumps(ctx.space.to_dict(architecture))
        )
        for n, architecture in enumerate(drawn)
    ]
    rows = ctx.memory.add_proposals(ctx.run_id, round, attempt, items)
    judgements = [judge(ctx, row, None) for row in rows if row.origin == "random-fill"]
    ctx.memory.judge_proposals(ctx.run_id, judgements)
    return judgements


def draw_legal(ctx: RunContext, rng: random.Random, count: int, seen: Seen) -> list[Architecture]:
    """Return up to `count` random architectures that are new and within the limits, and add them to what is seen."""
    drawn: list[Architecture] = []
    for attempted in range(TRIES_PER_FILL if count > 0 else 0):
        architecture = _draw(ctx, rng, within_limits=attempted >= UNIFORM_TRIES)
        digest = ctx.space.digest(architecture)
        over = static_check(ctx.space, architecture, ctx.task, ctx.fidelity, ctx.limits)
        if over is not None or seen.find(digest) is not None:
            continue
        seen.add(digest, ctx.space.code(architecture))
        drawn.append(architecture)
        if len(drawn) == count:
            break
    return drawn


def _draw(ctx: RunContext, rng: random.Random, *, within_limits: bool) -> Architecture:
    """Return a random architecture; within the limits one that keeps them, if any can be found."""
    limits = ctx.limits

    def load(architecture: Architecture) -> float:
        cost = cost_on(ctx.task, ctx.space, architecture, ctx.fidelity)
        known_ms = limits.latency_of(ctx.space, architecture)
        latency_ms = math.inf if known_ms is None else known_ms
        shares = (
            cost.params / limits.max_params if limits.max_params is not None else 0.0,
            cost.macs / limits.max_macs if limits.max_macs is not None else 0.0,
            latency_ms / limits.max_latency_ms if limits.max_latency_ms is not None else 0.0,
        )
        return max(shares)

    if within_limits:
        with suppress(NavarchError):  # nothing found within them: a uniform draw is as good as any
            return ctx.space.sample_within(rng, load, 0.0, 1.0)
    return ctx.space.sample(rng)
