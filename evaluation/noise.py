"""The noise of a setting: how far the same architecture's accuracies lie apart between seeds.

Accuracies of one architecture are taken as normal, with one deviation for all architectures. Where deviations differ
much between architectures, the pooled one is too wide for the steady and too narrow for the others.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

LEVEL = 0.95
ENOUGH_FREEDOM = 2  # degrees of freedom from which a deviation is used: three seeds of one architecture
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
_FEW = {1: 12.706, 2: 4.303}  # Student's t, where the expansion below is off by more than 0.1 %


@dataclass(frozen=True, slots=True)
class Noise:
    """The standard deviation between seeds, in points of accuracy, with its 95 % interval.

    freedom: its degrees of freedom, seeds less architectures.
    """

    deviation: float
    freedom: int
    low: float
    high: float

    def smallest_difference(self, seeds: int = 1) -> float:
        """Return how many points two means of so many seeds must differ by to be told apart, at 95 %."""
        return student(self.freedom) * self.deviation * math.sqrt(2 / seeds)


def measure_noise(groups: Iterable[Sequence[float]]) -> Noise | None:
    """Return the deviation within groups, each one architecture's accuracies (percent) under its seeds.

    None where no group has two. Source: the interval is that of a normal variance, by chi-squared.
    """
    kept = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in kept)
    if not freedom:
        return None
    total = sum((value - fmean(group)) ** 2 for group in kept for value in group)
    tail = (1 - LEVEL) / 2
    low, high = (math.sqrt(total / chi_squared(share, freedom)) for share in (1 - tail, tail))
    return Noise(math.sqrt(total / freedom), freedom, low, high)


def student(freedom: int) -> float:
    """Return the two-sided 95 % point of Student's t. Source: Abramowitz and Stegun, 26.7.5."""
    if freedom in _FEW:
        return _FEW[freedom]
    z = _Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(z + sum(term / freedom**power for power, term in enumerate(terms, start=1)))


def chi_squared(share: float, freedom: int) -> float:
    """Return the point that a chi-squared variable stays below with probability `share`."""
    high = float(freedom)
    while chi_squared_tail(high, freedom) > 1 - share:
        high *= 2
    return _bisect(lambda point: chi_squared_tail(point, freedom) > 1 - share, 0.0, high)


def chi_squared_tail(point: float, freedom: int) -> float:
    """Return the probability that a chi-squared variable is above a point. Source: Abramowitz and Stegun, 26.4.4-5."""
    half, order = point / 2, freedom % 2 / 2 + (freedom % 2 == 0)
    if half <= 0:
        return 1.0
    tail = math.erfc(math.sqrt(half)) if freedom % 2 else math.exp(-half)
    while order < freedom / 2:
        tail += math.exp(order * math.log(half) - half - math.lgamma(order + 1))
        order += 1
    return min(1.0, tail)


def _bisect(is_below: Callable[[float], bool], low: float, high: float) -> float:
    """Return where a claim about a number stops to hold between the bounds."""
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return high
