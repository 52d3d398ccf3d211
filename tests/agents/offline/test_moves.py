"""Moves over plain tuples."""

import random

import pytest

from navarch.agents.offline.moves import Choices, distance
from navarch.agents.offline.phrase import render_line
from navarch.agents.offline.statistics import accuracy, option_effects

A, B = ("ash",) * 5, ("oak",) * 5


@pytest.fixture
def choices(toy):
    return Choices.of(toy.space)


def test_codes_have_one_character_a_dimension(choices):
    assert choices.code(("ash", "beech", "cedar", "oak", "ash")) == "abcoa"


def test_neighbours_are_all_the_single_edits(choices):
    near = list(choices.neighbours(A))
    assert len(near) == len(set(near)) == 15
    assert all(distance(A, other) == 1 for other in near)


@pytest.mark.parametrize("edits", [1, 2, 5, 9])
def test_a_mutation_makes_its_edits_in_different_dimensions(choices, edits):
    mutant = choices.mutate(A, edits, random.Random(1), choices.even_weights())
    assert distance(A, mutant) == min(edits, 5)


@pytest.mark.parametrize("seed", range(20))
def test_a_child_takes_each_value_from_a_parent(choices, seed):
    child = choices.crossover(A, B, random.Random(seed))
    assert all(value in pair for value, pair in zip(child, zip(A, B, strict=True), strict=True))


def test_unknown_options_and_lengths_are_not_contained(choices):
    assert choices.contains(A)
    assert not choices.contains(("ash",) * 4)
    assert not choices.contains(("ash", "ash", "ash", "ash", "elm"))


def test_an_empty_phrase_gives_the_name_of_its_file():
    assert render_line(lambda name, data: " \n ", "offline/why", {}) == "offline/why"


def test_a_long_phrase_is_cut_to_one_line():
    line = render_line(lambda name, data: "word\n" * 500, "offline/why", {})
    assert len(line) <= 400
    assert "\n" not in line


def test_effects_need_support_on_both_sides(choices, toy):
    trials = [toy.trial(n, A) for n in range(1, 9)] + [toy.trial(9, B)]
    assert option_effects(choices, trials) == []


def test_the_accuracy_of_a_failed_trial_is_refused(toy):
    with pytest.raises(ValueError, match="trial 3"):
        accuracy(toy.trial(3, A, None))
