"""Intervals in closed form: shares and ratios of things that come in groups, and the difference of two of them.

All are of 95 %. The proposals of one call, or the calls of one question, are alike: they count as groups and not as so
many independent cases. Not covered: questions of one run that are alike because the run goes the same way.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

from navarch.evaluation.noise import student
from navarch.viewer.statistics import LEVEL, Estimate

_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


def share(hits: Sequence[int], sizes: Sequence[int]) -> Estimate | None:
    """Return the share of hits in groups of these sizes with Wilson's interval; None where nothing was tried.

    Groups that differ more than chance has it count for fewer cases, at least one a group; where every case came out
    the same, a group counts as one case. Source: Wilson 1927; effective sizes as in Korn and Graubard 1998.
    """
    groups = [(hit, size) for hit, size in zip(hits, sizes, strict=True) if size]
    cases, count = sum(size for _, size in groups), len(groups)
    if not cases:
        return None
    found = sum(hit for hit, _ in groups) / cases
    if cases == count:
        return _wilson(found, cases, _Z)
    if count == 1 or found in (0.0, 1.0):
        return _wilson(found, count, _Z)
    spread = count / (count - 1) * sum((hit - found * size) ** 2 for hit, size in groups) / cases**2
    effective = cases if not spread else min(cases, max(count, found * (1 - found) / spread))
    return _wilson(found, effective, student(count - 1))


def ratio(values: Sequence[float], sizes: Sequence[float] | None = None) -> Estimate | None:
    """Return the sum of values over the sum of sizes (default: their mean) with Student's interval over the pairs.

    None where the sizes are all 0; no bounds for a single pair. Source: Cochran 1977, section 6.3.
    """
    over = [1.0] * len(values) if sizes is None else list(sizes)
    total, count = sum(over), len(values)
    if not total:
        return None
    found = sum(values) / total
    if count < 2:
        return Estimate(found, None, None)
    rest = sum((value - found * size) ** 2 for value, size in zip(values, over, strict=True))
    half = student(count - 1) * math.sqrt(count / (count - 1) * rest) / total
    return Estimate(found, found - half, found + half)


def difference(left: Estimate | None, right: Estimate | None) -> Estimate | None:
    """Return right minus left, of independent figures, from their own intervals. Source: Newcombe 1998, method 10."""
    if left is None or right is None:
        return None
    found = right.mean - left.mean
    if left.low is None or left.high is None or right.low is None or right.high is None:
        return Estimate(found, None, None)
    down = math.hypot(right.mean - right.low, left.high - left.mean)
    up = math.hypot(right.high - right.mean, left.mean - left.low)
    return Estimate(found, found - down, found + up)


def _wilson(found: float, cases: float, z: float) -> Estimate:
    middle = (found + z * z / (2 * cases)) / (1 + z * z / cases)
    half = z / (1 + z * z / cases) * math.sqrt(found * (1 - found) / cases + (z / (2 * cases)) ** 2)
    return Estimate(found, max(0.0, middle - half), min(1.0, middle + half))
