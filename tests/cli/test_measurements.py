"""Users' own spaces and measurements on the command line: one sentence for each mistake, and what a person is told."""

import shutil
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
RUN = ["run", "--space", "widgets.toml", "--workflow", "random", "--budget", "2"]
TABLE = [*RUN, "--evaluator", "table", "--set", "table.path=widgets.csv"]
WHEN = 'when = { depth = ["two"] }'


@pytest.fixture
def folder(tmp_path):
    for name in ("widgets.toml", "widgets.csv", "widgets.py"):
        shutil.copy(EXAMPLES / name, tmp_path)
    return tmp_path


def change(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def assert_refused(ended, folder, *words):
    assert ended.code == 2
    assert "Traceback" not in ended.err + ended.out
    assert len(ended.err.strip().splitlines()) == 1
    for word in words:
        assert word in ended.err
    assert not (folder / "navarch.db").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    {
        "a cycle": (
            'name = "depth"\n',
            'name = "depth"\nwhen = { kind_2 = ["conv"] }\n',
            ["depth", "kind_2", "cycle"],
        ),
        "an empty dimension": (
            'meaning = "width of layer 1"\noptions = "width"',
            'meaning = "w"\noptions = []',
            ["width_1", "at least one"],
        ),
        "an unknown dimension": (WHEN, 'when = { deep = ["two"] }', ["kind_2", "deep"]),
        "an unknown option": (WHEN, 'when = { depth = ["three"] }', ["kind_2", "three", "one, two"]),
        "no option": (WHEN, "when = { depth = [] }", ["kind_2", "depth"]),
        "no TOML": ("[[dimensions]]", "[[dimensions", ["TOML"]),
        "a cost below zero": ("macs = 70_000", "macs = -1", ["macs", "-1"]),
    }.values(),
    ids=lambda value: None,
)  # fmt: skip
def test_a_space_that_is_wrong_is_refused_before_the_table_is_read(cli, folder, old, new, words):
    change(folder / "widgets.toml", old, new)
    assert_refused(cli(*TABLE), folder, "widgets.toml", *words)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("mel,one,conv,wide,,,83.01", "mel,one,conf,wide,,,83.01", ["Row", "kind_1", "'conf'", "conv"]),
        ("mel,one,conv,wide,,,83.01", "mel,one,conv,wide,,,120", ["Row", "val_accuracy", "'120'"]),
        ("mel,one,conv,wide,,,83.01", "mel,one,conv,wide,,,NaN", ["Row", "val_accuracy", "'NaN'"]),
        ("mel,one,conv,wide,", "mel,one,conv,narrow,", ["Row", "repeats", "'m1c1--'"]),
        ("kind_1,width_1", "kind_1,width", ["'width_1'", "'width'"]),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_row_and_column(cli, folder, old, new, words):
    change(folder / "widgets.csv", old, new)
    assert_refused(cli(*TABLE), folder, "widgets.csv", *words)


def test_a_published_task_in_another_space_names_the_one_to_use(cli, folder):
    ended = cli(*TABLE, "--task", "tnb101-micro-object")
    assert_refused(ended, folder, "tnb101-micro-object", "'widgets'", "--space transnas-micro")


def test_columns_cannot_be_renamed_in_a_published_table(cli, folder):
    ended = cli("run", "--evaluator", "table", "--task", "nb201-cifar10", "--set", "table.val=x")
    assert_refused(ended, folder, "nb201-cifar10", "table.val")


def test_a_person_is_told_what_a_table_lacks(cli, folder):
    lines = (folder / "widgets.csv").read_text().replace("test_accuracy", "other").splitlines(keepends=True)
    (folder / "widgets.csv").write_text("".join(lines[:100]))
    planned = cli(*TABLE, "--dry-run")
    assert "99 of 114 architectures" in planned.out
    assert "no final test" in planned.out
    ended = cli(*TABLE)
    assert ended.code == 0
    assert "evaluator: table, 1 at once" in ended.out
    assert "note: the table holds 99 of 114 architectures" in ended.out
    assert "test accuracy        none: there is no test split" in ended.out
    assert "none: there is no test split" in cli("best").out


def test_a_command_is_run_from_the_command_line(cli, folder):
    ended = cli(*RUN, "--evaluator", "callable", "--set", f"callable.command={sys.executable} widgets.py")
    assert ended.code == 0
    assert "task callable:widgets.py" in ended.out
    assert "sealed during the search, read once" in ended.out
