"""Which paths a supernet is trained on: all architectures alike, or all sizes alike."""

import random
from collections.abc import Callable, Sequence

from navarch.evaluation.supernet.plan import Sampling
from navarch.spaces import Architecture, SearchSpace

BINS = 7
TRIES = 500  # draws for one bin, as published
PILOT = 1000  # draws that show how large architectures are


class PathSampler:
    """Draw architectures uniformly, or uniformly over bins of their multiply-accumulates by rejection.

    Source: Single Path One-Shot (Guo et al., ECCV 2020), whose seven bins of 10 MMACs span 290 to 360 MMACs; here seven
    equal bins span what a thousand uniform draws span.
    """

    def __init__(
        self,
        space: SearchSpace,
        allowed: Sequence[Sequence[float]],
        sampling: Sampling,
        measure: Callable[[Architecture], float],
    ) -> None:
        """Take what may be drawn (1 or 0 for every option) and how the size of an architecture is measured."""
        self._space, self._allowed, self._measure = space, allowed, measure
        self.edges: list[float] = []
        if sampling == "flops":
            pilot = random.Random(0)
            sizes = [measure(self._any(pilot)) for _ in range(PILOT)]
            low, high = min(sizes), max(sizes)
            self.edges = [low + (high - low) * k / BINS for k in range(BINS + 1)] if low < high else []

    def draw(self, rng: random.Random) -> Architecture:
        """Return an architecture; where no try falls into the drawn bin, the one that came nearest to it."""
        if not self.edges:
            return self._any(rng)
        number = rng.randrange(BINS)
        low, high = self.edges[number], self.edges[number + 1]
        nearest, least = None, float("inf")
        for _ in range(TRIES):
            drawn = self._any(rng)
            size = self._measure(drawn)
            away = max(low - size, size - high, 0.0)
            if away < least:
                nearest, least = drawn, away
            if away == 0.0:
                break
        assert nearest is not None
        return nearest

    def _any(self, rng: random.Random) -> Architecture:
        return Architecture(self._space.name, self._space.structure.sample(rng, self._allowed))
