"""`navarch why`: one trial as the roles were told of it."""

import json
import sqlite3

import pytest


def test_why_tells_who_proposed_a_trial_and_how_it_compares(cli, finished_run):
    ended = cli("why", "latest", "2", "--db", finished_run / "navarch.db")
    assert ended.code == 0
    for words in (
        "trial 2 of run r1",
        "proposed",
        "validation",
        "rank",
        "curve",
        "epoch    1",
        "beside trial 1",
    ):
        assert words in ended.out


def test_why_as_json_has_the_record_that_is_stored(cli, finished_run):
    told = json.loads(cli("why", "r1", "1", "--db", finished_run / "navarch.db", "--json").out)
    with sqlite3.connect(finished_run / "navarch.db") as connection:
        (stored,) = connection.execute("SELECT feedback FROM trials WHERE number = 1").fetchone()
    connection.close()
    assert told["feedback"] == json.loads(stored)
    assert told["cost"]["peak_memory_mb"] > 0
    assert told["origin"]


@pytest.mark.parametrize(
    ("trial", "words"), [("9", "its trials are 1 to 2"), ("x", "should be a valid integer")]
)
def test_a_trial_that_is_not_there_is_refused(cli, finished_run, trial, words):
    ended = cli("why", "r1", trial, "--db", finished_run / "navarch.db")
    assert ended.code == 2
    assert words in ended.err
