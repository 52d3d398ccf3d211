"""Successive halving and ASHA: which architectures train on, at the next rung's epochs. Pure decisions.

Sources: Jamieson and Talwalkar 2016, algorithm 1 (`bracket`, `survivors`); Li et al. 2020, algorithm 2 (`promotable`).
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple


class Placed(NamedTuple):
    """A finished trial on a rung: the architecture's digest, and its accuracy in percent; None if it failed."""

    digest: str
    accuracy: float | None


Rungs = Sequence[Sequence[Placed]]
"""The finished trials of each rung in the order of their numbers, the rung of fewest epochs first."""


def bracket(
    epochs: Sequence[int], reduction: int, trials: int, max_epochs: int | None = None
) -> tuple[int, ...]:
    """Return how many architectures each rung trains in the largest bracket that the budget pays for.

    epochs: that a trial of each rung costs, the lowest rung first. The best 1 in `reduction` of a rung go on, at least
    one. trials, max_epochs: what all rungs together may take. Empty where not even one architecture can climb them all.
    """

    def sizes(first: int) -> tuple[int, ...]:
        return tuple(max(1, first // reduction**rung) for rung in range(len(epochs)))

    def is_too_much(first: int) -> bool:
        cost = sum(size * each for size, each in zip(sizes(first), epochs, strict=True))
        return sum(sizes(first)) > trials or (max_epochs is not None and cost > max_epochs)

    largest = bisect_right(range(1, trials + 1), False, key=is_too_much)
    return sizes(largest) if largest else ()


def survivors(rung: Sequence[Placed], reduction: int) -> list[str]:
    """Return the best 1 in `reduction` of a whole rung, at least one, best first; a failed trial never goes on."""
    return _best(rung, max(1, len(rung) // reduction))


def promotable(rungs: Rungs, reduction: int) -> tuple[int, list[str]] | None:
    """Return the rung to train on and who has earned it, the highest such rung; None if nobody has.

    Earned: among the best 1 in `reduction` of the rung below as it is now, and not yet promoted.
    """
    for above in range(len(rungs) - 1, 0, -1):
        below = rungs[above - 1]
        promoted = {placed.digest for placed in rungs[above]}
        earned = [digest for digest in _best(below, len(below) // reduction) if digest not in promoted]
        if earned:
            return above, earned
    return None


def _best(rung: Sequence[Placed], count: int) -> list[str]:
    """Return the best that did not fail, the earlier of equals first."""
    complete = [(placed.accuracy, placed.digest) for placed in rung if placed.accuracy is not None]
    return [digest for _, digest in sorted(complete, key=lambda pair: -pair[0])][:count]
