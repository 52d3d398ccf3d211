"""BANANAS-like search: an ensemble predicts, and independent Thompson sampling picks.

After White, Neiswanger and Savani 2021, with the settings of its authors where they carry over: 10 architectures at
random, then of 100 mutations of the best 5 the one whose draw from the normal distribution of the ensemble's mean and
spread is highest. Departures: the ensemble is a random forest over one-hot options of the canonical form in place of
5 neural networks over paths, so that it works on any space and costs milliseconds; one trial is chosen at a time, in
place of 10.
"""

import random
from dataclasses import dataclass

import numpy as np

from navarch.agents.classical.forest import fit
from navarch.agents.classical.pool import best_of, neighbours_of
from navarch.agents.classical.searcher import SearcherView, Values, sample_new

CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class Bananas:
    """startup: random architectures before the ensemble decides."""

    startup: int = 10

    def propose(self, view: SearcherView, rng: random.Random) -> Values:
        """Return the new mutation of the best with the highest draw."""
        evaluated = view.evaluated()
        accuracies = [asked.accuracy for asked in evaluated if asked.accuracy is not None]
        if len(evaluated) < self.startup or not accuracies:
            return sample_new(view, rng)
        mutations = list(neighbours_of(view, [asked.values for asked in best_of(evaluated)]).items())
        if not mutations:
            return sample_new(view, rng)
        candidates = rng.sample(mutations, min(CANDIDATES, len(mutations)))
        worst = min(accuracies)  # stands for a failed trial
        filled = [worst if asked.accuracy is None else asked.accuracy for asked in evaluated]
        seed = rng.getrandbits(64)
        forest = fit([asked.canonical for asked in evaluated], np.array(filled, dtype=np.float64), seed)
        predictions = forest.predict([canonical for canonical, _ in candidates])
        draws = np.random.default_rng(seed).normal(predictions.mean(axis=0), predictions.std(axis=0))
        return candidates[int(draws.argmax())][1]
