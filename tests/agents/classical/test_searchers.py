"""What every classical searcher must do, whatever its method: stay legal, repeat itself, learn, respect limits."""

import random
import statistics
import subprocess
import sys

import pytest

from navarch import NavarchError
from navarch.agents.classical import History, Options, ask, make_searcher
from navarch.agents.classical.making import NAMES

LEARNERS = [name for name in NAMES if name != "random"]
EARLY = {"startup": 6}  # so that a short search reaches the model


@pytest.mark.parametrize("name", NAMES)
def test_every_proposal_is_legal(toy, name):
    toy.search(name, 16, **EARLY)
    assert len(toy.seen) >= 16
    assert all(toy.structure.is_legal(values) for values in toy.seen)


@pytest.mark.parametrize("name", NAMES)
def test_a_searcher_made_anew_for_every_round_decides_alike(toy, name):
    """A resumed run has a new searcher and the stored history: nothing else may decide."""
    history, _ = toy.search(name, 12, seed=3, **EARLY)
    stored = list(history.view().asked)
    replayed = History(toy.structure, toy.canonical)
    done = 0
    for round in range(200):
        if done == len(stored):
            break
        searcher = make_searcher(name, Options(**EARLY))
        named = ask(searcher, replayed, 1, lambda v: True, random.Random(f"3/{round}"))
        assert named == [entry.values for entry in stored[done : done + len(named)]]
        for entry in stored[done : done + len(named)]:
            if not replayed.repeat(entry.values):
                replayed.finish(entry.values, entry.accuracy)
        done += len(named)
    assert done == len(stored)


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_is_another_search(toy, name):
    runs = [
        [entry.values for entry in toy.search(name, 8, seed, **EARLY)[0].view().asked] for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("name", LEARNERS)
def test_it_finds_better_architectures_than_random_search(toy, name):
    seeds = range(2 if name in ("gp", "bananas") else 8)
    ours = statistics.fmean(toy.search(name, 30, seed)[1][-1] for seed in seeds)
    drawn = statistics.fmean(toy.search("random", 30, seed)[1][-1] for seed in range(60))
    assert ours > drawn


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_holds_as_many_new_ones_as_are_wanted(toy, name):
    history, _ = toy.search(name, 8, per_round=4, **EARLY)
    named = ask(make_searcher(name, Options()), history, 4, lambda v: True, random.Random(0))
    new = {toy.canonical(values) for values in named} - set(history.view().known)
    assert len(new) == 4


@pytest.mark.parametrize("name", NAMES)
def test_what_breaks_a_limit_costs_nothing_and_is_left_behind(toy, name):
    def allowed(values):
        return values.count("d") == 0

    history, best = toy.search(name, 10, allowed=allowed, **EARLY)
    view = history.view()
    assert len(best) == 10
    assert all(allowed(entry.values) for entry in view.evaluated())
    assert {entry.state for entry in view.asked} == {"finished", "refused"}


@pytest.mark.parametrize("name", NAMES)
def test_a_searcher_survives_failed_trials_only(toy, name):
    history = History(toy.structure, toy.canonical)
    rng = random.Random(1)
    for _ in range(9):
        for values in ask(make_searcher(name, Options(**EARLY)), history, 1, lambda v: True, rng):
            if not history.repeat(values):
                history.finish(values, None)
    assert len(history.view().evaluated()) == 9


def test_a_space_that_is_used_up_ends_the_turn(toy):
    history = History(toy.structure, lambda values: values[:1])
    for values in "abcd":
        history.finish((values,), 1.0)
    named = ask(make_searcher("random", Options()), history, 2, lambda v: True, random.Random(0))
    assert len(named) == 66


def test_asking_leaves_the_history_as_it_was(toy):
    history, _ = toy.search("evolution", 15)
    before = list(history.view().asked)
    ask(make_searcher("evolution", Options()), history, 3, lambda v: True, random.Random(0))
    assert history.view().asked == before


def test_an_unknown_searcher_is_named_with_the_known_ones():
    with pytest.raises(NavarchError, match="'anneal': use one of random, evolution"):
        make_searcher("anneal", Options())


def test_making_a_searcher_imports_no_numpy():
    code = (
        "import sys; from navarch.agents.classical import make_searcher, Options; "
        "make_searcher('evolution', Options()); make_searcher('local-search', Options()); "
        "sys.exit(any(name in sys.modules for name in ('numpy', 'langgraph', 'sqlite3')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
