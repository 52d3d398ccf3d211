"""The published tables: look-ups against known results, and what is wrong with a file."""

import csv
import gzip
import time
from functools import cache

import pytest

from navarch import NavarchError
from navarch.evaluation import Fidelity, Job, TableEvaluator, get_task, task_names
from navarch.evaluation.tables.opening import TableError
from navarch.evaluation.tables.published import PUBLISHED
from navarch.evaluation.tables.reading import read_rows
from navarch.spaces import Architecture, get_space

PUBLISHED_FIDELITY = Fidelity(200, {"width": 16, "cells": 5})
COLUMNS = PUBLISHED["nb201-cifar10"].columns
HEADER = [COLUMNS.architecture, COLUMNS.val, COLUMNS.test, COLUMNS.seconds]
ROWS = 15_625
CELL, OTHER = "333132", "000000"


@pytest.fixture(scope="module")
def table_path(shared_file):
    return shared_file("data/nb201.csv.gz")


@pytest.fixture(scope="module")
def table(table_path, space):
    return open_nb201(table_path, "cifar10", space)


@pytest.fixture
def write(tmp_path):
    """Return a writer of small tables."""

    def write(rows, header=HEADER):
        path = tmp_path / "table.csv.gz"
        with gzip.open(path, "wt", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write


@cache
def open_nb201(path, dataset, space):
    return TableEvaluator(path, get_task(f"nb201-{dataset}"), space)


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
    table = open_nb201(table_path, dataset, space)
    architecture = space.parse(code)
    outcome = table.evaluate(architecture, PUBLISHED_FIDELITY, 0)
    assert outcome.objectives["val_accuracy"] == pytest.approx(val, abs=0.006)
    assert table.test(architecture, PUBLISHED_FIDELITY, 0, split="test").accuracy == pytest.approx(
        test, abs=0.006
    )


def test_an_outcome_carries_parameters_and_macs(table, space):
    objectives = table.evaluate(space.parse("333132"), PUBLISHED_FIDELITY, 0).objectives
    assert (objectives["params"], objectives["macs"]) == (1_073_466, 153_272_960)


@pytest.mark.parametrize(
    ("dataset", "slowdown"), [("cifar10", 0.5), ("cifar100", 1.0), ("imagenet16-120", 3.034)]
)
def test_the_simulated_time_is_the_benchmarks(table_path, space, dataset, slowdown):
    seconds_an_epoch = 14.6094  # of index 0 of the table
    cost = open_nb201(table_path, dataset, space).evaluate(space.parse("421211"), PUBLISHED_FIDELITY, 0).cost
    assert cost.train_seconds == pytest.approx(200 * seconds_an_epoch * slowdown)
    assert (cost.epochs, cost.device) == (200, "table")


def test_every_architecture_of_the_space_is_in_the_table(table_path, space):
    assert len(read_rows(table_path, space, COLUMNS)) == ROWS == space.size


def test_the_table_is_read_in_two_seconds(table_path, space):
    started = time.process_time()
    read_rows(table_path, space, COLUMNS)
    assert time.process_time() - started < 2.0


def test_jobs_are_reported_in_order(table, space):
    jobs = [Job(f"t{code}", space.parse(code), PUBLISHED_FIDELITY, 0) for code in ("000000", "111111")]
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
        [Job(f"t{number}", space.parse("111111"), PUBLISHED_FIDELITY, 0) for number in range(3)],
        on_start=lambda job: None,
        on_outcome=lambda job, outcome: heard.append(job.trial_id),
        should_stop=lambda: len(heard) == 2,
    )
    assert heard == ["t0", "t1"]


