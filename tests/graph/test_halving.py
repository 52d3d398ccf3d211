"""Successive halving in the graph: rungs, promotions, budgets and resume; the best is one of full fidelity."""

import csv
import gzip
from dataclasses import replace

import pytest
from listeners import StopAfter

from navarch import NavarchError
from navarch.graph import load_settings, start_run
from navarch.memory import Memory


@pytest.fixture
def bench(bench):
    """Training for fewer epochs flatters: what is best at one epoch looks better than at four."""
    bench.asked = []

    def prepare(evaluator):
        formula = evaluator.evaluate

        def evaluate(architecture, fidelity, seed):
            bench.asked.append((architecture.values, fidelity.epochs))
            outcome = formula(architecture, fidelity, seed)
            flattered = {**outcome.objectives, "val_accuracy": outcome.objectives["val_accuracy"] + 5.0}
            return outcome if fidelity.epochs == 4 else replace(outcome, objectives=flattered)

        evaluator.evaluate = evaluate

    bench.prepare = prepare
    return bench


def accuracies(bench, epochs):
    with bench.memory() as memory:
        rows = [row for row in memory.trials("r1") if row.epochs == epochs]
    return {row.digest: row.val_accuracy for row in rows}


def test_the_best_of_the_lowest_rung_train_on_and_the_best_of_those_is_the_result(bench):
    result = bench.run(workflow="halving", budget={"trials": 20})
    low, full = accuracies(bench, 1), accuracies(bench, 4)
    assert [epochs for _, epochs in bench.asked] == [1] * 16 + [4] * 4
    assert sorted(low.values())[-4:] == sorted(accuracy + 5.0 for accuracy in full.values())
    assert result.best.val_accuracy == max(full.values()) < max(low.values())
    assert result.best.epochs == 4
    assert result.test.trial_id == result.best.trial_id
    with bench.memory() as memory:
        promoted = [row for row in memory.proposals("r1") if row.origin == "promotion"]
        rounds = memory.rounds("r1")
        ranks = [row.feedback["rank"] for row in memory.trials("r1")[16:]]
    assert [row.status for row in promoted] == ["valid"] * 4
    assert promoted[0].why.startswith("trial ")
    assert [(row.new_trials, row.best) for row in rounds] == [(16, None), (4, result.best.val_accuracy)]
    assert max(ranks) <= 4  # the trials of one epoch are no measure of it


def test_rungs_and_reduction_are_settings(bench):
    bench.run(workflow="halving", budget={"trials": 7}, search={"reduction": 2})
    budget = {"trials": 100, "epochs": 30}
    bench.run(workflow="halving", budget=budget, search={"rungs": (2, 4)}, train={"seed": 1})
    alone = {"rungs": (2, 4), "continuation": False}
    bench.run(workflow="halving", budget=budget, search=alone, train={"seed": 2})
    with bench.memory() as memory:
        runs = [[row.epochs for row in memory.trials(run)] for run in ("r1", "r2", "r3")]
        kept = memory.get_run("r1").settings["search"]["rungs"]
    assert runs == [[1] * 4 + [2] * 2 + [4], [2] * 12 + [4] * 3, [2] * 11 + [4] * 2]
    assert kept == [1, 2, 4]


def test_asha_promotes_whoever_is_among_the_best_so_far(bench):
    bench.run(workflow="asha", budget={"trials": 40}, search={"reduction": 2, "rungs": (1, 4)})
    with bench.memory() as memory:
        rows = memory.trials("r1")
    assert len(rows) == 40
    low = []
    for row in rows:
        if row.epochs == 1:
            low.append(row)
            continue
        before = [other for other in low if other.round < row.round]
        rank = sorted(before, key=lambda other: -other.val_accuracy).index(
            next(other for other in before if other.digest == row.digest)
        )
        assert rank < len(before) // 2
    assert 10 <= len(rows) - len(low) <= 20


