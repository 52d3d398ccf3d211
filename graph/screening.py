"""The cascade's middle: zero-cost proxies of the candidates, stored with the proposals, and which candidates go on.

What goes on depends on this round's stored rows alone, so that a resumed run decides alike.
"""

from collections.abc import Sequence

from navarch import NavarchError
from navarch.evaluation import Task
from navarch.evaluation.proxies.names import FIGURES, check_names
from navarch.evaluation.proxies.ranking import log_ranks
from navarch.evaluation.proxies.scores import Scores
from navarch.evaluation.proxies.screen import ProxyScreen
from navarch.graph.context import RunContext
from navarch.graph.selection import valid_proposals
from navarch.graph.settings import Settings
from navarch.memory import ProposalRow, ProposalUpdate
from navarch.spaces import SearchSpace


def check_proxies(settings: Settings, space: SearchSpace) -> None:
    """Refuse, before a run starts, what cannot be measured. Raises: NavarchError."""
    names = check_names(settings.proxies.names)
    if settings.proxies.keep is not None and not names:
        raise NavarchError(
            "proxies.keep ranks candidates by proxies.names, which is empty: name a proxy, or leave keep out"
        )
    if names and settings.space.endswith(".toml"):
        raise NavarchError(
            f"proxies.names measures networks, and the declared space {space.name!r} has none: leave it out"
        )


def make_screen(settings: Settings, task: Task) -> ProxyScreen:
    """Return what measures the proxies that the settings name; it starts no process before the first candidate."""
    own = settings.proxies
    return ProxyScreen(own.names, task, slots=settings.slots, batch=own.batch, timeout_s=own.timeout_s)


def screen(ctx: RunContext, round: int) -> None:
    """Measure the proxies of the round's candidates that have none yet, and store them with the proposals."""
    if ctx.screen is None or not ctx.screen.names:
        return
    rows = [row for row in valid_proposals(ctx, round) if "proxies" not in (row.verdict or {})]

    def store(place: int, scores: Scores) -> None:
        row = rows[place]
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


def screened(
    settings: Settings, candidates: Sequence[ProposalRow], least: int
) -> tuple[list[ProposalRow], list[ProposalRow]]:
    """Return the candidates that go on and those that the proxies leave out, both in their order.

    The best by the joined ranks go on, `proxies.keep` of them, and never fewer than `least`; of equals the earlier.
    """
    keep = settings.proxies.keep
    if keep is None or len(candidates) <= max(keep, least):
        return list(candidates), []
    figures = [(row.verdict or {}).get("proxies", {}) for row in candidates]
    columns = [figure for name in settings.proxies.names for figure in FIGURES[name]]
    joined = log_ranks([[own.get(column) for own in figures] for column in columns])
    order = sorted(range(len(candidates)), key=lambda place: (-joined[place], place))
    best = set(order[: max(keep, least)])
    on = [row for place, row in enumerate(candidates) if place in best]
    return on, [row for place, row in enumerate(candidates) if place not in best]


def leave_out(ctx: RunContext, rows: Sequence[ProposalRow]) -> None:
    """Store that the proxies left candidates out, where that is not stored yet."""
    updates = [
        ProposalUpdate(row.proposal_id, "unselected", verdict={**(row.verdict or {}), "screened_out": True})
        for row in rows
        if row.status == "valid"
    ]
    if updates:
        ctx.memory.judge_proposals(ctx.run_id, updates)
