"""Regularized evolution: parents from a sample of the youngest, children by one edit, the oldest dies.

Source: Real, Aggarwal, Huang and Le 2019, algorithm 1. A child that is known enters the population again with its known
result, as it does where evaluations are looked up in a table.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from navarch.agents.classical.searcher import Asked, SearcherView, Values, edit


@dataclass(frozen=True, slots=True)
class RegularizedEvolution:
    """population: how many live. sample: how many compete to be the parent."""

    population: int = 10
    sample: int = 3

    def propose(self, view: SearcherView, rng: random.Random) -> Values:
        """Return a random architecture until the population is full, then a child of a tournament's winner."""
        living = youngest(view.asked, self.population)
        if len(living) < self.population:
            return view.structure.sample(rng)
        competitors = rng.sample(living, min(self.sample, len(living)))
        return edit(view, max(competitors, key=lambda asked: asked.worth).values, rng)


def youngest(asked: Sequence[Asked], count: int) -> list[Asked]:
    """Return the last `count` that have a result, oldest first; a failed trial is alive and worth least."""
    living: list[Asked] = []
    for entry in reversed(asked):
        if len(living) == count:
            break
        if entry.state == "finished":
            living.append(entry)
    return living[::-1]
