"""Names of recordings, and the lines that are shown where a prompt differs."""

from pathlib import Path

import pytest
from caller_bench import GOOD, Bench

from navarch import NavarchError
from navarch.agents.model import make_client, parse_replay
from navarch.agents.replay import SHOWN_LINES, Diverged, Recording, Replay, changed_lines
from navarch.memory import CallKey


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("replay:r1", ("r1", None, None)),
        ("replay:r1@a b/run.db", ("r1", Path("a b/run.db"), None)),
        ("replay:r1,openai:org/m:7b", ("r1", None, "openai:org/m:7b")),
        ("replay:latest@x.db,offline", ("latest", Path("x.db"), "offline")),
    ],
)
def test_a_name_has_a_run_a_file_and_a_model_that_goes_on(name, parts):
    assert parse_replay(name) == parts
    assert str(parse_replay(name)) == name


def test_other_models_are_no_recordings():
    assert parse_replay("offline") is None
    assert parse_replay("openai:replay:r1") is None


@pytest.mark.parametrize(
    "name", ["replay:@x.db", "replay:r1@", "replay:r1,", "replay:r1,gpt", "replay:r1,replay:r2", "replay:"]
)
def test_a_name_that_is_not_whole_says_how_to_write_it(name):
    with pytest.raises(NavarchError, match=r"replay:RUN|openai:NAME"):
        parse_replay(name)


def test_a_recording_is_no_client():
    with pytest.raises(NavarchError, match="recorded run"):
        make_client("replay:r1")


def test_changed_lines_are_shown_with_the_number_of_the_first():
    assert changed_lines("a\nb\nc", "a\nB\nc") == (2, ["- b", "+ B"])
    assert changed_lines("a\nb", "a\nb\nc") == (3, ["+ c"])
    first, shown = changed_lines("\n".join("abcdefgh"), "x" * 500)
    assert (first, len(shown), shown[-1]) == (1, SHOWN_LINES + 1, "... and 3 more lines")


def test_a_reply_of_another_form_may_be_of_an_earlier_version(memory, library):
    Bench(memory, library, [GOOD["generator"]]).ask()
    replay = Replay(Recording(memory.path, "r1"))
    with pytest.raises(Diverged, match="or it was recorded by an earlier version of Navarch; undo what"):
        replay.leave(CallKey("r1", 1, "generator"), (), "another schema")
