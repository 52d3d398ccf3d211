"""What makes each method that method."""

import random

import numpy as np
import pytest

from navarch.agents.classical import Asked, History, Options, make_searcher
from navarch.agents.classical.evolution import youngest
from navarch.agents.classical.forest import fit


def entry(values, accuracy, state="finished"):
    return Asked(values, values, state, accuracy)


def differing(a, b):
    return sum(x != y for x, y in zip(a, b, strict=True))


def test_the_population_is_the_youngest_with_a_result_repetitions_included(toy):
    asked = [entry(("a",), 1.0), entry(("b",), None, "refused"), entry(("c",), 2.0), entry(("a",), 1.0)]
    assert [e.values for e in youngest(asked, 2)] == [("c",), ("a",)]
    assert len(youngest(asked, 9)) == 3


def test_a_child_is_one_edit_from_the_best_of_the_sample(toy):
    rng = random.Random(0)
    history = History(toy.structure, toy.canonical)
    while len(history.view().evaluated()) < 6:
        history.finish(toy.structure.sample(rng), 50.0)
    star = toy.structure.sample(rng)
    history.finish(star, 90.0)
    searcher = make_searcher("evolution", Options(population=7, sample=7))
    near = set(toy.structure.neighbours(star))
    assert all(searcher.propose(history.view(), rng) in near for _ in range(20))


def test_local_search_asks_about_every_neighbour_of_a_peak_once_and_then_restarts(toy):
    rng = random.Random(4)
    history = History(toy.structure, toy.canonical)
    searcher = make_searcher("local-search", Options())
    peak = searcher.propose(history.view(), rng)
    history.finish(peak, 99.0)
    near = {toy.canonical(values) for values in toy.structure.neighbours(peak)} - {toy.canonical(peak)}
    asked = set()
    for _ in near:
        values = searcher.propose(history.view(), rng)
        asked.add(toy.canonical(values))
        history.finish(values, 10.0)
    assert asked == near
    assert toy.canonical(searcher.propose(history.view(), rng)) not in near


@pytest.mark.parametrize(("improvement", "moves"), [("first", True), ("best", False)])
def test_first_improvement_moves_at_once_and_best_looks_at_all(toy, improvement, moves):
    rng = random.Random(2)
    history = History(toy.structure, toy.canonical)
    searcher = make_searcher("local-search", Options(improvement=improvement))
    start = searcher.propose(history.view(), rng)
    history.finish(start, 50.0)
    better = searcher.propose(history.view(), rng)
    history.finish(better, 60.0)
    proposals = {searcher.propose(history.view(), rng) for _ in range(30)}
    place = better if moves else start
    assert proposals <= set(toy.structure.neighbours(place))


def test_a_seeded_climb_starts_at_the_prior_and_later_ones_do_not(toy):
    prior = toy.structure.sample(random.Random(9))
    history, _ = toy.search("local-search-seeded", 60, prior=prior)
    names = [e.values for e in history.view().asked]
    assert names[0] == prior
    assert names.count(prior) == 1
    unseeded, _ = toy.search("local-search", 5, prior=prior)
    assert unseeded.view().asked[0].values != prior


@pytest.mark.parametrize("name", ["gp", "bananas"])
def test_a_model_decides_once_there_are_enough_trials(toy, name):
    """After the random beginning the proposals are new and, on average, clearly better."""
    history, _ = toy.search(name, 24, startup=8)
    worths = [e.worth for e in history.view().evaluated()]
    assert len(worths) == 24
    assert np.mean(worths[8:]) > np.mean(worths[:8]) + 2.0
    assert len(history.view().asked) == 24


def test_the_forest_predicts_what_it_was_fitted_to_and_its_trees_differ(toy):
    rng = random.Random(5)
    values = sorted({toy.canonical(toy.structure.sample(rng)) for _ in range(120)})
    rng.shuffle(values)
    targets = np.array([toy.accuracy(v) for v in values])
    train, rest = slice(0, 80), slice(80, None)
    forest = fit(values[train], targets[train], seed=1)
    seen, unseen = forest.predict(values[train]), forest.predict(values[rest])
    assert np.corrcoef(seen.mean(axis=0), targets[train])[0, 1] > 0.9
    assert np.corrcoef(unseen.mean(axis=0), targets[rest])[0, 1] > 0.6
    assert (unseen.std(axis=0) > 0).mean() > 0.9
    assert unseen.min() >= targets[train].min()
    assert unseen.max() <= targets[train].max()
    assert np.array_equal(unseen, fit(values[train], targets[train], seed=1).predict(values[rest]))
    assert not np.array_equal(unseen, fit(values[train], targets[train], seed=2).predict(values[rest]))
