"""A Gaussian process over categorical dimensions: what finished trials say about architectures not yet tried.

Exact regression with the kernel exp(-sum of w_d over the dimensions in which two architectures differ). The
weights and the noise are chosen by marginal likelihood over a small grid, so nothing is known of any space.
Features are tuples of option names; canonical ones work best. Left out: orders between options, more than one
objective.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

# The matrices are small: on two busy cores a fit to 100 points took 8 ms of CPU with one thread, 20 or more with
# two, at the cost of trials. OpenBLAS reads this at numpy's first import; a user's own value stays.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

Values = tuple[str, ...]
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

MAX_POINTS = 200  # keeps the cubic cost of a fit below 10 ms of one core
TUNING_POINTS = 64  # the weights are chosen on as many, spread over the ranking
MAX_TUNED_DIMENSIONS = 24  # above it all dimensions share one weight
SPANS = (0.75, 1.5, 3.0, 6.0, 12.0)  # the shared weight times the number of dimensions
NOISES = (1e-4, 1e-2, 1e-1)  # noise variance over signal variance
FACTORS = (0.3, 3.0)  # tried on each dimension's weight
PRIOR_WIDTH = 1.0  # of a dimension's log weight around the shared one
MIN_VARIANCE = 1e-9  # keeps constant targets harmless


class Prediction(NamedTuple):
    """The noise-free value of each architecture, in the units of the targets.

    mean: the posterior median. std: one standard deviation upwards, the side that an improvement comes from
    (the targets are warped, so the downward side is longer).
    """

    mean: Floats
    std: Floats


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
    """A fitted process; `best` is the highest finite target it was fitted to."""

    best: float
    weights: tuple[float, ...]
    noise: float
    _index: tuple[dict[str, int], ...]
    _codes: Codes
    _inverse: Floats
    _residual: Floats
    _centre: float
    _variance: float
    _warp: Warp

    def predict(self, values: Sequence[Values]) -> Prediction:
        """Return the posterior of each architecture; options never seen differ from all others."""
        codes = _encode(values, self._index)
        cross = _kernel(codes, self._codes, np.array(self.weights))
        warped = self._centre + cross @ self._residual
        reduction = np.einsum("ij,ij->i", cross @ self._inverse, cross)
        spread = np.sqrt(self._variance * np.maximum(1.0 - reduction, 1e-9))
        mean = self._warp.backward(warped)
        return Prediction(mean, self._warp.backward(warped + spread) - mean)


def fit(values: Sequence[Values], targets: Sequence[float | None]) -> Surrogate:
    """Fit to architectures and their targets (maximised); None or NaN marks a failed trial.

    A failed trial counts as the worst finite target: a warning to keep away, not an outlier that bends all.
    Above `MAX_POINTS` points the best half and the latest ones are kept.
    Raises: ValueError when no target is finite, or the lengths differ.
    """
    kept_values, kept_targets = _select(values, _impute(targets, len(values)))
    index = _index_options(kept_values)
    codes = _encode(kept_values, index)
    warp = choose_warp(kept_targets)
    warped = warp.forward(kept_targets)
    sample = _spread_sample(kept_targets, TUNING_POINTS)
    weights, noise = _tune(codes[sample], warped[sample])
    solved = _solve(_kernel(codes, codes, weights), warped, noise)
    return Surrogate(
        best=float(kept_targets.max()),
        weights=tuple(weights.tolist()),
        noise=noise,
        _index=index,
        _codes=codes,
        _inverse=solved.inverse,
        _residual=solved.inverse @ (warped - solved.centre),
        _centre=solved.centre,
        _variance=solved.variance,
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


def _index_options(values: Sequence[Values]) -> tuple[dict[str, int], ...]:
    columns = zip(*values, strict=True)
    return tuple({option: code for code, option in enumerate(sorted(set(column)))} for column in columns)


def _encode(values: Sequence[Values], index: tuple[dict[str, int], ...]) -> Codes:
    """Return integer codes, shape (architectures, dimensions); -1 for an option never seen."""
    rows = [[codes.get(option, -1) for option, codes in zip(row, index, strict=True)] for row in values]
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(index))


def _kernel(a: Codes, b: Codes, weights: Floats) -> Floats:
    """Return exp(-weighted Hamming distance), shape (len(a), len(b))."""
    distance = np.zeros((len(a), len(b)))
    for dimension, weight in enumerate(weights.tolist()):
        distance += weight * (a[:, dimension, None] != b[None, :, dimension])
    return np.exp(-distance)


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


def _log_likelihood(kernel: Floats, targets: Floats, noise: float) -> float:
    """Return the log marginal likelihood up to a constant, centre and variance at their best values."""
    n = len(targets)
    factor = np.linalg.cholesky(kernel + noise * np.eye(n))
    ones, scaled = np.linalg.solve(factor, np.column_stack([np.ones(n), targets])).T
    residual = scaled - (ones @ scaled / (ones @ ones)) * ones
    variance = max(float(residual @ residual) / n, MIN_VARIANCE)
    return -0.5 * n * math.log(variance) - float(np.log(np.diag(factor)).sum())


def _tune(codes: Codes, targets: Floats) -> tuple[Floats, float]:
    """Choose weights and noise by marginal likelihood: one shared weight first, then each dimension's own."""
    n, n_dimensions = codes.shape
    mismatch = (codes.T[:, :, None] != codes.T[:, None, :]).astype(np.float64)

    def score(weights: Floats, noise: float) -> float:
        kernel = np.exp(-np.einsum("d,dij->ij", weights, mismatch))
        return _log_likelihood(kernel, targets, noise)

    grid = [(span / n_dimensions, noise) for span in SPANS for noise in NOISES]
    scores = [score(np.full(n_dimensions, weight), noise) for weight, noise in grid]
    best = max(scores)
    shared, noise = grid[scores.index(best)]
    weights = np.full(n_dimensions, shared)
    if n < 2 * n_dimensions or n_dimensions > MAX_TUNED_DIMENSIONS:
        return weights, noise
    for dimension in range(n_dimensions):
        for factor in FACTORS:
            trial = weights.copy()
            trial[dimension] = shared * factor
            doubt = float((np.log(trial / shared) ** 2).sum()) / (2 * PRIOR_WIDTH**2)
            value = score(trial, noise) - doubt
            if value > best:
                best, weights = value, trial
    return weights, noise
