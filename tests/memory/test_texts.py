"""Texts that are much alike: whole ones, and what differs from them."""

import contextlib

import pytest

from navarch.memory import CallKey, Memory, StoreDamagedError, text_digest
from navarch.memory.text import base_of

PROMPT = " ".join(text_digest(str(number)) for number in range(20))  # compresses badly
BASED = "SELECT digest, packed FROM texts WHERE substr(packed, 1, 1) = x'00' ORDER BY rowid"


def ask(memory, make, round, run="demo"):
    """Reserve a call whose prompt differs little from that of other rounds; return the digest of the prompt."""
    messages = [("user", f"{PROMPT}Round {round}. {round} of 40 trials are done. {PROMPT[::-1]}")]
    call = make.reserve(memory, CallKey(run, round, "generator", 0, 0), messages=messages)
    assert memory.rendered(call) == messages
    return call.messages[0][1]


def test_a_prompt_like_an_earlier_one_takes_little_room_and_comes_back_whole(memory, make):
    digests = [ask(memory, make, round) for round in range(30)]
    sizes = dict(memory._store.rows("SELECT digest, length(packed) FROM texts"))
    based = dict(memory._store.rows(BASED))
    whole = [digest for digest in digests if digest not in based]
    assert [digests.index(digest) for digest in whole] == [0, 13, 26]
    assert max(sizes[digest] for digest in based) < 0.3 * min(sizes[digest] for digest in whole)
    assert {base_of(packed) for packed in based.values()} == set(whole)
    assert memory.check() == []


def test_what_was_rolled_back_is_no_base(memory, make):
    with contextlib.suppress(ZeroDivisionError), memory.transaction():
        ask(memory, make, 0)
        raise ZeroDivisionError
    assert memory._store.rows("SELECT * FROM texts") == []
    digest = ask(memory, make, 1)
    assert memory._store.rows(BASED) == []
    assert "Round 1." in memory.text(digest)


def test_a_text_whose_base_is_gone_or_changed_is_damaged(memory, make):
    first, second = ask(memory, make, 0), ask(memory, make, 1)
    ((digest, packed),) = memory._store.rows(BASED)
    assert (digest, base_of(packed)) == (second, first)
    memory._store.rows("UPDATE texts SET packed = NULL, text = 'other' WHERE digest = ?", [first])
    with pytest.raises(StoreDamagedError, match="differs from its digest"):
        memory.text(second)
    memory._store.rows("DELETE FROM texts WHERE digest = ?", [first])
    assert f"The text {second[:12]!r} differs from its digest." in memory.check()


def test_a_base_that_has_a_base_itself_is_not_followed(memory, make):
    first, second = ask(memory, make, 0), ask(memory, make, 1)
    ((_, packed),) = memory._store.rows(BASED)
    itself = packed[:1] + bytes.fromhex(second) + packed[33:]
    memory._store.rows("UPDATE texts SET packed = ? WHERE digest = ?", [itself, second])
    with pytest.raises(StoreDamagedError, match="differs from its digest"):
        memory.text(second)
    assert "Round 0." in memory.text(first)


def test_a_base_of_another_run_goes_with_the_text_that_needs_it(memory, make, tmp_path):
    ask(memory, make, 0)
    memory.create_run(run_id="other", **make.RUN)
    digest = ask(memory, make, 1)
    assert (
        ask(memory, make, 1, "other") == digest
    )  # stored by the first run, as a difference to its first prompt
    memory.export_run("other", tmp_path / "other.db")
    with Memory.open(tmp_path / "other.db") as taken:
        assert "Round 1." in taken.text(digest)
        assert taken.check() == []
    with Memory.open(tmp_path / "new.db") as new:
        new.import_runs(tmp_path / "other.db", dict)
        assert "Round 1." in new.text(digest)
        assert new.check() == []


def test_a_base_that_the_other_memory_keeps_as_a_difference_leaves_the_text_whole(memory, make, tmp_path):
    path = tmp_path / "other.db"
    with Memory.open(path) as other:
        other.create_run(run_id="theirs", **make.RUN)
        ask(other, make, 5, "theirs")
        ask(other, make, 0, "theirs")  # whole in the first memory, a difference here
        ask(memory, make, 0)
        digest = ask(memory, make, 1)
        memory.export_run("demo", tmp_path / "demo.db")
        other.import_runs(tmp_path / "demo.db", dict)
        assert "Round 1." in other.text(digest)
        assert other.check() == []
