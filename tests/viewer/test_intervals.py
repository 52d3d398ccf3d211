"""Intervals against published values, and how often they hold the truth."""

import numpy as np
import pytest

from navarch.viewer.intervals import difference, ratio, share, student
from navarch.viewer.statistics import Estimate


@pytest.mark.parametrize(
    ("freedom", "t"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (30, 2.042), (10**6, 1.960)],
)
def test_students_t_is_that_of_the_tables(freedom, t):
    assert student(freedom) == pytest.approx(t, rel=2e-3)


@pytest.mark.parametrize(
    ("hits", "cases", "low", "high"),
    # Newcombe 1998 (interval estimation for the single proportion), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_share_of_independent_cases_has_wilsons_interval(hits, cases, low, high):
    found = share([1] * hits + [0] * (cases - hits), [1] * cases)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("left", "right", "low", "high"),
    # Newcombe 1998 (interval estimation for the difference), table II, method 10: 56/70 - 48/80, 9/10 - 3/10.
    [((48, 80), (56, 70), 0.0524, 0.3339), ((3, 10), (9, 10), 0.1705, 0.8090)],
)
def test_the_difference_of_two_shares_is_newcombes(left, right, low, high):
    sides = [share([1] * hits + [0] * (cases - hits), [1] * cases) for hits, cases in (left, right)]
    found = difference(*sides)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_what_is_unknown_stays_unknown():
    assert share([], []) is ratio([], []) is difference(None, Estimate(1.0, 0.0, 2.0)) is None
    assert share([0], [0]) is None
    assert ratio([5.0]) == (5.0, None, None)
    assert difference(Estimate(1.0, None, None), Estimate(3.0, 2.0, 4.0)) == (2.0, None, None)


def test_cases_that_come_out_alike_within_a_group_count_once():
    whole = share([16, 0, 16, 0, 16, 0], [16] * 6)
    mixed = share([8, 8, 8, 8, 8, 8], [16] * 6)
    assert whole.high - whole.low > 2 * (mixed.high - mixed.low)
    never = share([0] * 4, [16] * 4)  # four groups say less than 64 cases
    assert never.high == pytest.approx(share([0] * 4, [1] * 4).high)


@pytest.mark.parametrize("groups", [8, 40])
@pytest.mark.parametrize("alike", [0.0, 0.5])
def test_an_interval_of_grouped_shares_and_its_difference_hold_the_truth(groups, alike):
    rng = np.random.default_rng(3)
    held = held_apart = 0
    trials = 400
    for _ in range(trials):
        sides = []
        for truth in (0.2, 0.35):
            # A group is of its own mind with probability `alike`: then all its cases come out the same.
            same = rng.random(groups) < alike
            size = rng.integers(4, 17, groups)
            hits = np.where(same, size * (rng.random(groups) < truth), rng.binomial(size, truth))
            sides.append(share(hits.tolist(), size.tolist()))
        held += sides[0].low <= 0.2 <= sides[0].high
        found = difference(*sides)
        held_apart += found.low <= 0.15 <= found.high
    assert held / trials > 0.92
    assert held_apart / trials > 0.92


def test_an_interval_of_a_ratio_holds_the_truth():
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(400):
        sizes = rng.poisson(6, 12) + 1
        values = 300 * sizes + rng.normal(0, 400, 12)
        found = ratio(values.tolist(), sizes.tolist())
        held += found.low <= 300 <= found.high
    assert held / 400 > 0.92
