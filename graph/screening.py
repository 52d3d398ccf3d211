"""The cascade's middle: zero-cost proxies of the candidates, stored with the proposals, and which candidates go on.

What goes on depends on this round's stored rows alone, so that a resumed run decides alike.
"""

from collections.abc import Mapping, Sequence

from navarch import NavarchError
from navarch.evaluation import Task
from navarch.evaluation.proxies.names import FIGURES, check_names
from navarch.evaluation.proxies.ranking import az_nas_scores, log_ranks
from navarch.evaluation.proxies.scores import Scores
from navarch.evaluation.proxies.screen import ProxyScreen
from navarch.graph.context import RunContext
from navarch.graph.counting import counted
from navarch.graph.rungs import is_promotion
from navarch.graph.selection import valid_proposals
from navarch.graph.settings import Settings
from navarch.graph.workflows import Workflow
from navarch.memory import ProposalRow, ProposalUpdate
from navarch.spaces import SearchSpace


def check_proxies(settings: Settings, workflow: Workflow, space: SearchSpace, task: Task) -> None:
    """Refuse, before a run starts, what cannot be measured or would have no effect. Raises: NavarchError."""
    names, batch = check_names(settings.proxies.names), settings.proxies.batch
    if settings.proxies.keep is not None and not names:
        raise NavarchError(
            "proxies.keep ranks candidates by proxies.names, which is empty: name a proxy, or leave keep out"
        )
    if settings.proxies.keep is not None and "proposals" not in workflow.uses:
        raise NavarchError(
            f"proxies.keep leaves candidates out, and a round of workflow {workflow.name!r} proposes no more than it "
            "tries: leave proxies.keep out"
        )
    if names and task.evaluator == "train" and 2 * batch > task.train_size:
        raise NavarchError(
            f"proxies.batch is {batch}, and two batches are more than the {task.train_size} training images of task "
            f"{task.name!r}: give at most {task.train_size // 2}"
        )
    if names and settings.space.endswith(".toml"):
        raise NavarchError(
            f"proxies.names measures networks, and the declared space {space.name!r} has none: leave it out"
        )


def make_screen(settings: Settings, task: Task) -> ProxyScreen:
    """Return what measures the proxies that the settings name; it starts no process before the first candidate.

    With az_nas the MACs are measured too, the fourth of the figures that it joins.
    """
    own = settings.proxies
    names = (*own.names, "macs") if "az_nas" in own.names else own.names
    return ProxyScreen(names, task, slots=settings.slots, batch=own.batch, timeout_s=own.timeout_s)


def screen(ctx: RunContext, round: int) -> None:
    """Measure the proxies of the round's candidates that have none yet, and store them with the proposals.

    A promotion of halving is left alone: what it trains is decided.
    """
    if ctx.screen is None or not ctx.screen.names:
        return
    if is_promotion(ctx.memory, ctx.run_id, ctx.settings, round):
        return
    rows = [row for row in valid_proposals(ctx, round) if "proxies" not in (row.verdict or {})]

    reasons: list[str] = []

    def store(place: int, scores: Scores) -> None:
        row = rows[place]
        reasons.extend(f"{row.code}: {why}" for why in list(scores.reasons.values())[:1])
        measured = {"proxies": scores.figures, "unmeasured": scores.reasons}
        update = ProposalUpdate(row.proposal_id, row.status, verdict={**(row.verdict or {}), **measured})
        ctx.memory.judge_proposals(ctx.run_id, [update])

    ctx.screen.measure(
        [ctx.space.reveal(ctx.space.parse(row.architecture)) for row in rows],
        ctx.fidelity,
        on_scores=store,
        should_stop=ctx.should_stop,
    )
    ctx.leave_if_asked()
    if rows:
        failed = f", {len(reasons)} of them not by every proxy ({reasons[0]})" if reasons else ""
        ctx.progress.noted(f"round {round}: proxies of {counted(len(rows), 'candidate')} measured{failed}")


def screened(
    settings: Settings, candidates: Sequence[ProposalRow], least: int
) -> tuple[list[ProposalRow], list[ProposalRow]]:
    """Return the candidates that go on and those that the proxies leave out, both in their order.

    The best by the joined ranks go on, `proxies.keep` of them, and never fewer than `least`; of equals the earlier.
    All go on where no candidate has any figure: there is nothing to rank them by.
    """
    keep = settings.proxies.keep
    if keep is None or len(candidates) <= max(keep, least):
        return list(candidates), []
    figures = [(row.verdict or {}).get("proxies", {}) for row in candidates]
    if not any(figures):
        return list(candidates), []
    joined = log_ranks([_column(name, figures) for name in settings.proxies.names])
    order = sorted(range(len(candidates)), key=lambda place: (-joined[place], place))
    best = set(order[: max(keep, least)])
    on = [row for place, row in enumerate(candidates) if place in best]
    return on, [row for place, row in enumerate(candidates) if place not in best]


def _column(name: str, figures: Sequence[Mapping[str, float]]) -> Sequence[float | None]:
    """Return what ranks the candidates by one proxy; az_nas joins four figures, every other proxy has one."""
    if name == "az_nas":
        return az_nas_scores(figures)
    (figure,) = FIGURES[name]
    return [own.get(figure) for own in figures]


def leave_out(ctx: RunContext, rows: Sequence[ProposalRow]) -> None:
    """Store that the proxies left candidates out, where that is not stored yet."""
    updates = [
        ProposalUpdate(row.proposal_id, "unselected", verdict={**(row.verdict or {}), "screened_out": True})
        for row in rows
        if row.status == "valid"
    ]
    if updates:
        ctx.memory.judge_proposals(ctx.run_id, updates)
