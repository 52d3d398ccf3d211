import csv
import gzip
import time

import pytest

from navarch.evaluation import Fidelity, Job, TableEvaluator
from navarch.evaluation.table import ROWS, TableError, read_table
from navarch.spaces import Architecture

PUBLISHED = Fidelity(200, {"width": 16, "cells": 5})
HEADER = ["arch", "c10_val_200", "c10_test_200", "c10_sec_per_epoch_est"]


@pytest.fixture
def table_path(shared_file):
    return shared_file("data/nb201.csv.gz")


@pytest.fixture
def table(table_path):
    return TableEvaluator(table_path, "cifar10")


@pytest.fixture
def write(tmp_path):
    """Return a writer of small tables."""

    def write(rows, header=HEADER):
        path = tmp_path / "table.csv.gz"
        with gzip.open(path, "wt", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write


@pytest.mark.parametrize(
    ("dataset", "code", "val", "test"),
    [
        ("cifar10", "333132", 91.607, 94.373),
        ("cifar100", "333133", 73.493, 73.513),
        ("imagenet16-120", "322133", 46.733, 46.200),
        ("imagenet16-120", "223133", 46.378, 47.311),
        ("cifar10", "111111", 39.77, 54.30),
        ("cifar10", "000000", 9.71, 10.00),
    ],
)
def test_published_results_are_found(table_path, space, dataset, code, val, test):
    table = TableEvaluator(table_path, dataset)
    architecture = space.parse(code)
    outcome = table.evaluate(architecture, PUBLISHED, 0)
    assert outcome.objectives["val_accuracy"] == pytest.approx(val, abs=0.006)
    assert table.test(architecture, PUBLISHED, 0, split="test").accuracy == pytest.approx(test, abs=0.006)


def test_an_outcome_carries_parameters_and_macs(table, space):
    objectives = table.evaluate(space.parse("333132"), PUBLISHED, 0).objectives
    assert (objectives["params"], objectives["macs"]) == (1_073_466, 153_272_960)


@pytest.mark.parametrize(
    ("dataset", "slowdown"), [("cifar10", 0.5), ("cifar100", 1.0), ("imagenet16-120", 3.034)]
)
def test_the_simulated_time_is_the_benchmarks(table_path, space, dataset, slowdown):
    seconds_an_epoch = 14.6094  # of index 0 of the table
    cost = TableEvaluator(table_path, dataset).evaluate(space.parse("421211"), PUBLISHED, 0).cost
    assert cost.train_seconds == pytest.approx(200 * seconds_an_epoch * slowdown)
    assert (cost.epochs, cost.device) == (200, "table")


def test_every_architecture_of_the_space_is_in_the_table(table_path, space):
    rows = read_table(table_path, "c10")
    assert len(rows) == ROWS == space.size


def test_the_table_is_read_in_a_second(table_path):
    started = time.process_time()
    read_table(table_path, "in16")
    assert time.process_time() - started < 1.0


def test_jobs_are_reported_in_order(table, space):
    jobs = [Job(f"t{code}", space.parse(code), PUBLISHED, 0) for code in ("000000", "111111")]
    heard = []
    table.evaluate_many(
        jobs,
        on_start=lambda job: heard.append(("start", job.trial_id)),
        on_outcome=lambda job, outcome: heard.append((outcome.state, job.trial_id)),
        should_stop=lambda: False,
    )
    assert heard == [
        ("start", "t000000"),
        ("complete", "t000000"),
        ("start", "t111111"),
        ("complete", "t111111"),
    ]


def test_a_stop_ends_the_look_ups(table, space):
    heard = []
    table.evaluate_many(
        [Job(f"t{number}", space.parse("111111"), PUBLISHED, 0) for number in range(3)],
        on_start=lambda job: None,
        on_outcome=lambda job, outcome: heard.append(job.trial_id),
        should_stop=lambda: len(heard) == 2,
    )
    assert heard == ["t0", "t1"]


def test_another_fidelity_is_invalid(table, space):
    outcome = table.evaluate(space.parse("111111"), Fidelity(12, {"width": 16, "cells": 5}), 0)
    assert (outcome.state, outcome.reason) == ("failed", "invalid")


def test_an_architecture_of_another_space_is_invalid(table):
    assert table.evaluate(Architecture("moon", ("a",)), PUBLISHED, 0).reason == "invalid"


def test_an_unknown_data_set_is_refused(table_path):
    with pytest.raises(TableError, match="'mnist'"):
        TableEvaluator(table_path, "mnist")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(TableError, match="There is no table"):
        TableEvaluator(tmp_path / "none.csv.gz", "cifar10")


def test_a_missing_column_is_named(write):
    path = write([["a", "1", "1"]], HEADER[:3])
    with pytest.raises(TableError, match="c10_sec_per_epoch_est"):
        read_table(path, "c10", rows=1)


def test_a_row_too_few_is_noticed(write):
    with pytest.raises(TableError, match="1 rows, not 2"):
        read_table(write([["a", "1", "1", "1"]]), "c10", rows=2)


def test_an_architecture_that_stands_twice_is_named(write):
    with pytest.raises(TableError, match=r"Row 2 .* repeats the architecture 'a'"):
        read_table(write([["a", "1", "1", "1"]] * 2), "c10", rows=2)


@pytest.mark.parametrize("text", ["nan", "", "inf", "-1", "101", "x"])
def test_a_number_that_cannot_be_is_named_with_its_row_and_column(write, text):
    with pytest.raises(TableError, match=r"Row 2 .* c10_test_200"):
        read_table(write([["a", "1", "1", "1"], ["b", "1", text, "1"]]), "c10", rows=2)


def test_a_short_row_is_named(write):
    with pytest.raises(TableError, match=r"Row 1 .* 2 fields"):
        read_table(write([["a", "1"]]), "c10", rows=1)


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[: len(raw) // 2], lambda raw: b"no gzip", lambda raw: b""]
)
def test_a_damaged_file_is_one_clear_error(write, damage):
    path = write([[f"a{number}", "1", "1", "1"] for number in range(500)])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TableError):
        read_table(path, "c10", rows=500)
