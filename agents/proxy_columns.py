"""The zero-cost proxies of candidates as columns of what the Critic reads."""

from collections.abc import Mapping, Sequence

from navarch.evaluation.proxies.names import FIGURES
from navarch.memory import ProposalRow

COUNTED = {"params", "macs"}  # shown of every candidate, from the space's closed form


def figures_of(row: ProposalRow) -> dict[str, float]:
    """Return a candidate's proxies, rounded, so that the last bits of a processor decide nothing."""
    figures: Mapping[str, float] = (row.verdict or {}).get("proxies", {})
    return {name: float(f"{figure:.4g}") for name, figure in figures.items()}


def measured(rows: Sequence[ProposalRow]) -> tuple[str, ...]:
    """Return the names of the proxies that any candidate has, besides what is shown of every candidate."""
    found = {name for row in rows for name in figures_of(row)} - COUNTED
    return tuple(name for names in FIGURES.values() for name in names if name in found)
