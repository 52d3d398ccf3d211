"""Means with intervals, and paired tests: what a comparison of searches over seeds needs.

Intervals are 95 % percentile bootstrap intervals of the mean over the seeds: 10,000 resamples, drawn from a fixed seed,
so that a report repeats. They are too narrow below about ten seeds. A single value has no interval.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
LEVEL = 0.95


class Estimate(NamedTuple):
    """A mean and the bounds of its interval; None where one value alone gives none."""

    mean: float
    low: float | None
    high: float | None


class Bands(NamedTuple):
    """The same for each column of a table: arrays of shape (columns,)."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of the values and its bootstrap interval."""
    found = bands(np.asarray(values, dtype=np.float64)[:, None])
    if len(values) == 1:
        return Estimate(float(found.mean[0]), None, None)
    return Estimate(float(found.mean[0]), float(found.low[0]), float(found.high[0]))


def bands(table: NDArray[np.float64]) -> Bands:
    """Return mean and bootstrap interval of each column. table: (seeds, columns); rows are drawn whole."""
    if table.shape[0] == 0:
        raise ValueError("a mean needs at least one value")
    means = _weights(table.shape[0]) @ table
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(means, (tail, 100 - tail), axis=0)
    return Bands(table.mean(axis=0), low, high)


def signed_rank(differences: Sequence[float]) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test, exact also with ties; zero differences are dropped.

    The distribution is that of the signs given the ranks: with n differences the least p is 2 / 2**n.
    Source: Wilcoxon 1945; ties as in Hollander and Wolfe, section 3.1.
    """
    kept = np.asarray([value for value in differences if value != 0], dtype=np.float64)
    if kept.size == 0:
        return 1.0
    doubled = _doubled_ranks(np.abs(kept))
    total = int(doubled.sum())
    chances = np.zeros(
        total + 1
    )  # of every sum of the ranks with a positive sign, doubled so that it is whole
    chances[0] = 1.0
    for rank in doubled:
        moved = np.zeros_like(chances)
        moved[rank:] = chances[: total + 1 - rank]
        chances = (chances + moved) / 2
    observed = int(doubled[kept > 0].sum())
    extreme = min(observed, total - observed)
    return min(1.0, 2.0 * float(chances[: extreme + 1].sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values adjusted for their number, in their order. Source: Holm 1979."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for position, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - position) * p_values[index]))
        adjusted[index] = highest
    return adjusted


@lru_cache(maxsize=8)
def _weights(count: int) -> NDArray[np.float64]:
    """Return how much each of `count` values weighs in each resample: (RESAMPLES, count)."""
    rng = np.random.default_rng(0)
    return rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES) / count


def _doubled_ranks(sizes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return twice the rank of each size from 1, ties at their mean rank: whole numbers. Equal to 1e-9 are ties."""
    _, places, counts = np.unique(np.round(sizes, 9), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((2 * last - counts + 1)[places], dtype=np.int64)
