import sqlite3

import pytest

from navarch.memory import REPEATS


def test_trials_are_listed_by_state_round_and_after_a_number(memory, make):
    make.add_finished(memory, 6)
    memory.add_trials("demo", 2, [make.trial(9)])
    assert [trial.number for trial in memory.trials("demo", state="waiting")] == [7]
    assert [trial.number for trial in memory.trials("demo", round=2)] == [5, 6, 7]
    assert [trial.number for trial in memory.trials("demo", round=2, state="complete")] == [5, 6]
    assert [trial.number for trial in memory.trials("demo", after=5)] == [6, 7]


def test_the_best_trial_is_the_most_accurate_then_the_smaller_then_the_earlier(memory, make):
    trials = memory.add_trials(
        "demo",
        1,
        [make.trial(0), make.trial(1, params=500), make.trial(2, params=500), make.trial(3), make.trial(4)],
    )
    for trial, accuracy in zip(trials, [90.0, 90.0, 90.0, 80.0, 99.0], strict=True):
        if accuracy < 99:
            make.finish(memory, trial, accuracy)
    make.fail(memory, trials[4])
    assert memory.best_trial("demo").number == 2
    assert [trial.number for trial in memory.top_trials("demo", 3)] == [2, 3, 1]
    assert memory.top_trials("demo", 0) == []


def test_the_best_trial_keeps_to_the_limits(memory, make):
    make.add_finished(memory, 5)
    assert memory.best_trial("demo").number == 5
    assert memory.best_trial("demo", max_params=1002).number == 3
    assert memory.best_trial("demo", max_macs=20_001, max_params=10**9).number == 2
    assert memory.best_trial("demo", max_params=0) is None


def test_a_finished_trial_of_another_run_is_found_again(memory, make):
    make.add_finished(memory, 2)
    memory.create_run(run_id="second", **make.RUN)
    (mine,) = memory.add_trials("second", 1, [make.trial(0)])
    key = {"digest": mine.digest, "task_digest": "task-1", "fidelity": mine.fidelity, "seed": 0}
    found = memory.find_finished(**key, exclude_run="second")
    assert found.trial_id == "demo/t1"
    make.finish(memory, mine, 50.0, reused_from=found.trial_id)
    assert memory.find_finished(**key, exclude_run="third").trial_id == "demo/t1"
    assert memory.find_finished(**key, exclude_run="demo").trial_id == "second/t1"


@pytest.mark.parametrize(
    "change", [{"digest": "0"}, {"task_digest": "other"}, {"fidelity": {"epochs": 1}}, {"seed": 1}]
)
def test_a_trial_that_differs_in_anything_is_not_reused(memory, make, change):
    (done,) = make.add_finished(memory, 1)
    key = {"digest": done.digest, "task_digest": "task-1", "fidelity": done.fidelity, "seed": 0}
    assert memory.find_finished(**key, exclude_run="x") == done
    assert memory.find_finished(**(key | change), exclude_run="x") is None


def test_failed_and_unfinished_trials_are_not_reused(memory, make):
    failed, waiting = memory.add_trials("demo", 1, [make.trial(0), make.trial(1)])
    make.fail(memory, failed)
    for trial in (failed, waiting):
        key = {"digest": trial.digest, "task_digest": "task-1", "fidelity": trial.fidelity, "seed": 0}
        assert memory.find_finished(**key) is None


def test_the_trial_table_is_equal_for_equal_searches_whatever_they_cost(open_memory, make):
    digests = []
    for name, seconds, run_id in (("a.db", 1.0, "one"), ("b.db", 2.0, "two")):
        memory = open_memory(name)
        memory.create_run(run_id=run_id, **make.RUN)
        (trial,) = memory.add_trials(run_id, 1, [make.trial(0)])
        for _ in range(int(seconds)):
            memory.start_trial(trial.trial_id)
            memory.requeue_running(run_id)
        make.finish(memory, trial, cost={"train_seconds": seconds})
        digests.append(memory.trial_table_digest(run_id))
    assert digests[0] == digests[1]


