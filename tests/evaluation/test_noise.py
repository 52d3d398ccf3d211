"""The deviation between seeds, its interval, and what can be told apart, against closed forms and tables."""

import math
import random

import pytest

from navarch.evaluation import measure_noise
from navarch.evaluation.noise import chi_squared, chi_squared_tail


def test_the_deviation_is_pooled_over_architectures():
    found = measure_noise([[70.0, 72.0], [50.0, 51.0, 52.0], [60.0]])
    assert found.freedom == 3
    assert found.deviation == pytest.approx(math.sqrt((2 + 2) / 3))
    assert found.low < found.deviation < found.high


def test_the_interval_is_that_of_a_normal_variance():
    found = measure_noise([[1.0, 2.0, 3.0, 4.0, 5.0]])  # deviation 1.5811, 4 degrees of freedom
    assert (found.low, found.high) == (pytest.approx(0.9473, abs=1e-4), pytest.approx(4.5434, abs=1e-4))


def test_the_interval_holds_the_truth_nineteen_times_of_twenty():
    draw = random.Random(5)
    found = [measure_noise([[draw.gauss(80, 2) for _ in range(5)] for _ in range(2)]) for _ in range(800)]
    assert sum(one.low <= 2 <= one.high for one in found) / 800 == pytest.approx(0.95, abs=0.025)


def test_the_smallest_difference_is_that_of_a_t_test():
    found = measure_noise([[1.0, 2.0, 3.0, 4.0, 5.0]])
    assert found.smallest_difference() == pytest.approx(2.7764 * 1.5811 * math.sqrt(2), rel=2e-3)
    assert found.smallest_difference(4) == pytest.approx(found.smallest_difference() / 2)


def test_equal_architectures_differ_that_much_one_time_in_twenty():
    draw = random.Random(6)
    found = measure_noise([[draw.gauss(0, 1) for _ in range(400)]])
    reach = found.smallest_difference(3)

    def mean():
        return sum(draw.gauss(0, 1) for _ in range(3)) / 3

    assert sum(abs(mean() - mean()) > reach for _ in range(4000)) / 4000 == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("groups", [[], [[70.0]], [[70.0], [71.0]]])
def test_one_seed_of_each_says_nothing(groups):
    assert measure_noise(groups) is None


@pytest.mark.parametrize(
    ("share", "freedom", "point"),
    [
        (0.95, 1, 3.8415),
        (0.025, 1, 0.000982),
        (0.975, 2, 7.3778),
        (0.025, 4, 0.4844),
        (0.975, 4, 11.1433),
        (0.05, 30, 18.4927),
    ],
)
def test_chi_squared_is_that_of_the_tables(share, freedom, point):
    assert chi_squared(share, freedom) == pytest.approx(point, rel=1e-3)
    assert chi_squared_tail(point, freedom) == pytest.approx(1 - share, abs=1e-4)
