"""Finished trials that are ranked as they come: the same as ranking all of them anew."""

from dataclasses import replace
from operator import ne

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navarch.agents.finished import BEST, LATEST, VARIED, Bounds, Known, Record
from navarch.agents.views import TrialView

BOUNDS = Bounds(max_params=30, max_macs=None, max_latency_ms=2.0)
outcomes = st.tuples(
    st.integers(0, 1),  # rounds since the trial before
    st.sampled_from([None, 0.0, 50.0, 60.0, 70.0]),
    st.sampled_from([10, 20, 40]),
    st.sampled_from([1.0, 3.0]),
    st.tuples(*[st.sampled_from("abc")] * 3),
)


def known(items):
    """Make trials as they are read from a memory, numbered from 1; few accuracies, so that many are alike."""
    round, made = 1, []
    for number, (later, accuracy, params, latency, values) in enumerate(items, start=1):
        round += later
        state = "failed" if accuracy is None else "complete"
        trial = TrialView(
            number, round, "".join(values), values, state, None, "", accuracy, params, 1, {"rank": 1}, latency
        )
        made.append(Known(trial, replace(trial, feedback=None), values))
    return made


def ranked(items):
    admitted = [one.trial for one in items if BOUNDS.admits(one.trial)]
    return sorted(admitted, key=lambda t: (-t.val_accuracy, t.params, t.number))


def cut(items, limit):
    numbers = {one.trial.number for one in items}
    if len(items) > limit:
        by_accuracy = sorted(items, key=lambda one: (-(one.trial.val_accuracy or 0.0), one.trial.number))
        numbers = {one.trial.number for one in by_accuracy[: limit // 2]}
        rest = [one.trial.number for one in reversed(items) if one.trial.number not in numbers]
        numbers.update(rest[: limit - len(numbers)])
    return tuple(one.bare for one in items if one.trial.number in numbers)


def summed_up(items):
    """Choose the best, then one after the other what is farthest from all chosen, then the latest."""
    if len(items) <= BEST + VARIED + LATEST:
        return tuple(one.bare for one in items)
    values = {one.trial.number: one.canonical for one in items}
    chosen = [trial.number for trial in ranked(items)[:BEST]]
    had_best = bool(chosen)
    rest = [
        one.trial for one in items if one.trial.val_accuracy is not None and one.trial.number not in chosen
    ]

    def worth(trial):
        near = (
            min((sum(map(ne, values[trial.number], values[n])) for n in chosen), default=0) if had_best else 0
        )
        return near, trial.val_accuracy, -trial.number

    for _ in range(min(VARIED, len(rest))):
        rest.sort(key=worth)
        chosen.append(rest.pop().number)
    later = [one.trial.number for one in reversed(items) if one.trial.number not in chosen]
    chosen += later[: BEST + VARIED + LATEST - len(chosen)]
    return tuple(one.bare for one in items if one.trial.number in chosen)


def idle(items, round):
    best, gained = float("-inf"), 0
    for trial in (one.trial for one in items if BOUNDS.admits(one.trial)):
        if trial.val_accuracy > best:
            best, gained = trial.val_accuracy, trial.round
    return round - 1 - gained


@settings(max_examples=40)
@given(st.lists(outcomes, max_size=90), st.integers(0, 90), st.integers(0, 90))
def test_a_record_that_grew_says_what_a_look_at_all_trials_says(items, first, second):
    items, (first, second) = known(items), sorted((first, second))
    record = Record(BOUNDS, items[:first])
    record.history(4), record.digest()
    record.add(items[first:second])
    joined = record.joined_by(items[second:])
    for found, all_of_it in ((joined, items), (record, items[:second])):
        round = all_of_it[-1].trial.round if all_of_it else 1
        assert found.best(5) == tuple(ranked(all_of_it)[:5])
        assert [found.history(limit) for limit in (1, 4, 100)] == [cut(all_of_it, n) for n in (1, 4, 100)]
        assert tuple(known.bare for known in found.chosen(4)) == found.history(4)
        assert found.digest() == summed_up(all_of_it)
        assert found.idle_rounds(round + 1) == idle(all_of_it, round + 1)
        assert found.of_round(round) == tuple(one.trial for one in all_of_it if one.trial.round == round)
        assert list(found.codes) == list(dict.fromkeys(one.trial.code for one in all_of_it))
        asked = [tuple("abd"), tuple("cbb")]
        near = [[(sum(map(ne, one.canonical, a)), one.trial.number) for one in all_of_it] for a in asked]
        assert [pair[::-1] for pair in found.nearest(asked)] == [min(of, default=(None, None)) for of in near]
        assert found.nearest([]) == []


@pytest.mark.parametrize("n_trials", [0, 3])
def test_a_record_that_goes_on_leaves_the_one_before_as_it_was(n_trials):
    record = Record(BOUNDS, known([(0, 50.0, 10, 1.0, ("a", "b", "c"))] * n_trials))
    before = (record.best(9), record.history(9), record.digest(), list(record.codes))
    record.joined_by(known([(0, 60.0, 10, 1.0, ("c", "c", "c"))]))
    assert (record.best(9), record.history(9), record.digest(), list(record.codes)) == before
