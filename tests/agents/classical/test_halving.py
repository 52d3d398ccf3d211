"""Successive halving and ASHA as pure decisions, against their definitions and against Optuna's pruner."""

import random

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.pruners import SuccessiveHalvingPruner

from navarch.agents.classical.halving import Placed, bracket, promotable, survivors


@pytest.mark.parametrize(
    ("epochs", "reduction", "trials", "max_epochs", "sizes"),
    [
        ((12, 200), 10, 110, None, (100, 10)),
        ((12, 200), 10, 1000, 3200, (100, 10)),
        ((12, 200), 10, 1000, 3199, (99, 9)),
        ((1, 3, 9), 3, 13, None, (9, 3, 1)),
        ((1, 3, 9), 3, 12, None, (8, 2, 1)),
        ((1, 4), 4, 2, None, (1, 1)),
        ((1, 4), 4, 1, None, ()),
        ((1, 4), 4, 20, 4, ()),
    ],
)
def test_a_bracket_is_the_largest_that_the_budget_pays_for(epochs, reduction, trials, max_epochs, sizes):
    assert bracket(epochs, reduction, trials, max_epochs) == sizes


def test_survivors_are_the_best_in_order_and_failed_ones_never_go_on():
    rung = [Placed("a", 1.0), Placed("b", None), Placed("c", 3.0), Placed("d", 3.0), Placed("e", 2.0)]
    assert survivors(rung, 2) == ["c", "d"]
    assert survivors(rung, 100) == ["c"]
    assert survivors([Placed("a", None)], 2) == []


def test_asha_promotes_from_the_highest_rung_first_and_nobody_twice():
    low = [Placed(name, float(n)) for n, name in enumerate("abcdefgh")]
    assert promotable([low[:3], [], []], 4) is None
    assert promotable([low, [], []], 4) == (1, ["h", "g"])
    middle = [Placed("h", 50.0)]
    assert promotable([low, middle, []], 4) == (1, ["g"])
    assert promotable([low, [*middle, Placed("g", 60.0)], []], 2) == (2, ["g"])
    assert promotable([low, [*middle, Placed("g", 60.0)], [Placed("g", 70.0)]], 2) == (1, ["f", "e"])


@pytest.mark.parametrize("reduction", [2, 3, 4, 10])
def test_the_newest_trial_is_promotable_exactly_where_optuna_does_not_prune_it(reduction):
    """From the first whole group of `reduction` on; before that Optuna lets the best pass, as it cannot wait."""
    pruner = SuccessiveHalvingPruner(min_resource=1, reduction_factor=reduction)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    rng = random.Random(reduction)
    rung, verdicts = [], []
    for number in range(120):
        accuracy = rng.uniform(10.0, 90.0)
        trial = study.ask({"x": FloatDistribution(0.0, 1.0)})
        trial.report(accuracy, step=1)
        goes_on = not trial.should_prune()
        study.tell(trial, accuracy)
        rung.append(Placed(str(number), accuracy))
        if len(rung) >= reduction:
            _, earned = promotable([rung, []], reduction)
            assert (str(number) in earned) == goes_on
            verdicts.append(goes_on)
    assert 0 < sum(verdicts) < len(verdicts)
