"""How far a known prior is trusted: what is near to it weighs more, and less so with every trial.

Source: Hvarfner et al. 2022 (pi-BO): expected improvement times the belief in a point to the power beta / n after n
trials, so that a wrong belief is overcome; beta is a tenth of the budget there, of 100 trials here. The belief is taken
to fall by a factor e with each dimension that differs.
"""

import math
from collections.abc import Sequence

from navarch.agents.offline.moves import Values, distance

STRENGTH = 10.0  # beta
MIN_TRIALS = 7  # completed ones, before the surrogate is asked
MIN_TRIALS_BESIDE_PRIOR = 3  # the prior says meanwhile what a larger sample would


def min_trials(prior: Values | None) -> int:
    """Return how many completed trials the surrogate waits for."""
    return MIN_TRIALS if prior is None else MIN_TRIALS_BESIDE_PRIOR


def weigh(values: Sequence[Values], prior: Values | None, n_trials: int) -> list[float]:
    """Return the factor on the expected improvement of each architecture, at most 1; all 1 without a prior."""
    if prior is None:
        return [1.0] * len(values)
    return [math.exp(-STRENGTH / max(n_trials, 1) * distance(each, prior)) for each in values]
