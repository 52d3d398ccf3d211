"""Successive halving and ASHA as pure decisions, against their definitions and against Optuna's pruner."""

import random
from itertools import pairwise

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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


# Where Optuna's SuccessiveHalvingPruner decides otherwise, and why:
# - it asks once, when a trial reaches a rung, as it cannot suspend one: who is not good enough then is lost. Ours stays
#   on the rung and goes on later, when it is among the best 1 in `reduction` of a rung that has grown;
# - of the first `reduction` - 1 on a rung it lets the best pass, as waiting is no choice for it; ours waits;
# - all that equal the last one that passes do so too; of equals ours takes the earlier ones, one for each place.
RUNG_STEPS = 3


def optuna_promotes(trials, reduction):
    """Return for each trial, in the order of arrival, on how many rungs it was measured before Optuna pruned it.

    trials: each one's accuracies, by rung.
    """
    pruner = SuccessiveHalvingPruner(min_resource=1, reduction_factor=reduction)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    reached = []
    for accuracies in trials:
        trial = study.ask()
        for rung, accuracy in enumerate(accuracies):
            trial.report(accuracy, step=reduction**rung)
            if trial.should_prune():
                break
        study.tell(trial, accuracies[rung])
        reached.append(rung + 1)
    return reached


def ours_on_arrival(trials, reduction):
    """Return the same where ours is asked for the newest trial alone; before a whole group the best passes."""
    rungs = [[] for _ in range(RUNG_STEPS + 1)]
    reached = []
    for number, accuracies in enumerate(trials):
        for rung, accuracy in enumerate(accuracies):
            rungs[rung].append(Placed(str(number), accuracy))
            _, earned = promotable([rungs[rung], []], reduction) or (0, [])
            best = max(placed.accuracy for placed in rungs[rung])
            is_early = len(rungs[rung]) < reduction and accuracy == best
            if str(number) not in earned and not is_early:
                break
        reached.append(rung + 1)
    return reached


@pytest.mark.parametrize("reduction", [2, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_over_all_rungs_the_newest_trial_climbs_as_far_as_with_optuna(reduction, seed):
    rng = random.Random(seed)
    trials = [[rng.uniform(0.0, 100.0) for _ in range(RUNG_STEPS)] for _ in range(60)]
    theirs = optuna_promotes(trials, reduction)
    assert ours_on_arrival(trials, reduction) == theirs
    assert len(set(theirs)) == RUNG_STEPS


def ours_whenever(trials, reduction, at_once=1):
    """Return the same for the workflow itself: new trials come when nobody can be promoted."""
    rungs = [[] for _ in range(RUNG_STEPS)]
    while len(rungs[0]) < len(trials) or promotable(rungs, reduction):
        rung, earned = promotable(rungs, reduction) or (0, [])
        for digest in (earned or [str(len(rungs[0]))])[:at_once]:
            rungs[rung].append(Placed(digest, trials[int(digest)][rung]))
    return [sum(str(n) in {one.digest for one in rung} for rung in rungs) for n in range(len(trials))]


@pytest.mark.parametrize("reduction", [2, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_whom_optuna_lets_pass_from_the_first_rung_ours_promotes_and_some_more(reduction, seed):
    """More: those that are good enough only when the rung has grown. Fewer: the first ones, whom Optuna cannot hold."""
    rng = random.Random(100 + seed)
    trials = [[rng.uniform(0.0, 100.0) for _ in range(RUNG_STEPS)] for _ in range(60)]
    theirs, ours = optuna_promotes(trials, reduction), ours_whenever(trials, reduction)
    passed = {n for n, reached in enumerate(theirs) if reached > 1 and n >= reduction - 1}
    promoted = {n for n, reached in enumerate(ours) if reached > 1}
    assert passed <= promoted
    assert promoted - passed


def test_of_equals_optuna_lets_all_pass_and_ours_as_many_as_there_are_places():
    trials = [[50.0] * RUNG_STEPS for _ in range(8)]
    assert optuna_promotes(trials, 4) == [RUNG_STEPS] * 8
    assert [reached > 1 for reached in ours_whenever(trials, 4)] == [True, True] + [False] * 6


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=40),
    st.integers(2, 5),
    st.integers(1, 4),
)
@settings(max_examples=50)
def test_on_any_stream_ours_promotes_no_more_than_a_rung_has_places_for(trials, reduction, at_once):
    ours = ours_whenever(trials, reduction, at_once)
    sizes = [sum(reached > rung for reached in ours) for rung in range(RUNG_STEPS)]
    for low, high in pairwise(sizes):
        assert high <= low
        if at_once == 1:
            assert high >= low // reduction
    ranked = sorted(range(len(trials)), key=lambda n: -trials[n][0])
    assert all(ours[n] > 1 for n in ranked[: len(trials) // reduction] if at_once == 1)


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