@pytest.mark.parametrize("workflow", ["halving", "asha"])
def test_a_run_that_was_stopped_decides_as_one_that_was_not(bench, workflow):
    flags = {"workflow": workflow, "budget": {"trials": 20}, "seed": 5}
    assert bench.run(**flags, progress=StopAfter(bench, 14)).run.state == "stopped"
    assert bench.resume().run.state == "finished"
    stopped = bench.table()
    bench.db = bench.folder / "unstopped.db"
    bench.run(**flags)
    assert bench.table() == stopped
    assert len(stopped) == 20


@pytest.mark.parametrize("is_continued", [True, False])
@pytest.mark.parametrize("workflow", ["random", "evolution", "asha", "halving"])
def test_a_budget_of_epochs_is_never_exceeded(bench, workflow, is_continued):
    search = {"continuation": is_continued}
    result = bench.run(workflow=workflow, budget={"trials": 100, "epochs": 30}, search=search)
    with bench.memory() as memory:
        spent = sum(row.epochs - row.cost.get("start_epochs", 0) for row in memory.trials("r1"))
    assert 26 <= spent <= 30
    assert "epochs has no room for another trial" in result.reason or workflow == "halving"


def test_failed_trials_are_not_promoted(bench):
    prepare = bench.prepare

    def failing(evaluator):
        evaluator.fails = {1: "oom", 2: "diverged", 3: "oom"}
        formula = evaluator.evaluate
        prepare(evaluator)
        whole = evaluator.evaluate
        evaluator.evaluate = lambda *job: whole(*job) if len(evaluator.trained) > 2 else formula(*job)

    bench.prepare = failing
    result = bench.run(workflow="halving", budget={"trials": 5})
    with bench.memory() as memory:
        states = [(row.state, row.epochs) for row in memory.trials("r1")]
    assert states == [("failed", 1)] * 3 + [("complete", 1), ("complete", 4)]
    assert result.best.epochs == 4


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"train": {"epochs": 1}}, r"needs two rungs or more.*\[1\].*--workflow random"),
        ({"search": {"patience": 3}}, r"search.patience counts rounds without a gain.*leave it out"),
        ({"search": {"rungs": (1, 2)}}, r"the last has the 4 epochs of task 'digits', not \[1, 2\]"),
        ({"search": {"rungs": (4, 1)}}, "ascending"),
        (
            {"evaluator": "callable", "task": None, "callable": {"command": "true"}},
            r"two rungs or more.*\[1\]",
        ),
        ({"budget": {"trials": 1}}, r"does not pay for one architecture on each of the rungs \[1, 4\]"),
        ({"budget": {"trials": 9, "epochs": 3}}, "raise budget.trials or budget.epochs"),
    ],
)
def test_what_cannot_be_halved_is_one_sentence(bench, flags, words):
    with pytest.raises(NavarchError, match=words):
        bench.run(workflow="halving", **flags)
    assert not bench.db.exists()


@pytest.mark.slow
def test_nas_bench_201_is_screened_at_12_epochs_and_promoted_to_200(shared_file, tmp_path):
    """The known saving: 100 architectures for 3,200 epochs in place of 20,000."""
    path = shared_file("data/nb201.csv.gz")
    flags = {"task": "nb201-cifar100", "evaluator": "table", "table": {"path": path}, "db": tmp_path / "n.db"}
    budget, search = {"trials": 1000, "epochs": 3200}, {"reduction": 10}
    result = start_run(
        load_settings(None, {"workflow": "halving", "budget": budget, "search": search, **flags})
    )
    with Memory.open(flags["db"], create=False, read_only=True) as memory:
        rows = memory.trials("r1")
    assert [row.epochs for row in rows] == [12] * 100 + [200] * 10
    with gzip.open(path, "rt", newline="") as file:
        published = {row["arch"]: row for row in csv.DictReader(file)}
    early = {row.genotype: float(published[row.genotype]["c100_val_12"]) for row in rows[:100]}
    assert [row.val_accuracy for row in rows[:100]] == pytest.approx(list(early.values()))
    assert [row.genotype for row in rows[100:]] == sorted(early, key=lambda name: -early[name])[:10]
    best = max(rows[100:], key=lambda row: float(published[row.genotype]["c100_val_200"]))
    assert result.best.genotype == best.genotype
    assert result.test.accuracy == pytest.approx(float(published[best.genotype]["c100_test_200"]))
