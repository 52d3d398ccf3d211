"""Runs that move from one memory to another: every row, every digest, ids that are taken, damage."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from navarch.memory import Memory, StoreDamagedError, StoreUnusableError, schema

GOLDEN = Path(__file__).parent / "golden"
TABLES = ("runs", "rounds", "calls", "proposals", "trials", "lessons", "test_scores", "texts")


@pytest.fixture
def source(tmp_path):
    """A file with one run that has rows in every table."""
    path = tmp_path / "source.db"
    shutil.copy(GOLDEN / f"v{len(schema.MIGRATIONS)}.sqlite", path)
    return path


def rows(memory, tables=TABLES):
    orders = dict.fromkeys(tables, "rowid") | {"proposals": "run_id, round, attempt, position"}
    return {table: memory._store.rows(f"SELECT * FROM {table} ORDER BY {orders[table]}") for table in tables}


def test_an_exported_run_is_a_whole_memory_in_one_file(source, tmp_path):
    out = tmp_path / "run.db"
    with Memory.open(source) as memory:
        assert memory.export_run("golden", out) == [("golden", "golden", True)]
        expected = rows(memory)
    with Memory.open(out, create=False, read_only=True) as memory:
        assert memory.check() == []
        assert {name: sorted(map(str, found)) for name, found in rows(memory).items()} == {
            name: sorted(map(str, found)) for name, found in expected.items()
        }
    assert [file.name for file in tmp_path.glob("*run.db*")] == ["run.db"]


def test_an_export_never_replaces_a_file(source, tmp_path):
    (tmp_path / "thesis").write_text("chapter 1")
    with Memory.open(source) as memory, pytest.raises(StoreUnusableError, match=r"thesis.* already"):
        memory.export_run("golden", tmp_path / "thesis")
    assert (tmp_path / "thesis").read_text() == "chapter 1"


def test_only_the_run_and_those_it_reuses_are_exported(memory, make, tmp_path):
    for run in ("first", "reuser", "stranger"):
        memory.create_run(run_id=run, **make.RUN)
        memory.add_trials(run, 1, [make.trial(1)])
    original = make.finish(memory, memory.get_trial("first", 1))
    make.finish(memory, memory.get_trial("reuser", 1), reused_from=original.trial_id)
    taken = memory.export_run("reuser", tmp_path / "run.db")
    assert [run.run_id for run in taken] == ["first", "reuser"]
    with Memory.open(tmp_path / "run.db", read_only=True) as exported:
        assert exported.get_trial("reuser", 1) == memory.get_trial("reuser", 1)
        assert exported.check() == []


def test_an_imported_run_whose_id_is_taken_gets_another_in_every_row(source, memory, make):
    memory.create_run(run_id="golden", **make.RUN)
    before = rows(memory)
    assert memory.import_runs(source, dict) == [("golden", "r1", True)]
    assert memory.check() == []
    after = rows(memory)
    assert all(after[table][: len(before[table])] == before[table] for table in TABLES)
    assert [trial.trial_id for trial in memory.trials("r1", round=0)] == ["r1/t1", "r1/t2", "r1/t3"]
    assert memory.trials("r1", round=0)[0].proposal_id == memory.proposals("r1")[0].proposal_id
    assert memory.proposals("r1")[0].call_id == memory.calls("r1")[0].call_id
    assert memory.rendered(memory.calls("r1")[0])[1] == ("user", "Go on: \u2192")
    assert memory.test_score("r1").trial_id == "r1/t1"
    with Memory.open(source) as exported:
        assert memory.trial_table_digest("r1") == exported.trial_table_digest("golden")
        assert memory.trials("r1", round=0)[0].feedback == exported.trials("golden", round=0)[0].feedback


def test_a_run_that_is_there_already_is_not_taken_twice(source, memory, make):
    memory.create_run(run_id="golden", **make.RUN)
    memory.import_runs(source, dict)
    before = rows(memory)
    assert memory.import_runs(source, dict) == [("golden", "r1", False)]
    assert rows(memory) == before


def test_settings_pass_through_the_hands_of_the_importer(source, memory):
    memory.import_runs(source, lambda settings: {"kept": settings["rounds"]})
    assert memory.get_run("golden").settings == {"kept": 1}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE texts SET text = text || '!'",
        "DELETE FROM texts WHERE digest NOT IN (SELECT reply FROM calls)",
        "UPDATE runs SET settings = '[]'",
        "UPDATE runs SET run_id = '../golden'",
        "DROP TRIGGER trials_stay_as_finished; UPDATE trials SET val_accuracy = 99 WHERE state = 'complete'",
    ],
)
def test_a_damaged_source_leaves_the_memory_as_it_was(source, memory, damage):
    triggers = "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = 'trials_stay_as_finished'"
    with sqlite3.connect(source) as db:
        ((trigger,),) = db.execute(triggers)
        db.executescript(damage)
        if not db.execute(triggers).fetchall():
            db.execute(trigger)
    db.close()
    before = rows(memory)
    with pytest.raises(StoreDamagedError):
        memory.import_runs(source, dict)
    assert rows(memory) == before
