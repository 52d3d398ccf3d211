"""Texts that are much alike: whole ones, and what differs from them."""

import base64
import contextlib
import sqlite3
from types import SimpleNamespace

import pytest

from navarch.memory import CallKey, Memory, StoreDamagedError, StoreError, text_digest
from navarch.memory.text import base_of, unpack
from navarch.memory.texts import MAX_KINDS

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


def test_a_text_comes_whole_where_its_base_is_of_another_run(memory, make, tmp_path):
    theirs = ask(memory, make, 0)
    memory.create_run(run_id="other", **make.RUN)
    digest = ask(memory, make, 1)
    assert (
        ask(memory, make, 1, "other") == digest
    )  # stored by the first run, as a difference to its first prompt
    memory.export_run("other", tmp_path / "other.db")
    with Memory.open(tmp_path / "other.db") as taken:
        assert "Round 1." in taken.text(digest)
        assert taken._store.rows("SELECT 1 FROM texts WHERE digest = ?", [theirs]) == []
        assert taken.check() == []
    with Memory.open(tmp_path / "new.db") as new:
        new.import_runs(tmp_path / "other.db", dict)
        assert "Round 1." in new.text(digest)
        assert new.check() == []


def test_a_base_goes_with_the_texts_of_its_run(memory, make, tmp_path):
    digests = [ask(memory, make, round) for round in range(3)]
    memory.export_run("demo", tmp_path / "demo.db")
    with Memory.open(tmp_path / "demo.db") as taken:
        assert sorted(taken._store.rows(BASED)) == sorted(memory._store.rows(BASED))
        assert all(f"Round {round}." in taken.text(digest) for round, digest in enumerate(digests))


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


def test_a_base_that_the_disk_does_not_give_is_one_sentence(memory, make, monkeypatch):
    ask(memory, make, 0)
    digest = ask(memory, make, 1)

    def execute(sql, parameters):
        raise sqlite3.DatabaseError("database disk image is malformed")

    broken = SimpleNamespace(conn=memory._store.db.conn, execute=execute)
    with monkeypatch.context() as patch:
        patch.setattr(memory._store, "db", broken)
        with pytest.raises(StoreError, match="failed: database disk image is malformed"):
            memory.text(digest)
    assert "Round 1." in memory.text(digest)


def test_whole_texts_are_remembered_of_so_many_kinds(memory):
    texts = memory._texts
    with memory.transaction():
        for number in range(MAX_KINDS + 3):
            texts.keep(f"{number} {PROMPT}", str(number))
    assert len(texts._bases) == 3


def test_a_difference_of_version_4_stays_readable():
    base = "The quick brown fox jumps over the lazy dog. " * 5
    packed = base64.b64decode("AIqe6ymyDJlMS6kqt3bRt6piJF2unKZRnEHuQp+6ftEGeLvSjFDEG/aKg/JL81IUDPUAZdZTSw==")
    assert base_of(packed) == text_digest(base)
    assert unpack("", packed, base) == base + "Round 1."
    assert unpack("", packed, base + " ") is None
