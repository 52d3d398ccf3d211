"""Sampling within cost bounds: inside, varied, close to uniform, and bounded where nothing is inside."""

import random
from collections import Counter

import pytest

from navarch import NavarchError


def params(space):
    return lambda cell: space.cost(cell, classes=10).params


def test_the_far_tail_is_reached(nb201):
    rng, measure = random.Random(0), params(nb201)
    drawn = [nb201.sample_within(rng, measure, 1_288_506, 2_000_000) for _ in range(30)]
    assert all(1_288_506 <= measure(cell) <= 2_000_000 for cell in drawn)
    assert len({cell.values for cell in drawn}) > 10, "five 3x3 edges or six: 25 such cells"


@pytest.mark.slow
def test_draws_inside_are_close_to_uniform(nb201):
    """At least five 3x3 edges: 25 cells; the most frequent must not be much likelier than the rest."""
    rng, measure = random.Random(1), params(nb201)
    counts = Counter(nb201.sample_within(rng, measure, 1_288_506, 2_000_000).values for _ in range(500))
    assert len(counts) == 25
    assert max(counts.values()) < 60, "20 expected each"


def test_bounds_without_an_architecture_are_refused_with_the_nearest(nb201):
    with pytest.raises(NavarchError, match=r"between 1 and 2 .* the nearest measured 73,306"):
        nb201.sample_within(random.Random(0), params(nb201), 1, 2)


def test_the_same_seed_draws_the_same(nb201):
    one, two = (nb201.sample_within(random.Random(5), params(nb201), 4e5, 5e5) for _ in range(2))
    assert one == two
