"""How figures and replies read in the terminal."""

from typing import TYPE_CHECKING

from navarch.graph.counting import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from navarch.agents.replies import Reply
    from navarch.evaluation import Evaluator
    from navarch.graph.assemble import RunParts
    from navarch.graph.settings import Settings
    from navarch.memory import ProposalRow, TrialRow


def accuracy(percent: float | None) -> str:
    """Return a percentage with two decimals, or a dash."""
    return "-" if percent is None else f"{percent:.2f} %"


def big(count: float) -> str:
    """Return a count in thousands (k) or millions (M)."""
    if count >= 1e6:
        return f"{count / 1e6:.2f} M"
    return f"{count / 1e3:.1f} k" if count >= 1e3 else f"{count:.0f}"


def money(amount: float) -> str:
    """Return an amount of money; what is small with four decimals."""
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.4f}"


def duration(seconds: float) -> str:
    """Return a time as a person says it: seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def measuring(evaluator: "Evaluator", parts: "RunParts") -> str:
    """Return how trials are measured; inherited weights and a user's own measurement have no epochs to tell."""
    epochs = (
        f"{counted(parts.fidelity.epochs, 'epoch')}, "
        if parts.task.is_described and evaluator.name != "supernet"
        else ""
    )
    return f"{evaluator.name}, {epochs}{evaluator.slots} at once"


def trials_at_once(rows: "Iterable[TrialRow]") -> str:
    """Return how many trials could run at once on each device, as that changed, or nothing if no trial says so."""
    found: dict[str, list[str]] = {}
    for row in rows:
        slots = (row.cost or {}).get("slots")
        if slots and row.reused_from is None:
            numbers = found.setdefault(row.cost["device"], [])
            if numbers[-1:] != [str(slots)]:
                numbers.append(str(slots))
    return "; ".join(f"{', then '.join(numbers)} on {device}" for device, numbers in found.items())


def roles_of(settings: "Settings") -> str:
    """Return the roles of a run with their models, and what was left out, or nothing for a classical searcher."""
    from navarch.graph.ablation import left_out
    from navarch.graph.workflows import get_workflow

    roles = get_workflow(settings.workflow).leaving_out(left_out(settings)).roles
    shown = ", ".join(f"{role} {settings.model_of(role)}" for role in roles)
    return "; ".join(part for part in (shown, ablated(settings)) if part)


def ablated(settings: "Settings") -> str:
    """Return which roles are left out and what is not remembered, or nothing for a run that is whole."""
    from navarch.graph.ablation import left_out

    absent = ", ".join(left_out(settings))
    found = [f"left out: {absent}"] if absent else []
    if settings.workflow == "navarch" and settings.search.memory == "none":
        found.append("memory: none")
    if settings.workflow == "collm-nas" and settings.collm.memory != "navigator":
        found.append(f"memory: {settings.collm.memory}")
    return "; ".join(found)


def gist(reply: "Reply") -> str:
    """Return the one line of a reply that a person wants to see pass by."""
    from navarch.agents.replies import (
        Direction,
        Evolution,
        Lessons,
        Patterns,
        Proposal,
        Proposals,
        Strategy,
        Verdicts,
    )

    if isinstance(reply, Direction):
        return f"explore {reply.explore:.2f}: {reply.summary}"
    if isinstance(reply, Strategy):
        return reply.summary
    if isinstance(reply, Evolution):
        return "; ".join(reply.strategies)
    if isinstance(reply, Patterns):
        return "; ".join(reply.patterns)
    if isinstance(reply, Proposal):
        return reply.why or "1 proposal"
    if isinstance(reply, Proposals):
        return counted(len(reply.proposals), "proposal")
    if isinstance(reply, Verdicts):
        return counted(len(reply.verdicts), "verdict")
    if isinstance(reply, Lessons) and reply.lessons:
        return f"lesson: {reply.lessons[0].statement}"
    return "no new lesson"


def because(row: "ProposalRow") -> str:
    """Say why a proposal was or was not evaluated."""
    problems = "; ".join(
        " ".join(str(part) for part in (p["code"], p["dimension"], p["value"], *p["allowed"]) if part)
        for p in row.problems
    )
    verdict = row.verdict or {}
    if verdict.get("screened_out"):
        proxies = ", ".join(f"{name} {figure:.4g}" for name, figure in verdict["proxies"].items())
        return f"left out by the proxies: {proxies}"
    if verdict.get("uncriticised"):
        return "drawn past the Critic"
    if "score" in verdict:
        return f"score {verdict['score']:.2f}: {verdict['reason']}"
    return problems
