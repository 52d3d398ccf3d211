"""What an architecture will cost, learnt from the costs of trials: a sum of one figure for each option.

Exact where costs are sums over dimensions, which a few trials settle; elsewhere a fair guess. It keeps the
Navigator's plans within the limits, which the validator enforces.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from navarch.agents.offline.moves import Choices, Values
from navarch.agents.views import Mission, TrialView
from navarch.evaluation import Limits

TOLERANCE = 1.0 + 1e-6


def affordable(mission: Mission, trials: Sequence[TrialView]) -> list[TrialView]:
    """Return the trials within the mission's limits."""
    limits = Limits(mission.max_params, mission.max_macs, mission.max_latency_ms)
    return [trial for trial in trials if limits.admits(trial.params, trial.macs, trial.latency_ms)]


def keep_affordable(
    choices: Choices, mission: Mission, trials: Sequence[TrialView], pool: Sequence[Values]
) -> list[Values]:
    """Return the architectures that should be within the mission's limits, in their order."""
    kept = list(pool)
    limited: tuple[tuple[float | None, Callable[[TrialView], float | None]], ...] = (
        (mission.max_params, attrgetter("params")),
        (mission.max_macs, attrgetter("macs")),
        (mission.max_latency_ms, attrgetter("latency_ms")),
    )
    for limit, cost_of in limited:
        if limit is None:
            continue
        known = [(t.values, cost) for t in trials if (cost := cost_of(t)) is not None]
        if kept and known:
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
