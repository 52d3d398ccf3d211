"""What an architecture will cost, learnt from the costs of trials: a sum of one figure for each option.

Exact where costs are sums over dimensions, which a few trials settle; elsewhere a fair guess. It keeps the
Navigator's plans within the limits, which the validator enforces.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from navarch.agents.offline.moves import Choices, Values
from navarch.agents.views import Mission, TrialView
from navarch.evaluation import Limits

TOLERANCE = 1.0 + 1e-6


def is_affordable(mission: Mission, trial: TrialView) -> bool:
    """Tell whether a trial is within the mission's limits."""
    limits = Limits(mission.max_params, mission.max_macs, mission.max_latency_ms)
    return limits.admits(trial.params, trial.macs, trial.latency_ms)


def keep_affordable(
    choices: Choices, mission: Mission, trials: Sequence[TrialView], pool: Sequence[Values]
) -> list[Values]:
    """Return the architectures that should be within the mission's limits, in their order."""
    kept = list(pool)
    limited: tuple[tuple[float | None, list[float | None]], ...] = (
        (mission.max_params, [t.params for t in trials]),
        (mission.max_macs, [t.macs for t in trials]),
        (mission.max_latency_ms, [t.latency_ms for t in trials]),
    )
    for limit, figures in limited:
        known = [(t.values, cost) for t, cost in zip(trials, figures, strict=True) if cost is not None]
        if limit is not None and kept and known:
            expected = _predict(choices, [values for values, _ in known], [cost for _, cost in known], kept)
            affordable = (expected <= limit * TOLERANCE).tolist()
            kept = [values for values, fits in zip(kept, affordable, strict=True) if fits]
    return kept


def _predict(
    choices: Choices, known: Sequence[Values], costs: Sequence[float], pool: Sequence[Values]
) -> NDArray[np.float64]:
    """Fit the sum by least squares (the smallest solution where several fit) and apply it to the pool."""
    target = np.array(costs, dtype=np.float64)
    solution = np.linalg.lstsq(_one_hot(choices, known), target - target.mean(), rcond=None)[0]
    predicted: NDArray[np.float64] = target.mean() + _one_hot(choices, pool) @ solution
    return predicted


def _one_hot(choices: Choices, rows: Sequence[Values]) -> NDArray[np.float64]:
    """Return a column for each option of each dimension, and one for the constant."""
    columns = [(position, option) for position, options in enumerate(choices.options) for option in options]
    return np.array([[*(row[p] == option for p, option in columns), 1.0] for row in rows], dtype=np.float64)
