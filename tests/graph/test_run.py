"""A run from start to end: budgets, rounds, what is stored, and what ends it."""

import json

import pytest
from listeners import StopAfter

from navarch import NavarchError
from navarch.evaluation import get_task
from navarch.graph.checkpoints import config_of, open_checkpoints, stored_position
from navarch.graph.lock import hold
from navarch.graph.paths import checkpoint_file, lock_file
from navarch.graph.progress import Silent


def test_a_run_spends_its_budget_to_the_trial_on_distinct_architectures(bench):
    result = bench.run(budget={"trials": 10})
    table = bench.table()
    assert result.run.state == "finished"
    assert "10 trials" in result.reason
    assert len(table) == len({row["digest"] for row in table}) == 10


def test_the_four_roles_speak_in_every_round(bench):
    bench.run(budget={"trials": 8}, search={"trials_per_round": 4})
    with bench.memory() as memory:
        spoken = [(call.round, call.role) for call in memory.calls("r1") if call.attempt == 0]
    roles = ("navigator", "generator", "critic", "distiller")
    assert spoken == [(round, role) for round in (1, 2) for role in roles]


def test_the_best_by_validation_meets_the_test_split_once(bench):
    result = bench.run(budget={"trials": 8})
    best = max(bench.table(), key=lambda row: row["val_accuracy"])
    assert [list(a.values) for a in bench.evaluator.tested] == [
        [best["architecture"][name] for name in sorted(best["architecture"], key=EDGES.index)]
    ]
    assert result.test is not None
    assert result.test.accuracy == 77.0
    bench.resume()
    assert bench.evaluator.tested == bench.evaluator.tested[:1]


EDGES = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")


@pytest.mark.parametrize("workflow", ["navarch", "random"])
def test_the_same_seed_gives_the_same_trials(bench, workflow):
    for _ in range(2):
        bench.run(workflow=workflow, budget={"trials": 9}, seed=5)
    bench.run(workflow=workflow, budget={"trials": 9}, seed=6)
    first, second, other = ([row["code"] for row in bench.table(run)] for run in ("r1", "r2", "r3"))
    assert first == second
    assert first != other


def test_a_second_run_reuses_every_equal_trial(bench):
    bench.run(budget={"trials": 6})
    assert len(bench.evaluator.trained) == 6
    bench.run(budget={"trials": 6})
    assert bench.evaluator.trained == []
    with bench.memory() as memory:
        assert [trial.reused_from for trial in memory.trials("r2")] == [f"r1/t{n}" for n in range(1, 7)]
        assert memory.spent("r2").train_seconds == 0


@pytest.mark.slow
def test_another_training_seed_is_another_trial(bench):
    bench.run(budget={"trials": 4})
    bench.run(budget={"trials": 4}, train={"seed": 1})
    assert len(bench.evaluator.trained) == 4


def test_the_target_ends_the_search(bench):
    result = bench.run(workflow="random", budget={"trials": 200}, target=60)
    assert result.reason == "target of 60 % is reached"
    assert len(bench.table()) < 200


def test_rounds_without_a_gain_end_the_search(bench):
    result = bench.run(
        workflow="random", budget={"trials": 400}, search={"patience": 2, "trials_per_round": 2}
    )
    assert result.reason == "2 rounds brought no gain"


def test_a_spent_time_budget_ends_the_search_and_leaves_no_open_trial(bench):
    result = bench.run(budget={"trials": 50, "seconds": 1e-6})
    assert result.run.state == "finished"
    assert "seconds is spent" in result.reason
    assert not [row for row in bench.table() if row["state"] in ("waiting", "running")]


def test_a_small_budget_in_the_last_round_is_not_overspent(bench):
    bench.run(budget={"trials": 5}, search={"trials_per_round": 4})
    with bench.memory() as memory:
        assert [row.new_trials for row in memory.rounds("r1")] == [4, 1]


def test_limits_refuse_candidates_before_they_cost_anything(bench):
    bench.run(workflow="random", budget={"trials": 6}, limits={"max_params": 20_000})
    assert all(row["params"] <= 20_000 for row in bench.table())
    with bench.memory() as memory:
        invalid = memory.proposals("r1", status="invalid")
    assert invalid
    assert all(row.problems[0]["code"] == "too-many-params" for row in invalid)


def test_limits_that_nothing_meets_end_the_search_with_a_reason(bench):
    result = bench.run(workflow="random", budget={"trials": 6}, limits={"max_params": 1})
    assert "no architecture that is new and within the limits" in result.reason
    assert result.best is None


def test_every_finished_trial_gets_its_feedback(bench):
    bench.run(budget={"trials": 8})
    with bench.memory() as memory:
        for trial in memory.trials("r1"):
            assert trial.feedback is not None
            assert trial.feedback["trial"] == trial.number


def test_failed_trials_are_rows_with_a_reason_and_the_run_goes_on(bench):
    def spoil(evaluator):
        evaluator.fails = {2: "oom", 5: "diverged", 6: "timeout"}

    bench.prepare = spoil
    bench.run(budget={"trials": 12}, search={"trials_per_round": 4})
    assert [row["reason"] for row in bench.table() if row["state"] == "failed"] == [
        "oom",
        "diverged",
        "timeout",
    ]
    with bench.memory() as memory:
        seen = [memory.text(call.messages[-1][1]) for call in memory.calls("r1", role="navigator", round=3)]
    assert "diverged" in seen[0]
    assert "timeout" in seen[0]


@pytest.mark.slow
def test_a_run_whose_every_trial_fails_ends_without_a_best(bench):
    def spoil(evaluator):
        evaluator.fails = dict.fromkeys(range(1, 20), "crashed")

    bench.prepare = spoil
    result = bench.run(budget={"trials": 5})
    assert result.run.state == "finished"
    assert result.best is None
    assert result.test is None


