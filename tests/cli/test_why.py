"""`navarch why`: one trial as the roles were told of it."""

import contextlib
import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from navarch.cli.why import _compare


def test_why_tells_who_proposed_a_trial_and_how_it_compares(cli, finished_run):
    ended = cli("why", "latest", "2", "--db", finished_run / "navarch.db")
    assert ended.code == 0
    for words in (
        "trial 2 of run r1",
        "proposed",
        "validation",
        "rank",
        "noise           ± ",
        "parts           building the network ",
        "queue ",
        "MiB at its peak",
        "curve",
        "epoch    1",
        "beside trial 1",
    ):
        assert words in ended.out


def test_why_as_json_has_the_record_that_is_stored_and_what_its_row_says(cli, finished_run):
    told = json.loads(cli("why", "r1", "1", "--db", finished_run / "navarch.db", "--json").out)
    with sqlite3.connect(finished_run / "navarch.db") as connection:
        sql = "SELECT code, val_accuracy, params, macs, feedback FROM trials WHERE number = 1"
        code, accuracy, params, macs, stored = connection.execute(sql).fetchone()
    connection.close()
    row = {"trial": 1, "code": code, "val_accuracy": accuracy, "params": params, "macs": macs}
    row |= {"state": "complete", "reason": None, "detail": ""}
    assert told["feedback"] == json.loads(stored) | row
    assert not set(row) - {"trial"} & set(json.loads(stored))
    assert told["cost"]["peak_memory_mb"] > 0
    assert told["origin"]


@pytest.mark.parametrize(
    ("trial", "words"), [("9", "its trials are 1 to 2"), ("x", "should be a valid integer")]
)
def test_a_trial_that_is_not_there_is_refused(cli, finished_run, trial, words):
    ended = cli("why", "r1", trial, "--db", finished_run / "navarch.db")
    assert ended.code == 2
    assert words in ended.err


def test_of_a_table_the_time_of_training_alone_is_told(cli):
    examples = Path(__file__).resolve().parents[2] / "docs" / "examples"
    table = ("--evaluator", "table", "--set", f"table.path={examples / 'widgets.csv'}")
    ended = cli("run", "--space", examples / "widgets.toml", *table, "--budget", 1)
    assert ended.code == 0, ended.err
    out = cli("why", "latest", 1).out
    (time,) = [line for line in out.splitlines() if line.startswith("time")]
    assert re.fullmatch(r"time +\d+\.\d s of training for 1 epoch as the table simulates it", time)
    assert "at its peak" not in out


@pytest.mark.slow
def test_of_a_promoted_trial_it_is_told_from_which_one_it_went_on(cli):
    small = ("--set", "train.skeleton={width=4,cells=1}", "--set", "train.epochs=2")
    search = ("--set", "search.rungs=[1,2]", "--set", "search.reduction=2")
    ended = cli("run", "--workflow", "halving", "--budget", 3, *small, *search)
    assert ended.code == 0, ended.err
    told = json.loads(cli("why", "latest", 3, "--json").out)["cost"]
    assert (told["epochs"], told["start_epochs"]) == (1, 1)
    out = cli("why", "latest", 3).out
    assert (
        f"s of training for 1 epoch on {told['device']}, on from trial {told['continued_from']} after 1"
        in out
    )


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_a_memory_of_an_earlier_version_is_read_as_it_is(cli, tmp_path, version):
    path = tmp_path / "old.db"
    shutil.copy(Path(__file__).parents[1] / "memory" / "golden" / f"{version}.sqlite", path)
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.execute("UPDATE runs SET settings = '{}'")  # the kept ones name no setting of any version
        old.commit()
    before = path.read_bytes()
    for command, said in (
        (("runs",), "golden"),
        (("show",), "run golden"),
        (("trace",), "round 0 generator"),
        (("why", "latest", 1), "90.50 %, rank 1"),
        (("prompts", "compare", "golden", "golden"), "no model was asked"),
        (("export", "golden", "-o", "new.db"), "exported golden"),
        (("best",), "run golden"),
        (("report", "-o", "old.md"), "report of golden"),
    ):
        ended = cli(*command, "--db", path)
        assert (ended.code, ended.err) == (0, ""), command
        assert said in ended.out
    assert path.read_bytes() == before


def test_of_a_trial_that_failed_the_reason_and_what_it_took_are_told(cli):
    command = "python3 -c 'raise SystemExit(\"no such device\")'"
    ended = cli(
        "run",
        "--workflow",
        "random",
        "--budget",
        1,
        "--evaluator",
        "callable",
        "--set",
        f"callable.command={command}",
    )
    assert ended.code == 0, ended.err
    out = cli("why", "latest", 1).out
    for words in (
        "failed (crashed)",
        "no such device",
        "none: it was not measured",
        "MiB at its peak",
        "queue ",
    ):
        assert words in out
    (told,) = [line for line in out.splitlines() if line.startswith("time ")]
    assert " s of its command, " in told
    facts = json.loads(cli("why", "latest", 1, "--json").out)
    assert facts["feedback"]["val_error"] is None
    assert facts["queue_seconds"] >= 0


def test_a_neighbour_is_not_called_failed_where_the_trial_itself_has_no_result():
    note = {"trial": 1, "margin": None, "differences": [("edge_0_1", "none", "skip")]}
    assert _compare(note) == "one of the two has no result (edge_0_1 was none, here skip)"
