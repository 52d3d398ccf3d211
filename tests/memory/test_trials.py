import math
import sqlite3

import pytest

from navarch.memory import StoreError, UnknownTrialError
from navarch.memory.omitted import USUAL


def test_trials_are_numbered_on_and_a_known_one_is_returned(memory, make):
    first = memory.add_trials("demo", 1, [make.trial(0), make.trial(1)])
    again = memory.add_trials("demo", 1, [make.trial(1), make.trial(2), make.trial(2)])
    assert [trial.trial_id for trial in first] == ["demo/t1", "demo/t2"]
    assert [trial.number for trial in again] == [2, 3, 3]
    assert again[0] == first[1]


def test_another_seed_or_fidelity_is_another_trial(memory, make):
    items = [make.trial(0), make.trial(0, seed=1), make.trial(0, fidelity={"epochs": 8})]
    assert [trial.number for trial in memory.add_trials("demo", 1, items)] == [1, 2, 3]


def test_a_fidelity_is_the_same_however_its_json_is_written(memory, make):
    texts = ['{"skeleton": {"width": 16}, "epochs": 4}', '{"epochs":4,"skeleton":{"width":16}}']
    items = [make.trial(0, fidelity=text) for text in texts]
    assert [trial.number for trial in memory.add_trials("demo", 1, [make.trial(0), *items])] == [1, 1, 1]


def test_a_trial_goes_from_waiting_to_running_to_complete(memory, make):
    (trial,) = memory.add_trials("demo", 2, [make.trial(5)])
    assert (trial.state, trial.starts, trial.round, trial.is_finished) == ("waiting", 0, 2, False)
    running = memory.start_trial(trial.trial_id)
    assert (running.state, running.starts) == ("running", 1)
    done = make.finish(memory, trial, 91.25)
    assert (done.state, done.val_accuracy, done.train_seconds, done.is_finished) == (
        "complete",
        91.25,
        1.5,
        True,
    )
    assert (done.curve, done.cost) == (make.CURVE, {**USUAL, **make.COST})
    assert memory.get_trial("demo", 1) == done


def test_starting_a_running_or_finished_trial_changes_nothing(memory, make):
    (trial,) = memory.add_trials("demo", 1, [make.trial(0)])
    running = memory.start_trial(trial.trial_id)
    assert memory.start_trial(trial.trial_id) == running
    done = make.finish(memory, trial)
    assert memory.start_trial(trial.trial_id) == done


def test_finishing_twice_alike_changes_nothing_and_otherwise_is_refused(memory, make):
    (trial,) = memory.add_trials("demo", 1, [make.trial(0)])
    done = make.finish(memory, trial, 80.0)
    assert make.finish(memory, trial, 80.0) == done
    with pytest.raises(StoreError, match="another outcome"):
        make.finish(memory, trial, 81.0)
    assert memory.get_trial("demo", 1) == done


def test_a_failed_trial_keeps_its_reason_and_a_curve_with_nan(memory, make):
    (trial,) = memory.add_trials("demo", 1, [make.trial(0)])
    curve = [{"epoch": 1, "train_loss": math.nan}, {"epoch": 2, "train_loss": -math.inf}]
    make.fail(memory, trial, curve=curve)
    stored = memory.get_trial("demo", 1)
    assert (stored.state, stored.reason, stored.val_accuracy) == ("failed", "diverged", None)
    assert math.isnan(stored.curve[0]["train_loss"])
    assert stored.curve[1]["train_loss"] == -math.inf
    assert memory.check() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"objectives": {"val_accuracy": math.nan}},
        {"objectives": {"val_accuracy": math.inf}},
        {"objectives": {"val_accuracy": 100.5}},
        {"objectives": {"val_accuracy": -0.5}},
        {"objectives": {"val_accuracy": 90.0, "latency": math.nan}},
        {"objectives": {"val_accuracy": 90.0, "params": 2.0**70}},
        {"objectives": {}},
        {"reason": "oom"},
        {"state": "failed", "reason": None, "objectives": {}},
        {"state": "failed", "reason": "oom"},
        {"state": "waiting"},
        {"cost": {"train_seconds": math.inf}},
        {"cost": [1]},
        {"curve": [object()]},
        {"reused_from": "nobody/t1"},
    ],
)
def test_figures_that_cannot_be_true_are_refused_and_the_trial_stays_unfinished(memory, make, changes):
    (trial,) = memory.add_trials("demo", 1, [make.trial(0)])
    with pytest.raises(StoreError):
        make.finish(memory, trial, **changes)
    assert memory.get_trial("demo", 1).state == "waiting"


