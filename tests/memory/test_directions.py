"""Directions: stored once, as themselves or as the call whose reply says them."""

import contextlib
import json
import sqlite3

import pytest

from navarch.memory import CallKey, Memory, StoreDamagedError, StoreError

SAID = {"explore": 0.5, "guidance": [{"dimension": "a", "avoid": []}]}


@pytest.fixture
def said(memory, make):
    """The id of a call of round 2 whose reply is a direction."""
    memory.open_round("demo", 2)
    call = make.reserve(memory, CallKey("demo", 2, "navigator"))
    memory.settle_call(call.call_id, state="ok", reply=f"Here: {json.dumps(SAID)}", parsed=SAID)
    return call.call_id


def stored(memory):
    ((cell,),) = memory._store.rows("SELECT direction FROM rounds")
    return cell


def test_a_direction_that_a_reply_says_is_not_stored_again(memory, said):
    assert memory.direction("demo", 2) is None
    for _ in range(2):
        memory.set_direction("demo", 2, SAID, said)
        assert (memory.direction("demo", 2), stored(memory)) == (SAID, '"navigator.0.0"')
    with pytest.raises(StoreError, match="another direction"):
        memory.set_direction("demo", 2, {"explore": 0.6}, said)


def test_a_direction_that_differs_from_the_reply_is_stored(memory, said):
    memory.set_direction("demo", 2, SAID | {"explore": 0.6}, said)
    assert json.loads(stored(memory)) == memory.direction("demo", 2) == SAID | {"explore": 0.6}


def test_the_call_of_another_round_is_not_pointed_at(memory, said):
    memory.open_round("demo", 3)
    memory.set_direction("demo", 3, SAID, said)
    assert memory._store.rows("SELECT json_type(direction) FROM rounds WHERE round = 3") == [("object",)]
    assert memory.direction("demo", 3) == SAID


def test_a_direction_moves_with_its_run(memory, said, make, tmp_path):
    memory.set_direction("demo", 2, SAID, said)
    memory.export_run("demo", tmp_path / "run.db")
    with Memory.open(tmp_path / "other.db") as other:
        other.create_run(run_id="demo", **make.RUN)
        assert other.import_runs(tmp_path / "run.db", dict) == [("demo", "r1", True)]
        assert other.direction("r1", 2) == SAID


def test_a_round_that_was_never_opened_has_no_direction_to_ask_for(memory):
    with pytest.raises(StoreError, match="no round 7; open it first"):
        memory.direction("demo", 7)


def test_a_direction_whose_call_is_lost_is_reported(memory, said):
    memory.set_direction("demo", 2, SAID, said)
    with contextlib.closing(sqlite3.connect(memory.path)) as other:
        other.executescript("DELETE FROM calls")
    lost = "Round 2 of 'demo' has the direction of the call 'demo/r2.navigator.0.0', which does not exist."
    assert memory.check() == [lost]
    with pytest.raises(StoreDamagedError, match="the direction of round 2"):
        memory.direction("demo", 2)


@pytest.mark.parametrize("cell", ["7", "{", "[]"])
def test_a_direction_that_is_none_is_damage(memory, said, cell):
    memory._store.rows("UPDATE rounds SET direction = ?", [cell])
    with pytest.raises(StoreDamagedError, match="the direction of round 2 of 'demo' is not readable"):
        memory.direction("demo", 2)
