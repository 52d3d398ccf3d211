"""What a stored trial leaves out is put back when it is read."""

import json
from dataclasses import asdict, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.evaluation.outcome import TrialCost
from navarch.memory import StoreDamagedError, StoreError, canonical_json
from navarch.memory.omitted import TOLD, USUAL, with_told, with_usual, without_told, without_usual
from navarch.memory.seal import TRIALS, row_seal

MEASURED = {"seconds": 1.5, "train_seconds": 1.0, "peak_memory_mb": 64.0, "device": "cpu", "epochs": 2}
VALUES = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, "none"])
ROW = dict.fromkeys(TOLD, 0) | {"val_accuracy": 90.0, "reason": None}
SAID = {"trial" if name == "number" else name: value for name, value in ROW.items()}


def feedback_of(trial, **changes):
    row = {name: getattr(trial, name) for name in TOLD[1:]}
    return {"trial": trial.number, "rank": 1, "curve_shape": "flat", **row, **changes}


@given(st.fixed_dictionaries(dict.fromkeys(USUAL, VALUES)))
def test_every_cost_comes_back(cost):
    cost = MEASURED | cost
    assert repr(with_usual(without_usual(cost))) == repr(dict(sorted(cost.items())))


def test_what_is_usual_is_what_a_cost_says_without_being_told():
    plain = asdict(TrialCost(**MEASURED))
    assert without_usual(TrialCost(**MEASURED)) == without_usual(plain) == MEASURED
    assert USUAL.keys() == {field.name for field in fields(TrialCost)} - MEASURED.keys()


@given(st.dictionaries(st.sampled_from(["rank", *SAID]), VALUES, max_size=9), st.booleans())
def test_all_feedback_comes_back(feedback, repeats):
    whole = {**feedback, "trial": 7, **(SAID if repeats else {})}
    assert repr(with_told(without_told(whole, ROW), ROW)) in (repr(whole), repr(dict(sorted(whole.items()))))


@given(st.dictionaries(st.text(max_size=2), VALUES, max_size=3))
def test_feedback_that_repeats_its_row_is_stored_without_it(feedback):
    assert without_told({**feedback, **SAID}, ROW) == {"trial": True, **feedback}


def test_a_stored_trial_says_nothing_twice_and_is_read_whole(memory, make):
    cost = asdict(TrialCost(**MEASURED, slots=2))
    (trial,) = memory.add_trials("demo", 1, [make.trial(0)])
    trial = make.finish(memory, trial, cost=cost)
    memory.set_feedback(trial.trial_id, feedback_of(trial))
    memory.set_feedback(trial.trial_id, feedback_of(trial))
    told = memory.get_trial("demo", 1)
    assert (told.cost, told.feedback) == (cost, feedback_of(trial))
    assert list(told.feedback) == sorted(told.feedback)
    ((stored, feedback),) = memory._store.rows("SELECT cost, feedback FROM trials")
    assert json.loads(stored) == MEASURED | {"slots": 2}
    assert json.loads(feedback) == {"trial": True, "rank": 1, "curve_shape": "flat"}
    assert memory.check() == []


@pytest.mark.parametrize("changes", [{"val_accuracy": 12.5}, {"val_accuracy": 90}, {"state": "failed"}])
def test_feedback_that_contradicts_its_trial_is_kept_as_it_is(memory, make, changes):
    (trial,) = make.add_finished(memory, 1, accuracy=lambda index: 90.0)
    said = feedback_of(trial, **changes)
    memory.set_feedback(trial.trial_id, said)
    assert repr(memory.get_trial("demo", 1).feedback) == repr(dict(sorted(said.items())))


def test_an_outcome_that_is_repeated_onto_a_damaged_one_is_told_of_the_damage(memory, make):
    (trial,) = memory.add_trials("demo", 1, [make.trial(0)])
    make.finish(memory, trial, cost=MEASURED)
    memory._store.rows("DROP TRIGGER trials_stay_as_finished")
    memory._store.rows("UPDATE trials SET cost = '{'")
    with pytest.raises(StoreDamagedError, match="differs from its digest"):
        make.finish(memory, trial, cost=MEASURED)


def test_an_outcome_that_an_earlier_version_stored_whole_may_be_repeated(memory, make):
    """Its cost says what is usual too: it is no other outcome."""
    (trial,) = memory.add_trials("demo", 1, [make.trial(0)])
    done = make.finish(memory, trial, cost=MEASURED)
    (trigger,) = memory._store.rows("SELECT sql FROM sqlite_schema WHERE name = 'trials_stay_as_finished'")
    memory._store.rows("DROP TRIGGER trials_stay_as_finished")
    memory._store.rows("UPDATE trials SET cost = ?", [canonical_json({**USUAL, **MEASURED})])
    (cells,) = memory._store.rows(TRIALS.select)
    memory._store.rows("UPDATE trials SET row_digest = ?", [row_seal(cells)])
    memory._store.rows(trigger[0])
    again = make.finish(memory, trial, cost={**USUAL, **MEASURED})
    assert (again.cost, again.finished_at, memory.check()) == (done.cost, done.finished_at, [])
    with pytest.raises(StoreError, match="another outcome"):
        make.finish(memory, trial, cost=MEASURED | {"attempts": 2})
