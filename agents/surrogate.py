"""A Gaussian process over architectures: what finished trials say about those not yet tried.

Exact regression with the kernel of `kernel.py`, whose weights and noise are chosen by marginal likelihood, so nothing
is known of any space. Features are tuples of option names, canonical ones at best, and, where it is known, how often
each operation stands on a path from input to output. Left out: orders between options, more than one objective.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

# The matrices are small: on two busy cores a fit to 100 points took 8 ms of CPU with one thread, 20 or more with
# two, at the cost of trials. OpenBLAS reads this at numpy's first import; a user's own value stays.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from navarch.agents.kernel import MIN_VARIANCE, Encoder, Features, Floats, PathCounts, Values, kernel, tune

MAX_POINTS = 200  # keeps the cubic cost of a fit below 10 ms of one core
TUNING_POINTS = 64  # the weights are chosen on as many, spread over the ranking
GAIN_DIGITS = 9  # of an expected improvement
REMEMBERED_FITS = 4  # the roles of a round ask about the same trials


class Prediction(NamedTuple):
    """The noise-free value of each architecture, in the units of the targets.

    mean: the posterior median. std: one standard deviation upwards, the side that an improvement comes from
    (the targets are warped, so the downward side is longer).
    """

    mean: Floats
    std: Floats


class Joint(NamedTuple):
    """The posterior of several architectures together, on the warped scale: mean (n,), covariance (n, n)."""

    mean: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True)
class Warp:
    """A monotone map that spreads values near the best: accuracies crowd there and have a long tail below."""

    top: float
    scale: float

    def forward(self, targets: Floats) -> Floats:
        """Map targets to the scale on which the process is fitted."""
        return -np.log1p((self.top - targets) / self.scale)

    def backward(self, warped: Floats) -> Floats:
        """Map back to the units of the targets."""
        return self.top - self.scale * np.expm1(-warped)


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A fitted process; `best` is the highest finite target it was fitted to, `noise` is over the signal's variance."""

    best: float
    weights: tuple[float, ...]
    noise: float
    variance: float
    _encoder: Encoder
    _features: Features
    _inverse: Floats
    _residual: Floats
    _centre: float
    _warp: Warp

    def predict(self, values: Sequence[Values]) -> Prediction:
        """Return the posterior of each architecture; options never seen differ from all others."""
        return self.unwarp(*self._posterior(values))

    def gains(self, values: Sequence[Values], best: float) -> list[float]:
        """Return the expected improvement over `best` of each architecture, on the warped scale.

        Rounded, such that the last bits of a linear-algebra library decide nothing.
        """
        return self.gains_of(*self._posterior(values), best)

    def gains_of(self, mean: Floats, std: Floats, best: float) -> list[float]:
        """Return the same of a posterior on the warped scale; `best` is in the units of the targets.

        A best above all that the process was fitted to counts as the highest of these, where the scale ends.
        """
        warped = self._warp.forward(np.array([min(best, self.best)]))
        return rounded_improvement(Prediction(mean, std), float(warped[0]))

    def joint(self, values: Sequence[Values]) -> Joint:
        """Return the posterior of the architectures together."""
        features, weights = self._encoder.encode(values), np.array(self.weights)
        cross = kernel(features, self._features, weights)
        covariance = self.variance * (kernel(features, features, weights) - cross @ self._inverse @ cross.T)
        return Joint(self._centre + cross @ self._residual, covariance)

    def _posterior(self, values: Sequence[Values]) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of each architecture on the warped scale."""
        cross = kernel(self._encoder.encode(values), self._features, np.array(self.weights))
        reduction = np.einsum("ij,ij->i", cross @ self._inverse, cross)
        spread = np.sqrt(self.variance * np.maximum(1.0 - reduction, 1e-9))
        return self._centre + cross @ self._residual, spread

    def unwarp(self, mean: Floats, std: Floats) -> Prediction:
        """Return a posterior on the warped scale in the units of the targets."""
        middle = self._warp.backward(mean)
        return Prediction(middle, self._warp.backward(mean + std) - middle)


def fit(
    values: Sequence[Values], targets: Sequence[float | None], path_counts: PathCounts | None = None
) -> Surrogate:
    """Fit to architectures and their targets (maximised); None or NaN marks a failed trial.

    path_counts: how often each operation stands on a path through an architecture, where that is known.
    A failed trial counts as the worst finite target: a warning to keep away, not an outlier that bends all.
    Above `MAX_POINTS` points the best half and the latest ones are kept.
    Raises: ValueError when no target is finite, or the lengths differ.
    """
    return _fit(tuple(values), tuple(targets), path_counts)


@lru_cache(maxsize=REMEMBERED_FITS)
def _fit(
    values: tuple[Values, ...], targets: tuple[float | None, ...], path_counts: PathCounts | None
) -> Surrogate:
    kept_values, kept_targets = _select(values, _impute(targets, len(values)))
    encoder, features = Encoder.of(kept_values, path_counts)
    warp = choose_warp(kept_targets)
    warped = warp.forward(kept_targets)
    sample = _spread_sample(kept_targets, TUNING_POINTS)
    weights, noise = tune(features.at(sample), warped[sample])
    solved = _solve(kernel(features, features, weights), warped, noise)
    return Surrogate(
        best=float(kept_targets.max()),
        weights=tuple(weights.tolist()),
        noise=noise,
        variance=solved.variance,
        _encoder=encoder,
        _features=features,
        _inverse=solved.inverse,
        _residual=solved.inverse @ (warped - solved.centre),
        _centre=solved.centre,
        _warp=warp,
    )


def expected_improvement(prediction: Prediction, best: float) -> Floats:
    """Return the expected gain over `best` for each prediction, in the units of the targets.

    Source: Jones, Schonlau and Welch 1998, equation 15.
    """
    std = np.maximum(prediction.std, 1e-12)
    z = (prediction.mean - best) / std
    density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    cumulative = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z.tolist()])
    gain: Floats = np.maximum(std * (z * cumulative + density), 0.0)
    return gain


def rounded_improvement(prediction: Prediction, best: float) -> list[float]:
    """Return the expected gains such that the last bits of a linear-algebra library decide nothing."""
    gains: list[float] = expected_improvement(prediction, best).round(GAIN_DIGITS).tolist()
    return gains


class _Solved(NamedTuple):
    inverse: Floats
    centre: float
    variance: float


def _impute(targets: Sequence[float | None], n_values: int) -> Floats:
    if len(targets) != n_values:
        raise ValueError(f"{n_values} architectures but {len(targets)} targets")
    array = np.array([math.nan if target is None else target for target in targets], dtype=np.float64)
    finite = np.isfinite(array)
    if not finite.any():
        raise ValueError("no finished trial with a finite target: there is nothing to fit to")
    return np.where(finite, array, array[finite].min())


def _select(values: Sequence[Values], targets: Floats) -> tuple[list[Values], Floats]:
    """Keep at most `MAX_POINTS`: the best half, then the latest."""
    if len(values) <= MAX_POINTS:
        return list(values), targets
    best = np.argsort(-targets, kind="stable")[: MAX_POINTS // 2]
    chosen = set(best.tolist())
    for position in range(len(values) - 1, -1, -1):
        if len(chosen) == MAX_POINTS:
            break
        chosen.add(position)
    order = sorted(chosen)
    return [values[i] for i in order], targets[order]


def _spread_sample(targets: Floats, size: int) -> NDArray[np.intp]:
    """Return `size` positions evenly spread over the ranking, so that tuning sees good and bad alike."""
    order = np.argsort(-targets, kind="stable")
    if len(order) <= size:
        return order
    return order[np.linspace(0, len(order) - 1, size).round().astype(np.intp)]


def choose_warp(targets: Floats) -> Warp:
    """Return the warp for targets: nothing changes much above the median, the tail below it is drawn in."""
    top = float(targets.max())
    scale = float(top - np.median(targets)) or float(top - targets.min()) or 1.0
    return Warp(top, scale)


def _solve(kernel: Floats, targets: Floats, noise: float) -> _Solved:
    """Return the posterior's parts: the inverse of kernel + noise, and centre and variance in closed form."""
    inverse: Floats = np.linalg.inv(kernel + noise * np.eye(len(targets))).astype(np.float64)
    column = inverse.sum(axis=0)
    centre = float(column @ targets / column.sum())
    residual = targets - centre
    return _Solved(inverse, centre, max(float(residual @ inverse @ residual) / len(targets), MIN_VARIANCE))