@pytest.mark.parametrize(
    ("dataset", "val", "test"),
    [("cifar10", 63.364, 85.863), ("cifar100", 31.84, 52.913), ("imagenet16-120", 18.467, 26.633)],
)
def test_twelve_epochs_have_their_own_accuracy_and_time_and_the_test_is_of_200(
    table_path, space, dataset, val, test
):
    table, first = open_nb201(table_path, dataset, space), space.parse("421211")
    low, high = table.task.fidelities(space.name)
    assert (low.epochs, high) == (12, PUBLISHED_FIDELITY)
    outcome = table.evaluate(first, low, 0)
    assert outcome.objectives["val_accuracy"] == pytest.approx(val, abs=0.001)
    whole = table.evaluate(first, high, 0).cost
    assert outcome.cost.train_seconds == pytest.approx(whole.train_seconds * 12 / 200)
    assert table.test(first, low, 0, split="test").accuracy == pytest.approx(test, abs=0.001)


@pytest.mark.parametrize(
    "fidelity",
    [Fidelity(13, {"width": 16, "cells": 5}), Fidelity(200), Fidelity(12, {"width": 8, "cells": 5})],
)
def test_a_fidelity_that_the_table_lacks_is_invalid(table, space, fidelity):
    outcome = table.evaluate(space.parse("111111"), fidelity, 0)
    assert (outcome.state, outcome.reason) == ("failed", "invalid")
    assert '"epochs":12' in outcome.detail


def test_a_file_without_the_lower_fidelity_says_so(table_path, space, tmp_path):
    with gzip.open(table_path, "rt") as file:
        rows = [[row[name] for name in HEADER] for row in csv.DictReader(file)]
    path = tmp_path / "only200.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    table = TableEvaluator(path, get_task("nb201-cifar10"), space)
    assert table.notes == ("the table has no column for 12 epochs: such a trial fails as invalid",)
    outcome = table.evaluate(space.parse("111111"), Fidelity(12, {"width": 16, "cells": 5}), 0)
    assert (outcome.state, outcome.reason) == ("failed", "invalid")


def test_an_architecture_of_another_space_is_invalid(table):
    assert table.evaluate(Architecture("moon", ("a",)), PUBLISHED_FIDELITY, 0).reason == "invalid"


@pytest.mark.parametrize(
    ("task", "code", "val"),
    [
        ("tnb101-micro-object", "64-41414-3_13_113", 45.58619),
        ("tnb101-micro-scene", "64-41414-3_32_132", 54.93631),
        ("tnb101-micro-jigsaw", "64-41414-3_30_132", 95.37222),
        ("tnb101-macro-object", "64-22231-basic", 47.42237),
        ("tnb101-macro-scene", "64-224131-basic", 57.41441),
        ("tnb101-macro-jigsaw", "64-2243-basic", 97.01931),
        ("nas-bench-macro", "22212220", 93.12666),
        ("nas-bench-macro", "00000000", 45.36333),
    ],
)
def test_results_of_other_spaces_are_found_and_have_no_test_split(shared_file, task, code, val):
    layout = PUBLISHED[task]
    space = get_space(layout.space)
    table = TableEvaluator(shared_file(f"data/{layout.file}"), get_task(task), space)
    architecture = space.parse(code)
    outcome = table.evaluate(architecture, layout.fidelity, 0)
    assert outcome.objectives["val_accuracy"] == pytest.approx(val, abs=1e-5)
    assert outcome.cost.train_seconds == 0.0
    assert not table.task.has_test
    assert table.test(architecture, layout.fidelity, 0, split="test") is None
    assert table.notes == ("the table has no test accuracy: there will be no final test",)


def test_parameters_are_those_of_the_tasks_network(shared_file):
    space = get_space("transnas-micro")
    task = get_task("tnb101-micro-scene")
    table = TableEvaluator(shared_file("data/tnb101_micro.csv.gz"), task, space)
    outcome = table.evaluate(space.parse("64-41414-3_33_333"), task.fidelity(space.name), 0)
    assert outcome.objectives["params"] == 41_435_727


def test_published_parameters_and_macs_are_ours(shared_file):
    space, task = get_space("nas-bench-macro"), get_task("nas-bench-macro")
    path = shared_file("data/nasbench_macro.csv.gz")
    table = TableEvaluator(path, task, space)
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))[::500]
    for row in rows:
        found = table.evaluate(space.parse(row["arch"]), task.fidelity(space.name), 0).objectives
        assert (found["params"], found["macs"]) == (int(row["params"]), int(row["flops"]))


