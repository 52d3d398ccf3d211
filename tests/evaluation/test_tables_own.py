"""A user's own table: how it may be laid out, and the one sentence that each mistake in it gets."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from navarch.evaluation import ColumnNames, Fidelity, TableEvaluator, own_table_task
from navarch.evaluation.tables.opening import TableError
from navarch.spaces import get_space

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
NAMES = ColumnNames()
DIMENSIONS = ["front", "depth", "kind_1", "width_1", "kind_2", "width_2"]
SHALLOW = ["mel", "one", "conv", "wide", "", ""]
DEEP = ["raw", "two", "mixer", "wide", "recurrent", "narrow"]


@pytest.fixture(scope="module")
def space():
    return get_space(str(EXAMPLES / "widgets.toml"))


@pytest.fixture
def write(tmp_path):
    """Return a writer of tables."""

    def write(header, *rows, name="mine.csv"):
        path = tmp_path / name
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write


def open_table(path, space, names=NAMES):
    return TableEvaluator(path, own_table_task(path, space, names), space, names=names)


def look_up(table, raw):
    architecture = table._space.parse(raw)
    return table.evaluate(architecture, Fidelity(1), 0)


def test_the_example_has_every_architecture_and_both_accuracies(space):
    table = open_table(EXAMPLES / "widgets.csv", space)
    assert table.notes == ()
    outcome = look_up(table, "m1c2--")
    assert (outcome.state, outcome.objectives["val_accuracy"]) == ("complete", 83.01)
    assert outcome.objectives["params"] == 1_100 + 2_600 + 5_200
    assert outcome.cost.train_seconds == 14.7
    assert table.test(space.parse("m1c2--"), Fidelity(1), 0, split="test").accuracy == 83.1


def test_the_example_is_what_its_program_prints(monkeypatch):
    import runpy
    import sys

    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    monkeypatch.setattr(sys, "argv", ["widgets.py", "table"])
    runpy.run_path(str(EXAMPLES / "widgets.py"), run_name="__main__")
    assert printed.getvalue() == (EXAMPLES / "widgets.csv").read_text()


@pytest.mark.parametrize(
    "written",
    [
        "m1c2--",
        json.dumps([*SHALLOW[:4], "-", "-"]),
        json.dumps(dict(zip(DIMENSIONS, SHALLOW[:4], strict=False))),
    ],
)
def test_an_architecture_may_be_a_code_or_json(write, space, written):
    table = open_table(write(["architecture", "val_accuracy"], [written, "70"]), space)
    assert look_up(table, "m1c2--").objectives["val_accuracy"] == 70.0


def test_an_architecture_may_be_the_published_string(write):
    cells = get_space("nas-bench-201")
    genotype = cells.genotype(cells.parse("333132"))
    table = open_table(write(["architecture", "val_accuracy"], [genotype, "91.6"]), cells)
    outcome = table.evaluate(cells.parse("333132"), Fidelity(1), 0)
    assert outcome.objectives == {"val_accuracy": 91.6, "params": 1_073_466, "macs": 153_272_960}


@pytest.mark.parametrize("unused", ["", "-", " "])
def test_options_may_be_codes_and_what_is_not_in_use_empty(write, space, unused):
    path = write(
        [*DIMENSIONS, "val_accuracy"], ["m", "one", "c", "2", unused, unused, "70"], [*DEEP, " 71.5 "]
    )
    table = open_table(path, space)
    assert look_up(table, "m1c2--").objectives["val_accuracy"] == 70.0
    assert look_up(table, DEEP).objectives["val_accuracy"] == 71.5


def test_equal_functions_keep_their_own_rows(write):
    cells = get_space("nas-bench-201")
    table = open_table(write(["architecture", "val_accuracy"], ["314010", "50"], ["332010", "51"]), cells)
    equal = [cells.parse(code) for code in ("314010", "332010")]
    assert len({cells.digest(cell) for cell in equal}) == 1
    found = [table.evaluate(cell, Fidelity(1), 0).objectives["val_accuracy"] for cell in equal]
    assert found == [50.0, 51.0]


def test_columns_may_have_other_names(write, space):
    path = write(["arch", "acc", "hidden", "time"], ["m1c2--", "70", "69", "12"])
    names = ColumnNames(architecture="arch", val="acc", test="hidden", seconds="time")
    table = open_table(path, space, names)
    assert look_up(table, "m1c2--").cost.train_seconds == 12.0
    assert table.test(space.parse("m1c2--"), Fidelity(1), 0, split="test").accuracy == 69.0


def test_gzip_a_byte_order_mark_windows_lines_and_blank_lines_are_fine(tmp_path, space):
    path = tmp_path / "mine.gz"
    text = "\ufeffarchitecture,val_accuracy\r\n\r\nm1c2--,70\r\n\r\n"
    path.write_bytes(gzip.compress(text.encode()))
    assert look_up(open_table(path, space), "m1c2--").objectives["val_accuracy"] == 70.0


def test_without_a_test_column_there_is_no_test_and_the_notes_say_so(write, space):
    table = open_table(write(["architecture", "val_accuracy"], ["m1c2--", "70"]), space)
    assert not table.task.has_test
    assert table.test(space.parse("m1c2--"), Fidelity(1), 0, split="test") is None
    assert table.notes == (
        "the table holds 1 of 114 architectures: a trial of another one fails as invalid",
        "the table has no test accuracy: there will be no final test",
    )


def test_an_architecture_without_a_row_is_an_invalid_trial(write, space):
    table = open_table(write(["architecture", "val_accuracy"], ["m1c2--", "70"]), space)
    outcome = look_up(table, "m1c1--")
    assert (outcome.state, outcome.reason) == ("failed", "invalid")
    assert "'m1c1--'" in outcome.detail
    with pytest.raises(TableError, match="'m1c1--'"):
        table.test(space.parse("m1c1--"), Fidelity(1), 0, split="test")


def test_the_task_follows_the_file_its_columns_and_the_space(write, space):
    header, row = ["architecture", "val_accuracy", "other"], ["m1c2--", "70", "60"]
    first = own_table_task(write(header, row), space, NAMES)
    assert first.name == "table:mine.csv"
    assert own_table_task(write(header, row), space, NAMES).digest == first.digest
    assert own_table_task(write(header, ["m1c2--", "71", "60"]), space, NAMES).digest != first.digest
    path = write(header, row)
    assert own_table_task(path, space, ColumnNames(val="other")).digest != first.digest


def test_the_data_of_a_users_task_are_not_made_up(write, space):
    task = own_table_task(write(["architecture", "val_accuracy"], ["m1c2--", "70"]), space, NAMES)
    assert not task.is_described


@pytest.mark.parametrize(
    ("rows", "words"),
    {
        "an unknown option": (
            [[*SHALLOW[:2], "conf", "wide", "", "", "70"]],
            ["Row 1 (line 2)", "kind_1", "'conf'", "conv"],
        ),
        "a dimension left out": ([["", *SHALLOW[1:], "70"]], ["Row 1 (line 2)", "front", "missing"]),
        "an option out of use": ([[*SHALLOW[:4], "conv", "", "70"]], ["kind_2", "'conv'", "depth"]),
        "a broken constraint": (
            [["mel", "two", "recurrent", "wide", "recurrent", "wide", "70"]],
            ["Row 1", "recurrent"],
        ),
        "a row twice": ([[*SHALLOW, "70"], [*DEEP, "71"], [*SHALLOW, "72"]], ["Row 3 (line 4)", "'m1c2--'", "row 1"]),
        "too much": ([[*SHALLOW, "120"]], ["Row 1", "val_accuracy = '120'", "0 to 100"]),
        "no number": ([[*SHALLOW, "NaN"]], ["Row 1", "'NaN'"]),
        "nothing": ([[*SHALLOW, ""]], ["Row 1", "val_accuracy = ''"]),
        "a short row": ([SHALLOW], ["Row 1", "6 fields, not 7"]),
        "no row": ([], ["no row"]),
        "fractions": ([[*SHALLOW, "0.7"], [*DEEP, "0.91"]], ["0.91", "percent"]),
    }.values(),
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_is_wrong_with_a_row_is_said(write, space, rows, words):
    path = write([*DIMENSIONS, "val_accuracy"], *rows)
    with pytest.raises(TableError) as refused:
        open_table(path, space)
    message = str(refused.value)
    assert "\n" not in message
    for word in ["mine.csv", *words]:
        assert word in message


@pytest.mark.parametrize(
    ("header", "names", "words"),
    [
        (["val_accuracy"], NAMES, ["'architecture'", "'front'", "and 2 more", "'val_accuracy'"]),
        ([*DIMENSIONS[1:], "val_accuracy"], NAMES, ["dimension 'front':"]),
        (["architecture"], NAMES, ["no column 'val_accuracy'"]),
        (["architecture", "val_accuracy"], ColumnNames(test="tset"), ["no column 'tset'"]),
        (["architecture", "val_accuracy"], ColumnNames(seconds="s"), ["no column 's'"]),
        (["architecture", "val_accuracy"], ColumnNames(architecture="arch"), ["no column 'arch'"]),
        (["architecture", "val_accuracy", "val_accuracy"], NAMES, ["'val_accuracy' twice"]),
        ([], NAMES, ["no column 'val_accuracy'", "none"]),
        ([f"c{number}" for number in range(5_000)], NAMES, ["and 4988 more"]),
    ],
)
def test_a_missing_column_is_said(write, space, header, names, words):
    path = write(header)
    with pytest.raises(TableError) as refused:
        own_table_task(path, space, names)
    for word in ["mine.csv", *words]:
        assert word in str(refused.value)


def test_a_published_table_is_recognised(write):
    path = write(["arch", "c10_val_200"])
    with pytest.raises(TableError, match=r"give --task, one of nb201-cifar10\.$"):
        own_table_task(path, get_space("nas-bench-201"), NAMES)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"front": ' * 50_000, "[NaN, 1e999]", '"', "{}", "null", "\ud800"]
)
def test_an_architecture_of_nonsense_is_one_sentence(tmp_path, space, text):
    path = tmp_path / "mine.csv"
    line = io.StringIO()
    csv.writer(line).writerow([text, "70"])
    path.write_bytes(("architecture,val_accuracy\n" + line.getvalue()).encode("utf-8", "surrogatepass"))
    with pytest.raises(TableError) as refused:
        open_table(path, space)
    assert "mine.csv" in str(refused.value)
    assert len(str(refused.value)) < 1_000


@pytest.mark.parametrize("content", [b"", b"\0\0\0", b"\xff\xfe\x00", b"\x1f\x8b\x08broken", b"PK\x03\x04"])
def test_a_file_that_is_no_table_is_one_sentence(tmp_path, space, content):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"mine\.csv"):
        own_table_task(path, space, NAMES)


def test_a_missing_file_and_a_folder_are_one_sentence(tmp_path, space):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(TableError, match="There is no table"):
            own_table_task(path, space, NAMES)
