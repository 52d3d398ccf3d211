"""Uniform random search: the baseline that every search must beat."""

import random

from navarch.agents.classical.searcher import SearcherView, Values


class RandomSearch:
    """Draws every architecture anew and learns nothing."""

    def propose(self, view: SearcherView, rng: random.Random) -> Values:
        """Return a uniform draw, known or not: look-ups are free."""
        return view.structure.sample(rng)
