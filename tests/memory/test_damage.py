"""Damaged and hostile files (RELIABILITY.md B7 malformed, B8)."""

import contextlib
import hashlib
import random
import re
import shutil
import sqlite3

import pytest

from navarch.memory import Memory, StoreDamagedError, StoreError

COLUMNS = "SELECT * FROM trials NOT INDEXED ORDER BY rowid"


@pytest.fixture(scope="module")
def sound(template, make, tmp_path_factory):
    """A closed memory with 24 finished trials with feedback."""
    path = tmp_path_factory.mktemp("sound") / "navarch.db"
    shutil.copy(template, path)
    with Memory.open(path) as memory, memory.transaction():
        for trial in make.add_finished(memory, 24):
            memory.set_feedback(trial.trial_id, {"rank": trial.number, "neighbours": []})
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def table(path):
    """The trials as any reader of SQLite sees them, or None if they cannot be read."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as plain:
        try:
            return plain.execute(COLUMNS).fetchall()
        except sqlite3.Error:
            return None


def read_everything(path):
    """Open, check and read as a run does; return the trial table and the problems found."""
    with Memory.open(path) as memory:
        problems = memory.check()
        return memory.trial_table("demo"), problems


def truncated(data, rng):
    return data[: rng.randrange(1, len(data))]


def page_overwritten(data, rng):
    page = rng.randrange(len(data) // 4096) * 4096
    return data[:page] + rng.randbytes(4096) + data[page + 4096 :]


def bits_flipped(data, rng):
    changed = bytearray(data)
    for _ in range(20):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("damage", [truncated, page_overwritten, bits_flipped])
def test_a_malformed_file_is_explained_or_right_and_never_altered(sound, tmp_path, damage):
    baseline, path = read_everything(sound)[0], tmp_path / "navarch.db"
    for case in range(12):
        path.write_bytes(damage(sound.read_bytes(), random.Random(case)))
        before = sha256(path)
        complaint = ""
        try:
            rows, problems = read_everything(path)
        except StoreError as error:
            complaint = str(error)
        if complaint:
            assert repr(str(path)) in complaint.splitlines()[0] == complaint
        else:
            assert rows == baseline or problems
        assert sha256(path) == before
        for leftover in tmp_path.glob("navarch.db-*"):
            leftover.unlink()


@pytest.mark.parametrize("size", [1, 15, 16, 68, 99, 100, 4095, 4096, 8192])
def test_a_file_cut_short_is_never_taken_for_a_memory(sound, tmp_path, size):
    path = tmp_path / "navarch.db"
    path.write_bytes(sound.read_bytes()[:size])
    with pytest.raises(StoreError):
        Memory.open(path)
    assert path.stat().st_size == size


def test_a_memory_without_its_first_bytes_is_called_damaged(sound, tmp_path):
    path = tmp_path / "navarch.db"
    path.write_bytes(b"X" + sound.read_bytes()[1:])
    with pytest.raises(StoreDamagedError, match="first bytes"):
        Memory.open(path)


HOSTILE = {
    "trigger": "CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM runs; END",
    "view for a table": "DROP TABLE test_scores; CREATE VIEW test_scores AS SELECT * FROM runs",
    "recursive view": "DROP TABLE lessons; CREATE VIEW lessons AS "
    "WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x+1 FROM c) SELECT x FROM c",
    "generated column": "ALTER TABLE runs ADD COLUMN g TEXT AS (upper(run_id))",
    "dropped table": "DROP TABLE lessons",
    "dropped index": "DROP INDEX trials_by_round",
    "dropped guard": "DROP TRIGGER trials_stay_as_finished",
}


@pytest.mark.parametrize("script", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_changed_schema_is_refused_and_nothing_of_it_runs(sound, tmp_path, script):
    path = tmp_path / "navarch.db"
    shutil.copy(sound, path)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.executescript(script)
    before = sha256(path)
    with pytest.raises(StoreDamagedError, match=r"trigger|missing or not as it was made"):
        Memory.open(path)
    assert sha256(path) == before


def test_views_indexes_and_tables_of_the_user_may_stay(sound, tmp_path):
    path = tmp_path / "navarch.db"
    shutil.copy(sound, path)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.executescript(
            "CREATE VIEW best AS SELECT code, val_accuracy FROM trials ORDER BY 2 DESC;"
            "CREATE INDEX mine ON trials (genotype); CREATE TABLE notes (note TEXT)"
        )
    assert read_everything(path) == (read_everything(sound)[0], [])


def test_every_flipped_bit_that_changes_a_finished_row_is_reported(sound, tmp_path):
    data, baseline, path = sound.read_bytes(), table(sound), tmp_path / "navarch.db"
    rng, changed, silent = random.Random(3), 0, []
    # the rows lie where their ids do: the table's leaves and the indexes beside them
    spots = [match.start() for match in re.finditer(rb"demo/t\d+demo", data)]
    for _ in range(60):
        bit = rng.randrange(8 * 700)
        offset = min(rng.choice(spots) + bit // 8, len(data) - 1)
        damaged = bytearray(data)
        damaged[offset] ^= 1 << (bit % 8)
        path.write_bytes(damaged)
        if table(path) == baseline:
            continue
        changed += 1
        try:
            _, problems = read_everything(path)
        except StoreDamagedError:
            continue
        if not problems:
            silent.append((offset, bit % 8))
    assert silent == []
    assert changed > 40


def test_sqlites_own_check_does_not_see_what_the_digest_sees(sound, tmp_path):
    path = tmp_path / "navarch.db"
    data = sound.read_bytes()
    path.write_bytes(data.replace(b'"train_loss":1.25', b'"train_loss":1.24'))
    with Memory.open(path) as memory:
        assert memory._store.rows("PRAGMA integrity_check") == [("ok",)]
        assert memory.check() == [
            f"Trial 'demo/t{number}' differs from its digest." for number in range(1, 25)
        ]
        with pytest.raises(StoreDamagedError, match="'demo/t3' differs from its digest"):
            memory.get_trial("demo", 3)


def test_changed_feedback_and_changed_prompts_are_reported(sound, tmp_path, make):
    path = tmp_path / "navarch.db"
    shutil.copy(sound, path)
    with Memory.open(path) as memory:
        make.reserve(memory, messages=[("user", "Design a network.")])
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"rank":7', b'"rank":8', 1).replace(b"Design a net", b"Resign a net", 1))
    with Memory.open(path) as memory:
        problems = memory.check()
        assert len(problems) == 2
        assert problems[0] == "The feedback of trial 'demo/t7' differs from its digest."
        assert problems[1].startswith("The text")
        ((_, digest),) = memory.calls("demo")[0].messages
        with pytest.raises(StoreDamagedError, match="differs from its digest"):
            memory.text(digest)


def test_a_lost_trial_and_a_broken_reference_are_reported(memory, make):
    make.add_finished(memory, 3)
    with contextlib.closing(sqlite3.connect(memory.path)) as other:
        other.executescript("DROP TRIGGER trials_stay; DELETE FROM trials WHERE number = 2; DELETE FROM runs")
    problems = " ".join(memory.check())
    assert "has 2 trials, but its last number is 3" in problems
    assert "refers to a row of runs that does not exist" in problems
    assert "trigger 'trials_stay' is missing" in problems


def test_a_trial_whose_proposal_is_lost_is_reported(memory, make):
    (item,) = memory.add_proposals("demo", 1, 0, [make.proposal(0)])
    memory.add_trials("demo", 1, [make.trial(0, proposal_id=item.proposal_id), make.trial(1)])
    assert memory.check() == []
    with contextlib.closing(sqlite3.connect(memory.path)) as other:
        other.executescript("DELETE FROM proposals")
    assert memory.check() == ["Trial 'demo/t1' refers to the proposal 'demo/r1.p0.0', which does not exist."]


def test_a_sound_memory_has_no_problems(memory, make):
    make.add_finished(memory, 10)
    make.reserve(memory)
    assert memory.check() == []