@pytest.mark.parametrize("name", [name for name in task_names() if name in PUBLISHED])
def test_a_table_knows_one_space_and_refuses_the_others(name):
    task = get_task(name)
    (known,) = task.default_fidelity
    assert (task.evaluator, known) == ("table", PUBLISHED[name].space)
    with pytest.raises(NavarchError, match=rf"'{known}', not of 'darts'"):
        task.fidelity("darts")


def test_a_table_of_another_space_is_refused_with_its_first_row(shared_file):
    space = get_space("transnas-micro")
    with pytest.raises(TableError, match=r"Row 1 \(line 2\) .* no architecture of 'transnas-micro'"):
        TableEvaluator(shared_file("data/tnb101_macro.csv.gz"), get_task("tnb101-micro-object"), space)


def test_an_evaluator_of_another_space_is_refused(tmp_path):
    with pytest.raises(NavarchError, match="'darts'"):
        TableEvaluator(tmp_path / "x.csv", get_task("nb201-cifar10"), get_space("darts"))


def test_a_missing_file_is_refused(tmp_path, space):
    with pytest.raises(TableError, match="There is no table"):
        open_nb201(tmp_path / "none.csv.gz", "cifar10", space)


def test_a_missing_column_is_named(write, space):
    path = write([[CELL, "1", "1"]], HEADER[:3])
    with pytest.raises(TableError, match=r"no column 'c10_sec_per_epoch_est'; its columns are 'arch'"):
        read_rows(path, space, COLUMNS)


def test_a_row_too_few_is_noticed(write, space):
    with pytest.raises(TableError, match="1 rows, not 15,625, and none for the architecture '000000'"):
        open_nb201(write([[CELL, "1", "1", "1"]]), "cifar10", space)


def test_an_architecture_that_stands_twice_is_named_with_both_rows(write, space):
    rows = [[OTHER, "1", "1", "1"], [CELL, "1", "1", "1"], [space.genotype(space.parse(CELL)), "2", "2", "2"]]
    with pytest.raises(TableError, match=r"Row 3 \(line 4\) .* repeats the architecture '333132' of row 2"):
        read_rows(write(rows), space, COLUMNS)


@pytest.mark.parametrize("text", ["nan", "", "inf", "-1", "101", "120", "x", "1e999", "9" * 400])
def test_a_number_that_cannot_be_is_named_with_its_row_and_column(write, space, text):
    rows = [[CELL, "1", "1", "1"], [OTHER, "1", text, "1"]]
    with pytest.raises(TableError, match=r"Row 2 \(line 3\) .* c10_test_200 = .* no number from 0 to 100"):
        read_rows(write(rows), space, COLUMNS)


def test_a_short_row_is_named(write, space):
    with pytest.raises(TableError, match=r"Row 1 .* 2 fields, not 4"):
        read_rows(write([[CELL, "1"]]), space, COLUMNS)


def test_a_column_that_stands_twice_is_refused(write, space):
    with pytest.raises(TableError, match="column 'arch' twice"):
        read_rows(write([], [*HEADER, "arch"]), space, COLUMNS)


@pytest.mark.parametrize(
    "damage",
    [lambda raw: raw[: len(raw) // 2], lambda raw: b"\xff\xfe", lambda raw: b"", lambda raw: b"\x1f\x8b"],
)
def test_a_damaged_file_is_one_clear_error(write, space, damage):
    path = write([[CELL, "1", "1", str(number)] for number in range(500)])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TableError, match=r"table\.csv\.gz"):
        read_rows(path, space, COLUMNS)


def test_a_quote_that_never_closes_is_one_clear_error(tmp_path, space):
    path = tmp_path / "table.csv"
    path.write_text(f'{",".join(HEADER)}\n{CELL},"1,' + "x" * 200_000)
    with pytest.raises(TableError, match="cannot be read"):
        read_rows(path, space, COLUMNS)
