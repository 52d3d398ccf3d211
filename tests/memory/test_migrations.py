"""Old files, and migrations that are interrupted (RELIABILITY.md B9)."""

import contextlib
import json
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from navarch.memory import Memory, StoreDamagedError, StoreError, schema

GOLDEN = Path(__file__).parent / "golden"


class Killed(Exception):
    """Stands for the death of the process: nothing of ours catches it."""


@pytest.fixture
def next_version():
    """Add a migration that creates one table and fills it."""

    def add_notes(db):
        db.execute("CREATE TABLE notes (note TEXT NOT NULL) STRICT")
        db.execute("INSERT INTO notes SELECT run_id FROM runs")

    schema._expected_schema.cache_clear()
    schema.MIGRATIONS.append(add_notes)
    yield
    schema.MIGRATIONS.pop()
    schema._expected_schema.cache_clear()


@pytest.mark.parametrize("version", [path.stem for path in sorted(GOLDEN.glob("v*.sqlite"))])
def test_a_kept_file_of_every_version_opens_with_the_same_rows(tmp_path, version):
    path = tmp_path / "navarch.db"
    shutil.copy(GOLDEN / f"{version}.sqlite", path)
    expected = json.loads((GOLDEN / f"{version}.json").read_text())
    with Memory.open(path) as memory:
        assert memory.check() == []
        assert memory.trial_table_digest("golden") == expected["table"]
        assert memory.get_trial("golden", 1).row_digest == expected["rows"]
        assert [trial.state for trial in memory.trials("golden", round=0)] == [
            "complete",
            "failed",
            "waiting",
        ]
        assert memory.rendered(memory.calls("golden")[0])[1] == ("user", "Go on: \u2192")
        assert memory.test_score("golden").accuracy == 89.0
        assert memory.lessons("golden")[0].contradicts == [2]


@pytest.mark.usefixtures("next_version")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_older_file_is_read_in_this_version_and_stays_as_it_is(tmp_path, version):
    path = tmp_path / "navarch.db"
    shutil.copy(GOLDEN / f"{version}.sqlite", path)
    expected = json.loads((GOLDEN / f"{version}.json").read_text())
    with Memory.open(path, read_only=True) as memory:
        assert (memory.path, memory.check()) == (path, [])
        assert memory.trial_table_digest("golden") == expected["table"]
        assert memory.rendered(memory.calls("golden")[0])[1] == ("user", "Go on: \u2192")
        assert memory._store.rows("SELECT note FROM notes") == [("golden",)]
        with pytest.raises(StoreError):
            memory.open_round("golden", 9)
        memory.export_run("golden", tmp_path / "exported.db")
    assert path.read_bytes() == (GOLDEN / f"{version}.sqlite").read_bytes()
    with Memory.open(tmp_path / "new.db") as other:
        assert [taken.is_new for taken in other.import_runs(path, dict)] == [True]


def test_what_an_older_files_log_holds_is_read_too(tmp_path):
    path = tmp_path / "navarch.db"
    shutil.copy(GOLDEN / "v2.sqlite", path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("UPDATE runs SET stop_reason = 'in the log'")
        with Memory.open(path, read_only=True) as memory:
            assert memory.get_run("golden").stop_reason == "in the log"


def test_an_older_file_that_is_damaged_is_refused_for_reading(tmp_path):
    path = tmp_path / "navarch.db"
    shutil.copy(GOLDEN / "v2.sqlite", path)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE lessons")
    with pytest.raises(StoreDamagedError, match="lessons"):
        Memory.open(path, read_only=True)


def test_there_is_a_kept_file_for_this_version():
    assert (GOLDEN / f"v{len(schema.MIGRATIONS)}.sqlite").exists()


def test_every_migration_leaves_its_record(memory):
    assert memory._store.rows("SELECT number, name FROM migrations") == [
        (1, "create_tables"),
        (2, "save_room"),
        (3, "count_cached"),
        (4, "share_texts"),
    ]


@pytest.mark.usefixtures("next_version")
def test_an_older_file_is_migrated_and_keeps_its_mode(tmp_path):
    path = tmp_path / "navarch.db"
    shutil.copy(GOLDEN / "v1.sqlite", path)
    path.chmod(0o600)
    with Memory.open(path) as memory:
        assert memory._store.rows("SELECT note FROM notes") == [("golden",)]
        assert memory._store.rows("SELECT number, name FROM migrations")[-1] == (5, "add_notes")
        assert memory.check() == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("next_version")
@pytest.mark.parametrize("fatal", range(1, 6))
@pytest.mark.parametrize("old", [True, False])
def test_a_migration_killed_at_any_step_can_be_repeated(tmp_path, fatal, old):
    path, passes = tmp_path / "navarch.db", []

    def fault(point):
        passes.append(point)
        if len(passes) == fatal:
            raise Killed

    if old:
        shutil.copy(GOLDEN / "v1.sqlite", path)
    with pytest.raises(Killed):
        Memory.open(path, fault=fault)
    assert set(passes) == {"migration.step"}
    with Memory.open(path) as memory:
        assert memory._store.rows("SELECT number FROM migrations") == [(1,), (2,), (3,), (4,), (5,)]
        assert len(memory._store.rows("SELECT note FROM notes")) == len(memory.runs()) == int(old)
        assert memory.check() == []


@pytest.mark.usefixtures("next_version")
def test_a_migration_that_fails_leaves_the_old_version(tmp_path):
    path = tmp_path / "navarch.db"
    shutil.copy(GOLDEN / "v1.sqlite", path)

    def break_it(db):
        db.execute("CREATE TABLE more (a TEXT)")
        db.execute("INSERT INTO nowhere VALUES (1)")

    schema.MIGRATIONS[-1], kept = break_it, schema.MIGRATIONS[-1]
    with pytest.raises(StoreError, match="nowhere"):
        Memory.open(path)
    schema.MIGRATIONS[-1] = kept
    with Memory.open(path) as memory:
        assert memory._store.rows("SELECT count(*) FROM sqlite_schema WHERE name = 'more'") == [(0,)]
        assert memory.get_run("latest").run_id == "golden"
