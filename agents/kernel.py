"""How alike two architectures are: a kernel over their options, with weights chosen by marginal likelihood.

exp(-(sum of w_d over the dimensions in which they differ) - w * (how much their path counts differ)). Path counts are
how often each operation stands on a path from input to output (`SearchSpace.path_counts`); without them the kernel
is the plain Hamming kernel. Nothing is known of any space.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = tuple[str, ...]
PathCounts = Callable[[Values], tuple[float, ...]]
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

MAX_TUNED_DIMENSIONS = 24  # above it all dimensions share one weight
NOISES = (1e-4, 1e-2, 1e-1)  # noise variance over signal variance
FACTORS = (0.3, 3.0)  # tried on each weight of a dimension
PRIOR_WIDTH = 1.0  # of the log of such a factor
SPANS = (0.75, 1.5, 3.0, 6.0, 12.0)  # the shared weight times the number of dimensions
LIKELY_SPAN, SPAN_WIDTH = (
    1.5,
    0.7,
)  # its median and the deviation of its log; without path counts all are alike
PATH_FACTORS = (0.5, 2.0, 4.0)  # tried on the weight of the path counts
SPAN_FACTORS = (0.5, 2.0)  # then tried on the span once more
LIKELY_PATH, PATH_WIDTH = 0.5, 0.7  # the same of the weight at the mean distance between path counts
MIN_VARIANCE = 1e-9  # keeps constant targets harmless


class Features(NamedTuple):
    """What the kernel compares of n architectures.

    codes: shape (n, dimensions); -1 stands for an option never seen in its dimension. counts: their path counts, in
    units of the mean distance between those seen, shape (n, operations); (n, 0) where they are not known.
    """

    codes: Codes
    counts: Floats

    def at(self, positions: NDArray[np.intp]) -> "Features":
        """Return some of the architectures."""
        return Features(self.codes[positions], self.counts[positions])


@dataclass(frozen=True, slots=True)
class Encoder:
    """The options that were seen, by dimension; how path counts are found, and the mean distance between those seen."""

    by_dimension: tuple[dict[str, int], ...]
    path_counts: PathCounts | None
    scale: float

    @classmethod
    def of(
        cls, values: Sequence[Values], path_counts: PathCounts | None = None
    ) -> tuple["Encoder", Features]:
        """Learn from some architectures; return their features too."""
        columns = [sorted(set(column)) for column in zip(*values, strict=True)]
        options = tuple({option: code for code, option in enumerate(column)} for column in columns)
        codes, raw = cls(options, path_counts, 1.0).encode(values)
        n = len(raw)
        scale = float(_distances(raw, raw).sum()) / max(n * (n - 1), 1) or 1.0
        return cls(options, path_counts, scale), Features(codes, raw / scale)

    def encode(self, values: Sequence[Values]) -> Features:
        """Return the features of architectures."""
        n = len(values)
        codes = np.empty((n, len(self.by_dimension)), dtype=np.int64)
        columns = zip(*values, strict=True) if values else [()] * len(self.by_dimension)
        for at, (column, options) in enumerate(zip(columns, self.by_dimension, strict=True)):
            codes[:, at] = [*map(options.get, column, repeat(-1))]
        if self.path_counts is None or not values:
            return Features(codes, np.empty((n, 0)))
        found = np.fromiter(chain.from_iterable(map(self.path_counts, values)), np.float64)
        return Features(codes, found.reshape(n, -1) / self.scale)


def kernel(a: Features, b: Features, weights: Floats) -> Floats:
    """Return the likeness of each pair, shape (len(a), len(b)).

    weights: one a dimension; then one for the path counts where they are known.
    """
    n_dimensions = a.codes.shape[1]
    options = np.arange(-1, 1 + max(a.codes.max(initial=-1), b.codes.max(initial=-1)))
    # What each option of each dimension adds to each of b; each of a takes its options' rows of it.
    differs = options[None, :, None] != b.codes.T[:, None, :]
    added = (weights[:n_dimensions, None, None] * differs).reshape(-1, len(b.codes))
    taken = (a.codes[:, :, None] == options).reshape(len(a.codes), -1)
    distance: Floats = taken.astype(np.float64) @ added
    if a.counts.shape[1]:
        apart = _distances(a.counts, b.counts)
        distance += np.multiply(weights[n_dimensions], apart, out=apart)
    np.negative(distance, out=distance)
    return np.exp(distance, out=distance)


def _distances(a: Floats, b: Floats) -> Floats:
    """Return the sum of absolute differences of each pair of rows."""
    distance = np.zeros((len(a), len(b)))
    difference = np.empty_like(distance)
    for column in range(a.shape[1]):
        np.subtract(a[:, column, None], b[None, :, column], out=difference)
        distance += np.abs(difference, out=difference)
    return distance


class Likelihood:
    """The log marginal likelihood of targets, up to a constant; its arrays are made once."""

    def __init__(self, targets: Floats) -> None:
        """Take n targets."""
        n = self._n = len(targets)
        self._bordered = np.zeros((n + 2, n + 2))
        self._bordered[n, :n], self._bordered[n + 1, :n] = 1.0, targets
        self._diagonal = self._bordered.ravel()[:: n + 3]
        self._most = 4.0 * (n + float(targets @ targets))
        self.matrix: Floats = self._bordered[:n, :n]
        """Where to write the kernel of the n architectures before it is judged."""

    def of(self, noises: Sequence[float]) -> list[float]:
        """Return the likelihood of the matrix with each noise, centre and variance at their best values.

        One factorisation gives all: bordered by ones and targets, its last two rows are these, whitened.
        """
        n, found, own = self._n, [], self._diagonal[: self._n].copy()
        for noise in noises:
            np.add(own, noise, out=self._diagonal[:n])
            self._diagonal[n:] = self._most / noise  # enough to stay positive definite
            factor = np.linalg.cholesky(self._bordered)  # reads the lower triangle alone
            ones, scaled = factor[n, :n], factor[n + 1, :n]
            residual = scaled - (ones @ scaled / (ones @ ones)) * ones
            variance = max(float(residual @ residual) / n, MIN_VARIANCE)
            logs = np.log(factor.diagonal()[:n])
            found.append(-0.5 * n * math.log(variance) - float(np.add.reduce(logs)))
        return found


class _Choice(NamedTuple):
    """Weights of the kernel and its noise. span: the shared weight times the number of dimensions."""

    span: float
    factors: Floats
    path: float | None
    noise: float

    @property
    def weights(self) -> Floats:
        shared = self.factors * (self.span / len(self.factors))
        return shared if self.path is None else np.append(shared, self.path)

    @property
    def log_prior(self) -> float:
        """Return the log density up to a constant. Log-normal; flat in the noise, and in a span that stands alone."""
        doubt = float((np.log(self.factors) ** 2).sum()) / PRIOR_WIDTH**2
        if self.path is not None:
            doubt += (math.log(self.span / LIKELY_SPAN) / SPAN_WIDTH) ** 2
            doubt += (math.log(self.path / LIKELY_PATH) / PATH_WIDTH) ** 2
        return -doubt / 2


def tune(features: Features, targets: Floats) -> tuple[Floats, float]:
    """Choose weights and noise by their posterior: shared ones first, then the weight of each dimension on its own.

    That is the marginal likelihood times a prior, without which the few trials of a search would be overfitted.
    """
    n, n_dimensions = features.codes.shape
    columns = features.codes.T
    # What each weight multiplies, one row for each, for all pairs in one line.
    parts = (columns[:, :, None] != columns[:, None, :]).astype(np.float64).reshape(n_dimensions, -1)
    has_paths = features.counts.shape[1] > 0
    if has_paths:
        parts = np.vstack([parts, _distances(features.counts, features.counts).reshape(1, -1)])
    known: list[tuple[float, _Choice]] = []

    likelihood, distances = Likelihood(targets), np.empty(n * n)

    def consider(choices: Sequence[_Choice], noises: Sequence[float] | None = None) -> _Choice:
        """Return the best of these, each with its own noise or with all of these, and of those before."""
        for choice in choices:
            np.matmul(choice.weights, parts, out=distances)
            np.exp(-distances.reshape(n, n), out=likelihood.matrix)
            tried = noises or (choice.noise,)
            for noise, found in zip(tried, likelihood.of(tried), strict=True):
                known.append((found + choice.log_prior, choice._replace(noise=noise)))
        return max(known, key=lambda pair: pair[0])[1]

    even, path = np.ones(n_dimensions), LIKELY_PATH if has_paths else None
    best = consider([_Choice(span, even, path, NOISES[0]) for span in SPANS], NOISES)
    if best.path is not None:
        best = consider([best._replace(path=best.path * factor) for factor in PATH_FACTORS])
        best = consider([best._replace(span=best.span * factor) for factor in SPAN_FACTORS])
    if n < 2 * n_dimensions or n_dimensions > MAX_TUNED_DIMENSIONS:
        return best.weights, best.noise
    for position in range(n_dimensions):
        tried = []
        for factor in FACTORS:
            factors = best.factors.copy()
            factors[position] = factor
            tried.append(best._replace(factors=factors))
        best = consider(tried)
    return best.weights, best.noise