@pytest.mark.parametrize("seed", [2**63, -(2**63) - 1, 1.5, "1", True, None])
def test_a_seed_that_sqlite_cannot_hold_is_refused_by_name(memory, make, seed):
    with pytest.raises(StoreError, match="seed"):
        memory.add_trials("demo", 1, [make.trial(0, seed=seed)])


def test_adding_trials_is_all_or_nothing(memory, make):
    with pytest.raises(StoreError):
        memory.add_trials("demo", 1, [make.trial(0), make.trial(1, params=-1)])
    assert memory.trials("demo") == []


@pytest.mark.parametrize(
    "change", ["val_accuracy = 99.0", "state = 'waiting'", "row_digest = NULL", "starts = 9"]
)
def test_sqlite_itself_refuses_to_change_a_finished_trial(memory, make, change):
    make.add_finished(memory, 1)
    with sqlite3.connect(memory.path) as other, pytest.raises(sqlite3.IntegrityError, match="never changes"):
        other.execute(f"UPDATE trials SET {change}")
    other.close()


def test_sqlite_itself_refuses_to_delete_a_finished_trial(memory, make):
    make.add_finished(memory, 1)
    with sqlite3.connect(memory.path) as other, pytest.raises(sqlite3.IntegrityError, match="never deleted"):
        other.execute("DELETE FROM trials")
    other.close()


def test_feedback_is_given_once_to_a_finished_trial(memory, make):
    (trial,) = memory.add_trials("demo", 1, [make.trial(0)])
    with pytest.raises(StoreError, match="is waiting"):
        memory.set_feedback(trial.trial_id, {"rank": 1})
    done = make.finish(memory, trial)
    for _ in range(2):
        memory.set_feedback(trial.trial_id, {"rank": 1})
        told = memory.get_trial("demo", 1)
        assert told.feedback == {"rank": 1}
        assert told.row_digest == done.row_digest
    with pytest.raises(StoreError, match="other feedback"):
        memory.set_feedback(trial.trial_id, {"rank": 2})


def test_running_trials_are_requeued_and_others_are_not(memory, make):
    make.add_finished(memory, 1)
    trials = memory.add_trials("demo", 1, [make.trial(8), make.trial(9)])
    memory.start_trial(trials[0].trial_id)
    assert memory.requeue_running("demo") == 1
    assert memory.requeue_running("demo") == 0
    assert [trial.state for trial in memory.trials("demo")] == ["complete", "waiting", "waiting"]
    assert memory.start_trial(trials[0].trial_id).starts == 2


def test_an_unknown_trial_is_named(memory, make):
    with pytest.raises(UnknownTrialError, match="demo/t7"):
        memory.start_trial("demo/t7")
    with pytest.raises(UnknownTrialError, match="no trials yet"):
        memory.get_trial("demo", 1)
    memory.add_trials("demo", 1, [make.trial(0)])
    with pytest.raises(UnknownTrialError, match="1 to 1"):
        memory.get_trial("demo", 2)


def test_negative_zero_is_stored_as_zero_and_the_digest_agrees(memory, make):
    (trial,) = memory.add_trials("demo", 1, [make.trial(0)])
    make.finish(memory, trial, -0.0, cost={"train_seconds": -0.0, "seconds": 5e-324})
    stored = memory.get_trial("demo", 1)
    assert math.copysign(1, stored.val_accuracy) == 1.0
    assert stored.cost["seconds"] == 5e-324
    assert memory.check() == []


def test_several_writes_make_one_unit_in_a_transaction(memory, make):
    with pytest.raises(StoreError), memory.transaction():  # noqa: PT012 - the block is what is tested
        make.add_finished(memory, 2)
        memory.open_round("nobody", 0)
    assert memory.trials("demo") == []
    with memory.transaction():
        make.add_finished(memory, 2)
    assert len(memory.trials("demo")) == 2


def test_a_failed_write_inside_a_transaction_leaves_the_others(memory, make):
    with memory.transaction():
        make.add_finished(memory, 1)
        with pytest.raises(StoreError):
            memory.add_trials("demo", 1, [make.trial(1), make.trial(2, params=-1)])
    assert [trial.number for trial in memory.trials("demo")] == [1]
