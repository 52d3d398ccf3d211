"""What an architecture will cost, learnt from the costs of trials: a sum of one figure for each option.

Exact where costs are sums over dimensions, which a few trials settle; elsewhere a fair guess. It keeps the
Navigator's plans within the limits, which the validator enforces.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from navarch.agents.kernel import Encoder
from navarch.agents.offline.moves import Choices, Values
from navarch.agents.views import Mission, TrialView
from navarch.evaluation import Limits

TOLERANCE = 1.0 + 1e-6


def affordable(mission: Mission, trials: Sequence[TrialView]) -> list[TrialView]:
    """Return the trials within the mission's limits."""
    limits = Limits(mission.max_params, mission.max_macs, mission.max_latency_ms)
    return [trial for trial in trials if limits.admits(trial.params, trial.macs, trial.latency_ms)]


class CostModel:
    """What the trials' costs say of the mission's limits: a sum fitted for each limit, once."""

    def __init__(self, choices: Choices, mission: Mission, trials: Sequence[TrialView]) -> None:
        """Fit to the trials whose cost is known; a limit on a cost that none knows bounds nothing."""
        by_dimension = [{name: code for code, name in enumerate(options)} for options in choices.options]
        self._encoder = Encoder(tuple(by_dimension), None, 1.0)
        columns = [
            (position, code)
            for position, options in enumerate(choices.options)
            for code in range(len(options))
        ]
        self._positions, self._codes = np.array(columns).T
        limited: tuple[tuple[float | None, Callable[[TrialView], float | None]], ...] = (
            (mission.max_params, attrgetter("params")),
            (mission.max_macs, attrgetter("macs")),
            (mission.max_latency_ms, attrgetter("latency_ms")),
        )
        self._sums: list[_Sum] = []
        for limit, cost_of in limited:
            known = [(t.values, cost) for t in trials if (cost := cost_of(t)) is not None]
            if limit is not None and known:
                self._sums.append(self._fit(limit, *zip(*known, strict=True)))

    def keep_affordable(self, pool: Sequence[Values]) -> list[Values]:
        """Return the architectures that should be within the mission's limits, in their order."""
        kept = list(pool)
        for fitted in self._sums:
            if kept:
                expected = fitted.mean + self._one_hot(kept) @ fitted.figures
                affordable = (expected <= fitted.limit * TOLERANCE).tolist()
                kept = [values for values, fits in zip(kept, affordable, strict=True) if fits]
        return kept

    def _fit(self, limit: float, known: Sequence[Values], costs: Sequence[float]) -> "_Sum":
        """Fit by least squares; the smallest solution where several fit."""
        target = np.array(costs, dtype=np.float64)
        mean = target.mean()
        return _Sum(limit, mean, np.linalg.lstsq(self._one_hot(known), target - mean, rcond=None)[0])

    def _one_hot(self, rows: Sequence[Values]) -> NDArray[np.float64]:
        """Return a column for each option of each dimension, and one for the constant."""
        codes = self._encoder.encode(rows).codes
        matrix = np.ones((len(rows), len(self._codes) + 1))
        matrix[:, :-1] = codes[:, self._positions] == self._codes
        return matrix


class _Sum(NamedTuple):
    """A limit, and what the cost that it bounds is expected to be: the mean, and a figure for each option on top."""

    limit: float
    mean: float
    figures: NDArray[np.float64]