def test_the_trial_table_tells_one_figure_apart(open_memory, make):
    digests = set()
    for name, accuracy in (("a.db", 80.0), ("b.db", 80.00000000000001)):
        memory = open_memory(name)
        memory.create_run(run_id="demo", **make.RUN)
        (trial,) = memory.add_trials("demo", 1, [make.trial(0)])
        make.finish(memory, trial, accuracy)
        digests.add(memory.trial_table_digest("demo"))
    assert len(digests) == 2


def test_no_write_or_look_up_of_a_search_scans_the_trials(memory, make):
    statements = []
    memory._store.db.conn.set_trace_callback(statements.append)
    (done,) = make.add_finished(memory, 1)
    memory.find_finished(digest=done.digest, task_digest="t", fidelity=done.fidelity, seed=0, exclude_run="x")
    memory.best_trial("demo", max_params=5)
    memory.top_trials("demo", 5)
    memory.trials("demo", round=0)
    memory.requeue_running("demo")
    memory.spent("demo")
    memory._store.db.conn.set_trace_callback(None)
    plans = []
    with sqlite3.connect(memory.path) as other:
        for sql in statements:
            if sql.startswith(("SELECT", "UPDATE", "INSERT")):
                plans += [(row[3], sql) for row in other.execute(f"EXPLAIN QUERY PLAN {sql}")]
    other.close()
    assert len(plans) > 8
    assert [plan for plan in plans if plan[0].startswith("SCAN") or "TEMP B-TREE" in plan[0]] == []


def with_repeats(memory, make):
    """A run of three trials, and two repeats of the second: one complete, one waiting."""
    make.add_finished(memory, 3)
    repeats = memory.add_trials("demo", REPEATS, [make.trial(1, seed=seed) for seed in (1, 2)])
    make.finish(memory, repeats[0], 99.0)
    return repeats


def test_repeats_are_no_trials_of_the_search(memory, make):
    with_repeats(memory, make)
    assert [row.number for row in memory.trials("demo")] == [1, 2, 3]
    assert memory.trials("demo", state="waiting") == []
    assert [row.number for row in memory.repeats("demo")] == [4, 5]
    assert memory.best_trial("demo").number == 3
    assert [row.number for row in memory.top_trials("demo", 9)] == [3, 2, 1]
    assert memory.count_finished("demo") == 3
    assert [row["number"] for row in memory.trial_table("demo")] == [1, 2, 3, 4, 5]
    assert memory.check() == []


def test_the_ledger_tells_repeats_from_trials(memory, make):
    with_repeats(memory, make)
    spent = memory.spent("demo")
    assert (spent.trials, spent.waiting, spent.repeats) == (3, 0, 1)
    assert (spent.train_seconds, spent.repeat_seconds) == (6.0, 1.5)


def test_a_crash_gives_repeats_back_to_wait(memory, make):
    _, waiting = with_repeats(memory, make)
    memory.start_trial(waiting.trial_id)
    assert memory.requeue_running("demo") == 1
    assert memory.repeats("demo")[1].state == "waiting"


def test_repeats_of_all_runs_count_once_for_each_architecture_and_seed(memory, make):
    with_repeats(memory, make)
    memory.create_run(run_id="second", **make.RUN)
    others = memory.add_trials("second", REPEATS, [make.trial(1, seed=seed) for seed in (1, 2)])
    make.finish(memory, others[0], 99.0, reused_from="demo/t4")
    make.finish(memory, others[1], 91.0)
    setting = {"space": "nas-bench-201", "task_digest": "task-1", "fidelity": others[0].fidelity}
    assert [row.trial_id for row in memory.all_repeats(**setting)] == ["demo/t4", "second/t2"]
    assert memory.all_repeats(**(setting | {"task_digest": "task-2"})) == []
    assert (
        memory.find_finished(
            digest=others[0].digest, task_digest="task-1", fidelity=others[0].fidelity, seed=2
        ).trial_id
        == "second/t2"
    )
