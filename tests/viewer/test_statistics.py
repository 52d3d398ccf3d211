"""Intervals and tests against values worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.viewer.statistics import Estimate, bands, estimate, holm, signed_rank


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1, 2, 3, 4, 5], 2 / 32),  # one of the 32 ways to give signs is as extreme, at each end
        ([-1, 2, 3, 4, 5], 4 / 32),  # the sum of negative ranks is 1: also {} is as extreme
        ([-3, 1, 2, 4, 5], 10 / 32),  # 3 or less: {}, {1}, {2}, {3}, {1, 2}
        ([1, 1, -1], 1.0),  # all ranks are 2: sums 0, 2, 4, 6 with chances 1, 3, 3, 1 of 8
        ([1, 1, 1], 2 / 8),
        ([0, 0, 2, 1, 3], 2 / 8),  # zeros are dropped
        ([2, -2], 1.0),
        ([0, 0], 1.0),
        ([], 1.0),
    ],
)
def test_the_signed_rank_test_counts_the_ways_to_give_signs(differences, p):
    assert signed_rank(differences) == pytest.approx(p, abs=1e-12)


@given(st.lists(st.integers(-6, 6), max_size=9))
def test_the_signed_rank_test_agrees_with_trying_every_sign(differences):
    sizes = sorted(abs(value) for value in differences if value)
    rank = {size: sum(i + 1 for i, s in enumerate(sizes) if s == size) / sizes.count(size) for size in sizes}
    ranks = [rank[abs(value)] for value in differences if value]
    positive = sum(rank[value] for value in differences if value > 0)
    extreme = min(positive, sum(ranks) - positive)
    sums = [sum(r for i, r in enumerate(ranks) if way >> i & 1) for way in range(2 ** len(ranks))]
    p = min(1.0, 2 * sum(s <= extreme for s in sums) / len(sums))
    assert signed_rank(differences) == pytest.approx(p)


def test_the_signed_rank_test_is_exact_for_three_hundred_seeds():
    assert signed_rank(range(1, 301)) == pytest.approx(2 / 2**300)
    assert signed_rank([(-1) ** i * i for i in range(1, 301)]) > 0.8


def test_holm_multiplies_by_what_is_left_and_never_falls():
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_an_interval_of_two_values_has_a_known_bootstrap_distribution():
    # The mean of a resample of 0 and 1 is 0, 1/2 or 1 with chances 1/4, 1/2, 1/4: the interval is all of it.
    assert estimate([0.0, 1.0]) == (0.5, 0.0, 1.0)


def test_an_interval_of_many_values_is_near_the_normal_one():
    values = np.random.default_rng(5).normal(90.0, 2.0, 400)
    found = estimate(values.tolist())
    margin = 1.96 * values.std() / math.sqrt(400)
    assert found.low == pytest.approx(values.mean() - margin, abs=0.03)
    assert found.high == pytest.approx(values.mean() + margin, abs=0.03)


def test_a_single_value_has_no_interval_and_equal_values_one_of_no_width():
    assert estimate([3.0]) == Estimate(3.0, None, None)
    assert estimate([3.0, 3.0, 3.0]) == (3.0, 3.0, 3.0)


def test_an_interval_repeats():
    assert estimate([1.0, 2.0, 5.0]) == estimate([1.0, 2.0, 5.0])


def test_each_column_has_its_own_band():
    found = bands(np.array([[0.0, 7.0], [1.0, 7.0]]))
    assert found.mean.tolist() == [0.5, 7.0]
    assert (found.low.tolist(), found.high.tolist()) == ([0.0, 7.0], [1.0, 7.0])


def test_a_mean_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        estimate([])