@pytest.mark.slow
@pytest.mark.parametrize("trials", [1, 3, 4, 7])
def test_a_stopped_run_resumes_to_the_same_trials(bench, trials):
    stopped = bench.run(budget={"trials": 10}, progress=StopAfter(bench, trials))
    assert stopped.run.state == "stopped"
    assert stopped.test is None
    assert len([row for row in bench.table() if row["state"] == "complete"]) >= trials
    resumed = bench.resume()
    assert resumed.run.state == "finished"
    assert resumed.run.segments == 2
    table = bench.table()
    bench.db = bench.folder / "other.db"
    bench.run(budget={"trials": 10})
    assert table == bench.table()


def test_a_run_that_another_process_works_on_is_refused(bench):
    bench.run(budget={"trials": 4}, progress=StopAfter(bench, 1))
    with (
        hold(lock_file(bench.db, "r1"), "r1"),
        pytest.raises(NavarchError, match=r"another process.*stop r1 --db"),
    ):
        bench.resume()
    assert bench.resume().run.state == "finished"


def test_a_run_on_other_data_is_refused(bench):
    bench.run(budget={"trials": 4}, progress=StopAfter(bench, 1))
    from dataclasses import replace

    import navarch.graph.assemble as assemble

    changed = replace(get_task("digits"), digest="other")
    bench.monkeypatch.setattr(assemble, "named_task", lambda settings: changed)
    with pytest.raises(NavarchError, match="data"):
        bench.resume()


def test_the_checkpoint_holds_ids_and_counters_only(bench):
    bench.run(budget={"trials": 8})
    notes = []
    with open_checkpoints(checkpoint_file(bench.db), lambda point: None, notes.append) as saver:
        position = stored_position(saver, config_of("r1", 8, 2))
        count, size = saver.conn.execute(
            "SELECT count(*), sum(length(checkpoint)) FROM checkpoints"
        ).fetchone()
    assert {name: type(value) for name, value in position.items()} == {
        "run_id": str,
        "round": int,
        "attempt": int,
        "written": int,
    }
    assert (count, notes) == (1, [])
    assert size < 4096


def test_a_checkpoint_that_names_a_function_runs_nothing(bench, tmp_path):
    import ormsgpack

    bench.run(budget={"trials": 8}, progress=StopAfter(bench, 5))
    marker = tmp_path / "ran"
    evil = ormsgpack.packb(ormsgpack.Ext(0, ormsgpack.packb(("os", "mkdir", [str(marker)]))))
    path = checkpoint_file(bench.db)
    with open_checkpoints(path, lambda point: None, lambda note: None) as saver, saver.conn:
        saver.conn.execute("UPDATE checkpoints SET checkpoint = ?", (evil,))
    assert bench.resume().run.state == "finished"
    assert not marker.exists()


def test_messages_of_the_run_say_what_happened_in_order(bench):
    told = []

    class Listener(Silent):
        def __getattr__(self, name):
            return lambda *args, **kwargs: told.append(name)

    bench.run(budget={"trials": 2}, search={"trials_per_round": 2}, progress=Listener())
    names = [
        "began",
        "watch",
        "answered",
        "answered",
        "validated",
        "answered",
        "selected",
        *["started", "finished"] * 2,
    ]
    assert told == [*names, "answered", "testing", "ended"]


def test_settings_of_a_run_are_stored_without_a_key(bench):
    bench.monkeypatch.setenv("NAVARCH_API_KEY", "sk-canary-0123456789")
    bench.run(budget={"trials": 1})
    for file in bench.folder.rglob("*"):
        if file.is_file():
            assert b"sk-canary" not in file.read_bytes()
    with bench.memory() as memory:
        assert json.dumps(memory.get_run("r1").settings)


def test_rounds_grow_with_the_number_of_results(bench):
    bench.run(budget={"trials": 9}, search={"grow_every": 3, "trials_per_round": 2}, train={"slots": 1})
    with bench.memory() as memory:
        assert [row.new_trials for row in memory.rounds("r1")] == [1, 1, 1, 2, 2, 2]


def test_growing_rounds_fill_the_slots_of_the_evaluator(bench):
    bench.run(budget={"trials": 5}, train={"slots": 2})
    with bench.memory() as memory:
        assert [row.new_trials for row in memory.rounds("r1")] == [2, 2, 1]
        assert memory.get_run("r1").settings["search"]["grow_every"] == 25


def test_slots_that_the_machine_decides_leave_the_rounds_as_they_are(bench):
    bench.run(budget={"trials": 5}, train={"slots": "auto"})
    with bench.memory() as memory:
        assert [row.new_trials for row in memory.rounds("r1")] == [2, 2, 1]


def test_what_the_evaluator_finds_out_is_told_once(bench):
    class Listener(Silent):
        def __init__(self):
            self.notes = []

        def noted(self, message):
            self.notes.append(message)

    def find_out(evaluator):
        evaluator.notes = ("known before",)
        evaluator.before = lambda job: setattr(evaluator, "notes", ("known before", "found out"))

    bench.prepare, listener = find_out, Listener()
    bench.run(budget={"trials": 5}, progress=listener)
    assert listener.notes == ["known before", "found out"]


def test_a_prior_is_tried_first_where_the_run_allows_it(bench):
    bench.run(budget={"trials": 1}, search={"prior": True, "uncriticised": 0})
    with bench.memory() as memory:
        assert [row.code for row in memory.trials("r1")] == ["333333"]


def test_a_prior_that_the_space_does_not_declare_is_refused(bench):
    with pytest.raises(NavarchError, match="declares no prior"):
        bench.run(space="darts", search={"prior": True})
