"""A known prior draws the search to itself, and gives way to what is measured."""

import math
from dataclasses import replace

import pytest

from navarch.agents.offline.moves import Choices, distance
from navarch.agents.offline.outlook import UNKNOWN, look_out
from navarch.agents.offline.trust import min_trials, weigh

PRIOR = ("oak", "oak", "oak")


def test_without_a_prior_nothing_weighs_less():
    assert weigh([PRIOR, ("ash", "oak", "oak")], None, 5) == [1.0, 1.0]


def test_trust_falls_with_each_edit_and_loses_its_force_with_the_trials():
    apart = [PRIOR, ("ash", "oak", "oak"), ("ash", "ash", "oak")]
    early, late = weigh(apart, PRIOR, 5), weigh(apart, PRIOR, 500)
    assert early[0] == late[0] == 1.0
    assert early[1] == pytest.approx(0.1353, abs=1e-4)  # exp(-10 / 5)
    assert early[2] == pytest.approx(early[1] ** 2)
    assert late[2] > 0.96


def test_before_any_trial_it_is_a_number():
    assert 0 < weigh([("ash", "oak", "oak")], PRIOR, 0)[0] < 1


def test_beside_a_prior_the_surrogate_is_asked_sooner_and_looks_near_to_it(toy):
    assert min_trials(PRIOR) < min_trials(None)
    trials = toy.random_trials(min_trials(PRIOR))
    prior = trials[0].values
    toy.space = replace(toy.space, prior=prior)
    view = toy.generator_view(build_on=trials, history=trials, direction={"explore": 0.0}, count=8)
    near = [distance(tuple(p.architecture.values()), prior) for p in toy.act("generator", view).proposals]
    assert near == [1] * 8


@pytest.mark.parametrize("done", [20, 2000])
def test_trust_goes_by_the_trials_of_the_run_not_by_those_that_are_shown(toy, done):
    shown, near = toy.random_trials(20), ("cedar", "cedar", "cedar", "cedar", "beech")
    prior = ("cedar",) * 5
    (plain,), (weighed,) = (
        look_out(Choices.of(toy.space), UNKNOWN, toy.mission(done), shown, known).score([near])
        for known in (None, prior)
    )
    assert weighed.gain == pytest.approx(plain.gain * math.exp(-10 / done))
