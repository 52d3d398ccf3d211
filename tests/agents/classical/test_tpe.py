"""The TPE searcher is Optuna's sampler: the same suggestions for the same past."""

import random
import sys

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers import TPESampler

from navarch import NavarchError
from navarch.agents.classical import History, Options, make_searcher
from navarch.spaces.spec import INACTIVE


def plain_study(toy, history, seed):
    """Return a study as anybody would make one, with the sampler's own search for what to sample jointly."""
    study = optuna.create_study(direction="maximize", sampler=TPESampler(n_startup_trials=1, seed=seed))
    for entry in history.view().asked:
        named = zip(toy.structure.names, entry.values, strict=True)
        params = {name: value for name, value in named if value != INACTIVE}
        choices = dict.fromkeys(params, CategoricalDistribution("abcd"))
        study.add_trial(optuna.create_trial(params=params, distributions=choices, value=entry.accuracy))
    return study


def plain_suggestion(toy, study):
    while True:
        trial, values = study.ask(), dict.fromkeys(toy.structure.names, INACTIVE)
        for position in toy.structure.order:
            if toy.structure.is_active(position, tuple(values.values())):
                name = toy.structure.names[position]
                values[name] = trial.suggest_categorical(name, "abcd")
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        if toy.structure.is_legal(tuple(values.values())):
            return tuple(values.values())


def test_it_suggests_what_a_plain_study_suggests(toy):
    """With repetitions in the past, dimensions under conditions, and constraints."""
    history, _ = toy.search("tpe", 40, startup=8)
    assert len(history.view().asked) > len(history.view().known)
    searcher = make_searcher("tpe", Options(startup=8))
    for seed in range(12):
        ours = searcher.propose(history.view(), random.Random(seed))
        study = plain_study(toy, history, random.Random(seed).getrandbits(32))
        assert ours == plain_suggestion(toy, study)
        history.repeat(ours) or history.finish(ours, toy.accuracy(ours))


def test_it_keeps_away_from_what_is_waiting(toy):
    """A batch spreads: a waiting architecture counts as one of the worse."""
    history, _ = toy.search("tpe", 30, startup=8)
    searcher = make_searcher("tpe", Options(startup=8))
    likely = max(history.view().evaluated(), key=lambda entry: entry.worth).values
    crowded = history.copy()
    for _ in range(40):
        crowded.wait(likely)

    def shared(past):
        proposals = [searcher.propose(past.view(), random.Random(seed)) for seed in range(25)]
        return sum(a == b for values in proposals for a, b in zip(values, likely, strict=True))

    assert shared(crowded) < shared(history)


def test_without_optuna_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "navarch.agents.classical.tpe", raising=False)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NavarchError, match=r"pip install 'navarch\[tpe\]', or use --workflow gp"):
        make_searcher("tpe", Options())


def test_a_history_of_failures_alone_still_gives_a_suggestion(toy):
    history = History(toy.structure, toy.canonical)
    rng = random.Random(2)
    for _ in range(9):
        values = toy.structure.sample(rng)
        history.repeat(values) or history.finish(values, None)
    searcher = make_searcher("tpe", Options(startup=2))
    assert toy.structure.is_legal(searcher.propose(history.view(), rng))
