"""What fresh seeds say: the probability of being best against its closed form, what is told apart, and by how much."""

import math
from types import SimpleNamespace

import pytest

from navarch.evaluation import measure_noise
from navarch.graph.confirmation import Confirmed
from navarch.viewer.cautions import confirmation_sentences
from navarch.viewer.confirmation import best_chances, make_confirmation


def candidate(number, search, *fresh, failed=0, params=100):
    rows = [
        SimpleNamespace(val_accuracy=value, state="complete", reason=None, seed=i)
        for i, value in enumerate(fresh)
    ]
    rows += [SimpleNamespace(val_accuracy=None, state="failed", reason="oom", seed=9)] * failed
    trial = SimpleNamespace(number=number, code=f"c{number}", val_accuracy=search, params=params)
    return Confirmed(trial, tuple(rows))


def student_share(t, freedom):
    """The share of Student's t below a point, by Simpson's rule."""
    scale = math.gamma((freedom + 1) / 2) / math.sqrt(freedom * math.pi) / math.gamma(freedom / 2)
    steps = 20_000
    width = t / steps
    terms = [
        (1 + (i * width) ** 2 / freedom) ** (-(freedom + 1) / 2)
        * (1 if i in (0, steps) else 4 - 2 * (i % 2 == 0))
        for i in range(steps + 1)
    ]
    return 0.5 + scale * sum(terms) * width / 3


@pytest.mark.parametrize(
    "groups",
    [
        ([71.0, 73.0, 72.0], [70.0, 71.5, 70.5]),
        ([71.0, 73.0], [70.0, 71.5]),
        ([60.0, 61.0, 62.0, 63.0], [61.0, 61.2]),
    ],
)
def test_of_two_the_probability_of_being_best_is_that_of_the_t_test(groups):
    noise = measure_noise(groups)
    first, second = groups
    gap = sum(first) / len(first) - sum(second) / len(second)
    t = gap / (noise.deviation * math.sqrt(1 / len(first) + 1 / len(second)))
    assert best_chances(groups)[0] == pytest.approx(student_share(t, noise.freedom), abs=0.004)


def test_probabilities_add_to_one_repeat_and_follow_the_means():
    groups = [[70.0, 71.0, 72.0], [69.0, 71.0, 72.5], [60.0, 61.5, 63.0]]
    chances = best_chances(groups)
    assert sum(chances) == pytest.approx(1.0)
    assert chances == sorted(chances, reverse=True) == best_chances(groups)
    assert chances[2] < 0.01


def test_equal_candidates_are_equally_likely():
    assert best_chances([[70.0, 72.0]] * 4) == pytest.approx([0.25] * 4, abs=0.005)


def test_without_noise_the_highest_is_the_best_for_certain():
    assert best_chances([[70.0, 70.0], [71.0, 71.0], [71.0, 71.0]]) == [0.0, 0.5, 0.5]
    assert best_chances([]) == []


def test_a_clear_winner_is_told_apart():
    found = make_confirmation(
        [candidate(1, 75.0, 72.0, 72.5, 71.8), candidate(2, 74.0, 60.0, 60.4, 60.2)], 1, True
    )
    assert [one.is_told_apart for one in found.candidates] == [False, True]
    assert confirmation_sentences(found)[0].startswith("trial 1 is told apart from all others")


def test_near_rivals_are_named_as_not_distinguishable():
    found = make_confirmation(
        [
            candidate(1, 75.0, 72.0, 70.0, 71.0),
            candidate(2, 74.0, 70.9, 71.8, 70.4),
            candidate(3, 73.0, 50.0, 51.0, 52.0),
        ],
        2,
        True,
    )
    assert (
        confirmation_sentences(found)[0]
        == "not distinguishable from trial 2: trial 1 (the interval of the difference holds 0)"
    )
    first, second, third = found.candidates
    assert (first.confirmed.trial.number, second.confirmed.trial.number, third.confirmed.trial.number) == (
        2,
        1,
        3,
    )
    assert first.behind is None
    assert second.behind.low < 0 < second.behind.high
    assert third.behind.low > 0


def test_a_small_chance_to_be_the_best_does_not_tell_a_candidate_apart():
    fresh = {
        5: (35.87, 35.53, 36.23),
        4: (36.9, 35.33, 34.7),
        13: (35.2, 35.67, 34.77),
        7: (35.23, 35.9, 31.3),
    }
    found = make_confirmation([candidate(number, 36.5, *values) for number, values in fresh.items()], 5, True)
    last = found.candidates[-1]
    assert (last.confirmed.trial.number, last.is_told_apart) == (7, False)
    assert last.chance < 0.05
    assert last.behind.low < 0


def test_the_selection_bias_is_the_value_in_the_search_less_the_mean():
    found = make_confirmation([candidate(1, 75.0, 72.0, 70.0), candidate(2, 74.0, 73.0, 73.0)], 2, True)
    assert {one.confirmed.trial.number: one.bias for one in found.candidates} == {1: 4.0, 2: 1.0}
    assert found.bias == 2.5
    assert any(text.startswith("selection bias +2.50 points") for text in confirmation_sentences(found))


def test_a_candidate_that_failed_too_often_has_no_chance_to_tell():
    found = make_confirmation([candidate(1, 75.0, 72.0, failed=2), candidate(2, 74.0, 70.0, 71.0)], 2, True)
    lost = found.candidates[-1]
    assert (lost.confirmed.trial.number, lost.mean, lost.chance) == (1, None, None)
    assert found.candidates[0].chance is None  # one alone is no choice
    assert found.candidates[0].mean.mean == 70.5
    assert confirmation_sentences(found)[0] == "trial 2 alone was confirmed"
    assert "a failed repeat is left out" in confirmation_sentences(found)[-1]


def test_a_confirmation_that_goes_on_says_so():
    found = make_confirmation([candidate(1, 75.0, 72.0, 70.0)], None, False)
    assert found.candidates[0].chance is None
    assert confirmation_sentences(found) == ["until it is over the best is that of the search"]
