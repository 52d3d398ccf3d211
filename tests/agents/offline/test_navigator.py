"""The Navigator's twin turns statistics into advice."""

import random
from dataclasses import replace

from navarch.agents.offline.moves import Choices
from navarch.agents.offline.navigator import find_promising
from navarch.agents.offline.outlook import UNKNOWN, look_out
from navarch.agents.offline.statistics import completed


def test_an_empty_memory_asks_for_exploration_alone(toy):
    direction = toy.act("navigator", toy.navigator_view())
    assert direction.explore == 1.0
    assert not direction.build_on
    assert not direction.guidance
    assert direction.summary


def test_few_trials_are_built_on_without_advice(toy):
    trials = toy.random_trials(2)
    direction = toy.act("navigator", toy.navigator_view(trials))
    assert sorted(direction.build_on) == [1, 2]
    assert not direction.guidance


def test_failed_trials_alone_are_no_ground_to_build_on(toy):
    trials = [toy.trial(n, t.values, None) for n, t in enumerate(toy.random_trials(6), start=1)]
    direction = toy.act("navigator", toy.navigator_view(trials))
    assert direction.explore == 1.0
    assert not direction.build_on


def test_good_options_are_preferred_and_bad_ones_are_not(toy):
    direction = toy.act("navigator", toy.navigator_view(toy.random_trials(40)))
    assert sum("cedar" in advice.prefer for advice in direction.guidance) >= 4
    assert not any("oak" in advice.prefer for advice in direction.guidance)
    assert any("oak" in advice.avoid for advice in direction.guidance)


def test_the_best_trial_is_built_on_first(toy):
    trials = toy.random_trials(30)
    direction = toy.act("navigator", toy.navigator_view(trials))
    assert direction.build_on[0] == toy.top(trials)[0].number
    assert len(direction.build_on) == len(set(direction.build_on)) > 1


def test_exploration_falls_as_the_budget_is_spent(toy):
    early = toy.act("navigator", toy.navigator_view(toy.random_trials(8)))
    late = toy.act("navigator", toy.navigator_view(toy.random_trials(38)))
    assert late.explore < early.explore


def test_idle_rounds_raise_exploration(toy):
    trials = toy.random_trials(12)
    calm = toy.act("navigator", toy.navigator_view(trials))
    idle = toy.act("navigator", toy.navigator_view(trials, idle=4))
    assert idle.explore > calm.explore


def test_duplicates_raise_exploration_up_to_a_ceiling(toy):
    trials = toy.random_trials(12)
    calm = toy.act("navigator", toy.navigator_view(trials))
    crowded = toy.act("navigator", toy.navigator_view(trials, duplicates=20))
    stuck = toy.act("navigator", toy.navigator_view(trials, duplicates=20, idle=100))
    assert calm.explore < crowded.explore < stuck.explore < 1.0


def test_clear_patterns_are_stated_through_the_phrase(toy):
    direction = toy.act("navigator", toy.navigator_view(toy.random_trials(40)))
    assert direction.patterns
    assert all(line.startswith("offline/pattern dimension=") for line in direction.patterns)


def test_the_same_view_and_random_state_give_the_same_direction(toy):
    view = toy.navigator_view(toy.random_trials(25))
    assert toy.act("navigator", view, seed=3) == toy.act("navigator", view, seed=3)


def test_trials_that_stand_in_several_groups_count_once(toy):
    view = toy.navigator_view(toy.random_trials(20))
    assert toy.act("navigator", replace(view, new=view.history)) == toy.act("navigator", view)


def test_trials_of_other_options_are_passed_over(toy):
    stranger = toy.trial(99, ("ash", "ash", "ash", "ash", "ash"))
    stranger = replace(stranger, values=("granite",) * 5)
    direction = toy.act("navigator", toy.navigator_view([*toy.random_trials(12), stranger]))
    assert 99 not in direction.build_on


def test_plans_keep_within_the_limits_that_costs_reveal(limited_toy, toy):
    trials = toy.random_trials(30)
    within = [trial for trial in trials if trial.params <= 200]
    view = limited_toy.navigator_view(within)
    choices = Choices.of(view.space)
    outlook = look_out(choices, UNKNOWN, view.mission, within)
    picks = find_promising(choices, outlook, completed(within), random.Random(0))
    assert picks
    assert all(toy.cost(pick.values) <= 200 for pick in picks)
