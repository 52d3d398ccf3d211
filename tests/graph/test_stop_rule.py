"""Trials that are stopped early: rows of their own kind, never best, never tested, never reused."""

from dataclasses import replace

import pytest
from listeners import StopAfter

from navarch.cli.progress import ConsoleProgress
from navarch.evaluation import CurvePoint, Outcome
from navarch.evaluation.outcome import pruned


@pytest.fixture
def bench(bench):
    """Training rises to the formula's accuracy; a trial under a bar is stopped, as the real worker does it."""
    bench.jobs = []

    def prepare(evaluator):
        formula = evaluator.evaluate

        def evaluate_many(jobs, *, on_start, on_outcome, should_stop):
            for job in jobs:
                if should_stop():
                    return
                bench.jobs.append(job)
                on_start(job)
                on_outcome(job, measured(job, formula(job.architecture, job.fidelity, job.seed)))

        evaluator.evaluate_many = evaluate_many

    bench.prepare = prepare
    return bench


def measured(job, outcome: Outcome) -> Outcome:
    final, bars = outcome.objectives["val_accuracy"], dict(job.bars)
    shares = {1: 0.4, 2: 0.7, 3: 0.9, 4: 1.0}
    curve = tuple(CurvePoint(epoch, 1.0, 1.0, final * share) for epoch, share in shares.items())
    curve = curve[: job.fidelity.epochs]
    for point in curve[:-1]:
        if point.val_accuracy < bars.get(point.epoch, 0.0):
            cost = replace(outcome.cost, epochs=point.epoch)
            return pruned(
                "stopped early", {"params": 1.0, "macs": 1.0}, cost=cost, curve=curve[: point.epoch]
            )
    return replace(outcome, curve=curve, cost=replace(outcome.cost, epochs=job.fidelity.epochs))


def rows_of(bench, run="r1"):
    with bench.memory() as memory:
        assert memory.check() == []
        return memory.trials(run)


RULES = ["median", pytest.param("regression", marks=pytest.mark.slow)]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_saves_epochs_and_finds_the_same_best(bench, rule):
    plain = bench.run(workflow="random", budget={"trials": 40}, train={"seed": 1})
    ruled = bench.run(workflow="random", budget={"trials": 40}, train={"stop_rule": rule})
    rows = rows_of(bench, "r2")
    stopped = [row for row in rows if row.state == "pruned"]
    assert ruled.best.digest == plain.best.digest
    assert ruled.test.trial_id == ruled.best.trial_id
    assert len(stopped) > 5
    assert sum(row.cost["epochs"] for row in rows) < 0.9 * sum(row.epochs for row in rows)
    for row in stopped:
        assert (row.val_accuracy, row.reason, row.detail) == (None, None, "stopped early")
        assert len(row.curve) == row.cost["epochs"] < row.epochs
        assert (row.feedback["state"], row.feedback["rank"]) == ("pruned", None)


def test_a_stopped_trial_is_told_as_such(bench, capsys):
    bench.run(
        workflow="random", budget={"trials": 12}, train={"stop_rule": "median"}, progress=ConsoleProgress()
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "  pruned: stopped early" in line]
    assert not [line for line in lines if "None" in line]


def test_bars_come_from_earlier_rounds_alone(bench):
    bench.run(workflow="random", budget={"trials": 12}, train={"stop_rule": "median"})
    assert [bool(job.bars) for job in bench.jobs] == [False] * 8 + [True] * 4
    assert len({job.bars for job in bench.jobs[8:]}) == 1


def test_without_a_rule_there_are_no_bars(bench):
    bench.run(workflow="random", budget={"trials": 12})
    assert {job.bars for job in bench.jobs} == {()}


def test_a_stopped_trial_counts_the_epochs_that_it_trained(bench):
    budget = {"trials": 100, "epochs": 60}
    bench.run(workflow="random", budget=budget, train={"stop_rule": "median"})
    rows = rows_of(bench)
    assert len(rows) > 15  # in full 60 epochs are 15 trials
    assert 56 <= sum(row.cost["epochs"] for row in rows) <= 60


def test_a_stopped_trial_is_not_reused(bench):
    flags = {"workflow": "random", "budget": {"trials": 20}}
    bench.run(**flags, train={"stop_rule": "median"})
    bench.run(**flags)
    pruned_before = {row.digest for row in rows_of(bench) if row.state == "pruned"}
    again = [row for row in rows_of(bench, "r2") if row.digest in pruned_before]
    assert pruned_before
    assert {(row.state, row.reused_from) for row in again} == {("complete", None)}


@pytest.mark.slow
@pytest.mark.parametrize("workflow", ["navarch", "evolution", "seki"])
def test_every_workflow_lives_with_stopped_trials(bench, workflow):
    result = bench.run(workflow=workflow, budget={"trials": 16}, train={"stop_rule": "median"})
    assert (result.run.state, result.best.state) == ("finished", "complete")
    assert "pruned" in {row.state for row in rows_of(bench)}


@pytest.mark.slow
def test_on_rungs_the_last_alone_has_bars(bench):
    search = {"rungs": (1, 4), "reduction": 2}
    bench.run(workflow="asha", budget={"trials": 40}, search=search, train={"stop_rule": "median"})
    assert {job.fidelity.epochs for job in bench.jobs if job.bars} == {4}


def test_a_run_that_was_stopped_stops_the_same_trials(bench):
    flags = {"workflow": "random", "budget": {"trials": 20}, "train": {"stop_rule": "median"}}
    assert bench.run(**flags, progress=StopAfter(bench, 13)).run.state == "stopped"
    assert bench.resume().run.state == "finished"
    found = bench.table()
    bench.db = bench.folder / "unstopped.db"
    bench.run(**flags)
    assert bench.table() == found
    assert "pruned" in {row["state"] for row in found}
