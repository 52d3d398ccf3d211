"""The bars of early stopping: by hand, against Optuna's median rule, and on curves whose law is known."""

import random
import statistics

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.pruners import MedianPruner

from navarch.evaluation.stop_rules import (
    MIN_MEDIAN,
    MIN_REGRESSION,
    EarlierTrial,
    find_bars,
    median_bar,
    regression_bar,
)


def whole(*accuracies):
    return EarlierTrial(tuple(enumerate(accuracies, start=1)), accuracies[-1])


def stopped(*accuracies):
    return EarlierTrial(tuple(enumerate(accuracies, start=1)), None)


def power_law(rng, noise=1.0):
    """Return a curve of four epochs that rises to its limit as a power of the epochs, as measured with noise."""
    limit = rng.uniform(50.0, 90.0)
    return whole(*(limit - 30.0 * epoch**-1.0 + rng.gauss(0.0, noise) for epoch in range(1, 5)))


def test_the_bar_is_the_median_of_all_that_reached_the_epoch():
    earlier = [whole(1.0, 10.0), whole(2.0, 20.0), whole(3.0, 30.0), whole(4.0, 40.0), stopped(9.0)]
    assert median_bar(earlier, 1) == 3.0
    assert median_bar(earlier, 2) is None  # four reached it, and five are needed
    assert median_bar([*earlier, whole(5.0, 50.0)], 1) == 3.5
    assert find_bars("median", [*earlier, whole(5.0, 50.0)], None, 3) == ((1, 3.5), (2, 30.0))


def test_the_last_epoch_has_no_bar():
    assert find_bars("median", [whole(1.0, 2.0)] * MIN_MEDIAN, 2.0, 2) == ((1, 1.0),)


def test_optunas_median_pruner_decides_alike():
    """Where all earlier trials are whole; of stopped ones Optuna takes no account, which makes its bar rise."""
    rng = random.Random(1)
    pruner = MedianPruner(n_startup_trials=MIN_MEDIAN, n_warmup_steps=0)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    earlier, verdicts = [], []
    for _ in range(60):
        trial, curve = study.ask(), [rng.uniform(10.0, 90.0) for _ in range(3)]
        bars = dict(find_bars("median", earlier, None, 4))
        for epoch, accuracy in enumerate(curve, start=1):
            trial.report(accuracy, step=epoch)
            misses = epoch in bars and max(curve[:epoch]) < bars[epoch]
            assert trial.should_prune() == misses
            verdicts.append(misses)
        study.tell(trial, curve[-1])
        earlier.append(whole(*curve))
    assert 0 < sum(verdicts) < len(verdicts)


def test_the_line_of_exact_data_puts_the_bar_where_a_trial_would_equal_the_best():
    earlier = [whole(float(early), 20.0 + 0.5 * early) for early in range(10, 10 + MIN_REGRESSION)]
    assert regression_bar(earlier, 1, 40.0) == pytest.approx(40.0)
    assert regression_bar(earlier[1:], 1, 40.0) is None
    assert regression_bar(earlier, 1, None) is None


def test_the_noisier_the_past_the_lower_the_bar():
    rng = random.Random(2)
    bars = []
    for noise in (0.2, 1.0, 4.0):
        earlier = [power_law(rng, noise) for _ in range(40)]
        bars.append(regression_bar(earlier, 2, 80.0))
    assert bars == sorted(bars, reverse=True)


def test_a_past_in_which_early_says_nothing_of_late_stops_nobody():
    falling = [whole(float(early), 90.0 - early) for early in range(20)]
    assert regression_bar(falling, 1, 99.0) is None
    assert regression_bar([whole(50.0, final) for final in range(60, 80)], 1, 99.0) is None


def search(rng, rule):
    """Return the best of 60 trials of one search, how many epochs it trained, and how many trials it stopped."""
    earlier, best, epochs, stops = [], None, 0, 0
    for _ in range(60):
        trial = power_law(rng)
        bars = dict(find_bars(rule, earlier, best, 4)) if rule else {}
        reached = next(
            (at for at, _ in trial.points if max(a for _, a in trial.points[:at]) < bars.get(at, 0.0)), 4
        )
        epochs += reached
        stops += reached < 4
        is_whole = reached == 4
        earlier.append(trial if is_whole else EarlierTrial(trial.points[:reached], None))
        best = max(best or 0.0, trial.final) if is_whole else best
    return best, epochs, stops


@pytest.mark.parametrize(("rule", "most"), [("median", 0.75), ("regression", 0.75)])
def test_on_power_laws_a_rule_saves_epochs_and_keeps_the_best(rule, most):
    kept, spent = [], []
    for seed in range(30):
        best, epochs, _ = search(random.Random(seed), None)
        found, trained, stops = search(random.Random(seed), rule)
        assert stops > 0
        kept.append(best == found)
        spent.append(trained / epochs)
    assert sum(kept) >= 28
    assert statistics.fmean(spent) < most


CURVES = st.lists(st.lists(st.floats(0, 100), min_size=1, max_size=5), max_size=12)


@given(CURVES, st.one_of(st.none(), st.floats(0, 100)), st.sampled_from(["median", "regression"]))
def test_any_past_gives_finite_bars_before_the_last_epoch(curves, best, rule):
    earlier = [whole(*curve) if len(curve) == 5 else stopped(*curve) for curve in curves]
    bars = find_bars(rule, earlier, best, 5)
    assert [epoch for epoch, _ in bars] == sorted({epoch for epoch, _ in bars} & {1, 2, 3, 4})
    assert all(bar == bar and abs(bar) != float("inf") for _, bar in bars)
