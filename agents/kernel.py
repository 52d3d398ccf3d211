"""How alike two architectures are: a kernel over their options, with weights chosen by marginal likelihood.

exp(-(sum of w_d over the dimensions in which they differ)), and with bags one more term: w times the number of options
that one has and the other has not, wherever they stand. Bags help where dimensions share options, so that what is
learnt of an option in one place says something of the others. Nothing is known of any space.
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
BAG_SHARE = 0.3  # the weight of the bags at first, in spans
NOISES = (1e-4, 1e-2, 1e-1)  # noise variance over signal variance
FACTORS = (0.3, 3.0)  # tried on each weight
PRIOR_WIDTH = 1.0  # of a log weight around its first value
MIN_VARIANCE = 1e-9  # keeps constant targets harmless


@dataclass(frozen=True, slots=True)
class Features:
    """Encoded architectures: options by dimension (n, dimensions), and how many of each there are (n, options)."""

    codes: Codes
    bags: Floats

    def subset(self, positions: NDArray[np.intp]) -> "Features":
        """Return some of the architectures."""
        return Features(self.codes[positions], self.bags[positions])


@dataclass(frozen=True, slots=True)
class Encoder:
    """The options that were seen, by dimension, and by name alone for the bags (none without bags)."""

    by_dimension: tuple[dict[str, int], ...]
    by_name: dict[str, int]

    @classmethod
    def of(cls, values: Sequence[Values], *, bags: bool) -> "Encoder":
        """Learn the options of some architectures."""
        columns = [sorted(set(column)) for column in zip(*values, strict=True)]
        names = sorted({option for column in columns for option in column}) if bags else []
        return cls(
            tuple({option: code for code, option in enumerate(column)} for column in columns),
            {name: code for code, name in enumerate(names)},
        )

    def encode(self, values: Sequence[Values]) -> Features:
        """Return the features; -1 stands for an option never seen in its dimension."""
        rows = [[c.get(v, -1) for v, c in zip(row, self.by_dimension, strict=True)] for row in values]
        codes = np.array(rows, dtype=np.int64).reshape(len(rows), len(self.by_dimension))
        bags = np.zeros((len(rows), len(self.by_name)))
        if self.by_name:
            unknown = len(self.by_name)
            places = [[self.by_name.get(v, unknown) for v in row] for row in values]
            flat = np.array(places, dtype=np.int64) + (unknown + 1) * np.arange(len(rows))[:, None]
            counts = np.bincount(flat.ravel(), minlength=len(rows) * (unknown + 1))
            bags = counts.reshape(len(rows), unknown + 1)[:, :unknown].astype(np.float64)
        return Features(codes, bags)


def kernel(a: Features, b: Features, weights: Floats) -> Floats:
    """Return the likeness of each pair, shape (len(a), len(b)); with bags, theirs is the last weight."""
    distance = np.zeros((len(a.codes), len(b.codes)))
    for dimension in range(a.codes.shape[1]):
        distance += weights[dimension] * (a.codes[:, dimension, None] != b.codes[None, :, dimension])
    for column in range(a.bags.shape[1]):
        distance += 0.5 * weights[-1] * np.abs(a.bags[:, column, None] - b.bags[None, :, column])
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


def tune(features: Features, targets: Floats) -> tuple[Floats, float]:
    """Choose weights and noise by marginal likelihood: one shared span first, then each weight on its own."""
    n, n_dimensions = features.codes.shape
    parts = _distances(features)

    def score(weights: Floats, noise: float) -> float:
        matrix = np.exp(-(weights @ parts).reshape(n, n))
        return log_likelihood(matrix, targets, noise)

    def spread(span: float) -> Floats:
        shared = np.full(n_dimensions, span / n_dimensions)
        return np.append(shared, BAG_SHARE * span) if len(parts) > n_dimensions else shared

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


def _distances(features: Features) -> Floats:
    """Return what each weight multiplies, one row for each, for all pairs in one line."""
    codes, bags = features.codes, features.bags
    parts = list((codes.T[:, :, None] != codes.T[:, None, :]).astype(np.float64))
    if bags.shape[1]:
        parts.append(0.5 * np.abs(bags[:, None, :] - bags[None, :, :]).sum(axis=2))
    return np.array(parts).reshape(len(parts), -1)
