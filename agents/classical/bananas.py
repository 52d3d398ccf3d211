"""BANANAS-like search: an ensemble predicts, and independent Thompson sampling picks.

After White, Neiswanger and Savani 2021: the candidates are mutations of the best so far, and the score of each is
one draw from the normal distribution that the ensemble's mean and spread make (their choice, ITS). Departures: the
ensemble is a random forest over one-hot options of the canonical form in place of neural networks over paths, so
that it works on any space and costs milliseconds; it predicts warped accuracies, since they crowd near the best and
a mean would follow the tail; a part of the candidates is drawn anywhere.
"""

import random
from dataclasses import dataclass

import numpy as np

from navarch.agents.classical.forest import fit
from navarch.agents.classical.pool import best_of, pool_around
from navarch.agents.classical.searcher import SearcherView, Values, sample_new
from navarch.agents.surrogate import choose_warp

POOL = 100


@dataclass(frozen=True, slots=True)
class Bananas:
    """startup: random architectures before the ensemble decides."""

    startup: int = 10

    def propose(self, view: SearcherView, rng: random.Random) -> Values:
        """Return the new architecture with the highest draw."""
        evaluated = view.evaluated()
        accuracies = [asked.accuracy for asked in evaluated if asked.accuracy is not None]
        if len(evaluated) < self.startup or not accuracies:
            return sample_new(view, rng)
        worst = min(accuracies)  # stands for a failed trial
        filled = [worst if asked.accuracy is None else asked.accuracy for asked in evaluated]
        targets = np.array(filled, dtype=np.float64)
        seed = rng.getrandbits(64)
        forest = fit([asked.canonical for asked in evaluated], choose_warp(targets).forward(targets), seed)
        pool = pool_around(view, best_of(evaluated), POOL, rng)
        if not pool:
            return sample_new(view, rng)
        predictions = forest.predict(list(pool))
        draws = np.random.default_rng(seed).normal(predictions.mean(axis=0), predictions.std(axis=0))
        return list(pool.values())[int(draws.argmax())]
