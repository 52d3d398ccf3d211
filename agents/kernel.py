"""How alike two architectures are: a kernel over their options, with weights chosen by marginal likelihood.

exp(-(sum of w_d over the dimensions in which they differ)). Nothing is known of any space.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = tuple[str, ...]
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

MAX_TUNED_DIMENSIONS = 24  # above it all dimensions share one weight
SPANS = (0.75, 1.5, 3.0, 6.0, 12.0)  # the shared weight times the number of dimensions
NOISES = (1e-4, 1e-2, 1e-1)  # noise variance over signal variance
FACTORS = (0.3, 3.0)  # tried on each weight
PRIOR_WIDTH = 1.0  # of a log weight around its first value
MIN_VARIANCE = 1e-9  # keeps constant targets harmless


@dataclass(frozen=True, slots=True)
class Encoder:
    """The options that were seen, by dimension."""

    by_dimension: tuple[dict[str, int], ...]

    @classmethod
    def of(cls, values: Sequence[Values]) -> "Encoder":
        """Learn the options of some architectures."""
        columns = [sorted(set(column)) for column in zip(*values, strict=True)]
        return cls(tuple({option: code for code, option in enumerate(column)} for column in columns))

    def encode(self, values: Sequence[Values]) -> Codes:
        """Return the codes, shape (n, dimensions); -1 stands for an option never seen in its dimension."""
        rows = [[c.get(v, -1) for v, c in zip(row, self.by_dimension, strict=True)] for row in values]
        return np.array(rows, dtype=np.int64).reshape(len(rows), len(self.by_dimension))


def kernel(a: Codes, b: Codes, weights: Floats) -> Floats:
    """Return the likeness of each pair, shape (len(a), len(b)); weights: one a dimension."""
    distance = np.zeros((len(a), len(b)))
    for dimension in range(a.shape[1]):
        distance += weights[dimension] * (a[:, dimension, None] != b[None, :, dimension])
    return np.exp(-distance)


def log_likelihood(matrix: Floats, targets: Floats, noise: float) -> float:
    """Return the log marginal likelihood up to a constant, centre and variance at their best values.

    One factorisation gives all: bordered by ones and targets, its last two rows are these, whitened.
    """
    n = len(targets)
    bordered = np.zeros((n + 2, n + 2))
    bordered[:n, :n] = matrix
    bordered[n, :n], bordered[n + 1, :n] = 1.0, targets
    diagonal = bordered.ravel()[:: n + 3]
    diagonal[:n] += noise
    diagonal[n:] = 4.0 * (n + float(targets @ targets)) / noise  # enough to stay positive definite
    factor = np.linalg.cholesky(bordered)  # reads the lower triangle alone
    ones, scaled = factor[n, :n], factor[n + 1, :n]
    residual = scaled - (ones @ scaled / (ones @ ones)) * ones
    variance = max(float(residual @ residual) / n, MIN_VARIANCE)
    return -0.5 * n * math.log(variance) - float(np.log(np.diag(factor)[:n]).sum())


def tune(codes: Codes, targets: Floats) -> tuple[Floats, float]:
    """Choose weights and noise by marginal likelihood: one shared span first, then each weight on its own."""
    n, n_dimensions = codes.shape
    # What each weight multiplies, one row for each, for all pairs in one line.
    parts = (codes.T[:, :, None] != codes.T[:, None, :]).astype(np.float64).reshape(n_dimensions, -1)

    def score(weights: Floats, noise: float) -> float:
        matrix = np.exp(-(weights @ parts).reshape(n, n))
        return log_likelihood(matrix, targets, noise)

    def spread(span: float) -> Floats:
        return np.full(n_dimensions, span / n_dimensions)

    grid = [(span, noise) for span in SPANS for noise in NOISES]
    scores = [score(spread(span), noise) for span, noise in grid]
    best = max(scores)
    span, noise = grid[scores.index(best)]
    first = spread(span)
    weights = first
    if n < 2 * n_dimensions or n_dimensions > MAX_TUNED_DIMENSIONS:
        return weights, noise
    for position in range(len(first)):
        for factor in FACTORS:
            trial = weights.copy()
            trial[position] = first[position] * factor
            doubt = float((np.log(trial / first) ** 2).sum()) / (2 * PRIOR_WIDTH**2)
            value = score(trial, noise) - doubt
            if value > best:
                best, weights = value, trial
    return weights, noise
