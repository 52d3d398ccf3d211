"""What the costs of trials say of the limits: exact for sums, nothing where nothing is known, one fit for a limit."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from navarch.agents.offline.costs import CostModel
from navarch.agents.offline.moves import Choices
from tests.agents.offline.conftest import DIMENSIONS, OPTIONS, Toy

EVERY = list(itertools.product(OPTIONS, repeat=len(DIMENSIONS)))


def model(toy, trials, **limits):
    return CostModel(Choices.of(toy.space), replace(toy.mission(), **limits), trials)


@pytest.mark.parametrize("limit", ["max_params", "max_macs"])
def test_costs_that_are_sums_over_dimensions_are_learnt_exactly(toy, limit):
    costs = model(toy, toy.random_trials(40), **{limit: 200})
    assert costs.keep_affordable(EVERY) == [values for values in EVERY if toy.cost(values) <= 200]


def test_every_limit_counts(toy):
    trials = [
        replace(t, macs=t.values.count("oak"), latency_ms=1.0 * t.values.count("ash"))
        for t in toy.random_trials(60)
    ]
    costs = model(toy, trials, max_params=200, max_macs=1, max_latency_ms=0.5)
    assert costs.keep_affordable(EVERY) == [
        values
        for values in EVERY
        if values.count("cedar") <= 2 and values.count("oak") <= 1 and "ash" not in values
    ]


def test_a_limit_on_a_cost_that_no_trial_knows_bounds_nothing(toy):
    assert model(toy, toy.random_trials(9), max_latency_ms=1e-9).keep_affordable(EVERY) == EVERY
    assert model(toy, [], max_params=1).keep_affordable(EVERY) == EVERY


def test_what_is_out_of_use_costs_nothing():
    toy = Toy()
    sill = {**toy.space.dimensions[4], "when": [{"dimension": "door", "options": ["cedar", "oak"]}]}
    space = replace(toy.space, dimensions=(*toy.space.dimensions[:4], sill))
    used = [values if values[3] in ("cedar", "oak") else (*values[:4], "-") for values in EVERY]
    trials = [toy.trial(number, used[at], 60.0) for number, at in enumerate(range(0, 1024, 13), start=1)]
    costs = CostModel(Choices.of(space), replace(toy.mission(), max_params=150), trials)
    assert costs.keep_affordable(used) == [values for values in used if toy.cost(values) <= 150]


def test_each_limit_is_fitted_once_for_all_pools(toy, monkeypatch):
    fits, lstsq = [], np.linalg.lstsq
    monkeypatch.setattr(np.linalg, "lstsq", lambda *args, **more: fits.append(1) or lstsq(*args, **more))
    costs = model(toy, toy.random_trials(40), max_params=200, max_macs=250)
    for pool in (EVERY, EVERY[:3], []):
        costs.keep_affordable(pool)
    assert len(fits) == 2
