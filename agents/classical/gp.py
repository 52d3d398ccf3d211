"""Bayesian optimisation: a Gaussian process with a Hamming kernel and expected improvement.

The process is `agents/surrogate.py`. The improvement is maximised over a pool near the best and anywhere, then by two
rounds of climbing from the most promising.
"""

import random
from dataclasses import dataclass

from navarch.agents.classical.pool import best_of, neighbours_of, pool_around
from navarch.agents.classical.searcher import SearcherView, Values, sample_new
from navarch.agents.surrogate import Surrogate, fit, rounded_improvement

POOL = 400
CLIMBS = 2
CLIMBERS = 5

Gains = dict[Values, float]


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """startup: random architectures before the process decides."""

    startup: int = 10

    def propose(self, view: SearcherView, rng: random.Random) -> Values:
        """Return the new architecture with the highest expected improvement that was found."""
        evaluated = view.evaluated()
        if len(evaluated) < self.startup or all(asked.accuracy is None for asked in evaluated):
            return sample_new(view, rng)
        model = fit([asked.canonical for asked in evaluated], [asked.accuracy for asked in evaluated])
        found = pool_around(view, best_of(evaluated), POOL, rng)
        gains = _score(model, found)
        for _ in range(CLIMBS):
            top = sorted(gains, key=lambda canonical: -gains[canonical])[:CLIMBERS]
            around = neighbours_of(view, [found[canonical] for canonical in top], POOL)
            fresh = {key: values for key, values in around.items() if key not in found}
            found.update(fresh)
            gains.update(_score(model, fresh))
        if not gains:
            return sample_new(view, rng)
        return found[max(gains, key=lambda canonical: gains[canonical])]


def _score(model: Surrogate, pool: dict[Values, Values]) -> Gains:
    """Return the expected improvement of each, by canonical values."""
    if not pool:
        return {}
    return dict(zip(pool, rounded_improvement(model.predict(list(pool)), model.best), strict=True))
