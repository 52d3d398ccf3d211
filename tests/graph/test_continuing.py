"""A promoted trial goes on from its weights: what it costs, where they lie, when they go, what is reused."""

import json
from pathlib import Path

import pytest
from listeners import StopAfter

from navarch.graph.settings import settings_of
from navarch.memory import Memory

RUNGS = {"rungs": (1, 2, 4), "reduction": 2}


@pytest.fixture
def bench(bench):
    """Trials leave a file where they are told to, and begin anew where the one to go on from is missing."""
    bench.jobs, bench.most_files = [], 0

    def prepare(evaluator):
        def continued(job, outcome):
            bench.jobs.append(job)
            asked = job.continuation
            if asked is None:
                return outcome
            found = bool(asked.load) and Path(asked.load).exists()
            if asked.save:
                Path(asked.save).write_bytes(bytes(1024))
                bench.most_files = max(bench.most_files, len(list(Path(asked.save).parent.iterdir())))
            return type(evaluator).continued(evaluator, job, outcome) if found else outcome

        evaluator.continued = continued

    bench.prepare = prepare
    return bench


def rows_of(bench, run="r1"):
    with bench.memory() as memory:
        return memory.trials(run)


def weights(bench):
    return sorted(path.name for path in bench.folder.glob(".navarch/*.weights/*"))


def trained(rows):
    """Return the epochs that the trials trained: those that were not reused, less what they went on from."""
    return sum(row.epochs - row.cost.get("start_epochs", 0) for row in rows if row.reused_from is None)


def test_a_rung_is_a_part_of_one_training(bench):
    bench.run(workflow="halving", budget={"trials": 7}, search=RUNGS)
    rows = rows_of(bench)
    assert [json.loads(row.fidelity).get("schedule_epochs") for row in rows] == [4] * 6 + [None]
    numbers = {(row.digest, row.epochs): row.number for row in rows}
    for row, job in zip(rows, bench.jobs, strict=True):
        below = {1: 0, 2: 1, 4: 2}[row.epochs]
        assert job.continuation.epochs == below == row.cost.get("start_epochs", 0)
        assert job.continuation.trial == numbers.get((row.digest, below), 0)
        assert bool(job.continuation.save) == (row.epochs < 4)
    assert trained(rows) == 4 * 1 + 2 * 1 + 1 * 2


def test_without_continuation_each_rung_is_a_training_of_its_own(bench):
    bench.run(workflow="halving", budget={"trials": 7}, search={**RUNGS, "continuation": False})
    assert {job.continuation for job in bench.jobs} == {None}
    assert {"schedule_epochs" in json.loads(row.fidelity) for row in rows_of(bench)} == {False}


@pytest.mark.parametrize("workflow", ["halving", "asha"])
def test_only_weights_that_can_be_gone_on_from_are_kept_and_none_at_the_end(bench, workflow):
    stopped = bench.run(workflow=workflow, budget={"trials": 24}, search=RUNGS, progress=StopAfter(bench, 11))
    assert stopped.run.state == "stopped"
    rows = {f"t{row.number}.pt": row for row in rows_of(bench)}
    assert weights(bench)
    for name in weights(bench):
        above = {1: 2, 2: 4}[rows[name].epochs]
        assert not [row for row in rows.values() if row.digest == rows[name].digest and row.epochs == above]
    bench.resume()
    assert weights(bench) == []
    assert not list(bench.folder.glob(".navarch/*.weights"))
    assert not [row for row in rows_of(bench) if row.epochs > 1 and not row.cost["start_epochs"]]
    assert bench.most_files <= {"halving": 13, "asha": 13}[workflow]


def test_in_a_bracket_as_many_weights_are_kept_as_can_be_promoted(bench):
    bench.run(workflow="halving", budget={"trials": 20})  # 16 at one epoch, 4 of them at four
    assert bench.most_files == 5  # the one that has just finished is a fifth


def test_weights_that_are_lost_are_trained_again_and_counted(bench):
    budget = {"trials": 100, "epochs": 30}
    bench.run(workflow="asha", budget=budget, search={"weights_mb": 0})
    rows = rows_of(bench)
    assert weights(bench) == []
    assert not [row for row in rows if row.cost.get("start_epochs")]
    assert 27 <= sum(row.epochs for row in rows) <= 31  # the last round may find them lost


@pytest.mark.slow
def test_a_run_that_is_repeated_reuses_what_went_on_and_counts_the_same(bench):
    flags = {"workflow": "asha", "budget": {"trials": 100, "epochs": 30}, "search": RUNGS}
    bench.run(**flags)
    bench.run(**flags)
    first, second = rows_of(bench), rows_of(bench, "r2")
    assert {row.reused_from is None for row in second} == {False}
    assert [row.digest for row in second] == [row.digest for row in first]


@pytest.mark.slow
def test_what_went_on_is_not_reused_by_a_trial_that_would_begin_at_zero(bench):
    bench.run(workflow="halving", budget={"trials": 20})
    bench.run(workflow="random", budget={"trials": 20})
    bench.run(workflow="halving", budget={"trials": 20})
    promoted = {row.digest for row in rows_of(bench) if row.epochs == 4}
    again = [row for row in rows_of(bench, "r2") if row.digest in promoted]
    assert again  # the two workflows draw alike in part
    assert not [row for row in again if row.reused_from]
    assert not [row for row in rows_of(bench, "r3") if row.reused_from is None]


@pytest.mark.slow
def test_a_trial_whose_lower_rung_was_reused_is_within_the_budget(bench):
    """The lower one counted an epoch that was not trained, the higher one trains one more than it counts."""
    bench.run(workflow="halving", budget={"trials": 24}, search={"rungs": (2, 4)})
    budget = {"trials": 100, "epochs": 40}
    bench.run(workflow="asha", budget=budget, search={"rungs": (2, 4), "reduction": 2})
    rows = rows_of(bench, "r2")
    assert len({row.reused_from is None for row in rows}) == 2
    assert [row for row in rows if row.epochs == 4 and not row.reused_from and not row.cost["start_epochs"]]
    assert trained(rows) <= 40


def test_a_stored_run_of_an_earlier_version_goes_on_as_it_began(bench):
    bench.run(workflow="halving", budget={"trials": 5})
    with Memory.open(bench.db) as memory:
        run = memory.get_run("r1")
        assert settings_of(run).search.continuation
        del run.settings["search"]["continuation"]
        assert not settings_of(run).search.continuation
