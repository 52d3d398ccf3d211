"""Old files, and migrations that are interrupted (RELIABILITY.md B9)."""

import contextlib
import json
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from navarch.memory import Memory, ProposalUpdate, StoreDamagedError, StoreError, render_digest, schema

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


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("version", ["v1", "v2", "v3", "v4"])
def test_proposals_and_rounds_of_an_older_version_are_read_as_they_were(tmp_path, version, read_only):
    path = tmp_path / "navarch.db"
    shutil.copy(GOLDEN / f"{version}.sqlite", path)
    with Memory.open(path, read_only=read_only) as memory:
        assert [
            (row.proposal_id, row.raw, row.architecture, row.verdict) for row in memory.proposals("golden")
        ] == [(f"golden/r0.p0.{position}", "{}", {"edge_0_1": "none"}, None) for position in range(3)]
        assert [row.proposal_id for row in memory.trials("golden", round=0)] == [
            f"golden/r0.p0.{position}" for position in range(3)
        ]
        assert memory.direction("golden", 0) == {"explore": 0.5}
        (call,) = memory.calls("golden")
        assert call.render_digest == render_digest(memory.rendered(call))


def test_a_run_of_an_older_version_goes_on(tmp_path, make):
    path = tmp_path / "navarch.db"
    shutil.copy(GOLDEN / "v4.sqlite", path)
    with Memory.open(path) as memory:
        (row,) = memory.add_proposals("golden", 1, 0, [make.proposal(0)])
        facts = {"architecture": {"edge_0_1": "none"}, "code": "0", "digest": "d9", "is_whole": True}
        memory.judge_proposals("golden", [ProposalUpdate(row.proposal_id, "selected", **facts)])
        memory.add_trials("golden", 1, [make.trial(9, proposal_id=row.proposal_id)])
        assert [row.architecture for row in memory.proposals("golden", 1)] == [{"edge_0_1": "none"}]
        assert memory.check() == []
        with pytest.raises(StoreError, match="FOREIGN KEY"):
            memory.open_round("nobody", 0)


def test_what_the_user_added_stays_when_a_table_is_made_anew(tmp_path):
    path = tmp_path / "navarch.db"
    shutil.copy(GOLDEN / "v4.sqlite", path)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.executescript(
            "CREATE VIEW best AS SELECT number, genotype FROM trials JOIN proposals USING (proposal_id);"
            "CREATE INDEX mine ON trials (genotype); CREATE TABLE waiting_rows (note TEXT)"
        )
        rows = other.execute("SELECT rowid, * FROM trials").fetchall()
    for _ in range(2):
        with Memory.open(path) as memory:
            assert memory.check() == []
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT * FROM best WHERE genotype = '|none~0|'").fetchall() == [
            (number, "|none~0|") for number in (1, 2, 3)
        ]
        assert other.execute("SELECT tbl_name FROM sqlite_schema WHERE name = 'mine'").fetchall() == [
            ("trials",)
        ]
        assert other.execute("SELECT rowid, * FROM trials").fetchall() == rows


@pytest.mark.parametrize("read_only", [True, False])
def test_views_and_triggers_that_read_what_a_migration_drops_do_not_keep_it_from_the_file(
    tmp_path, read_only
):
    path = tmp_path / "navarch.db"
    shutil.copy(GOLDEN / "v1.sqlite", path)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.executescript(
            'CREATE VIEW "my ""own" AS SELECT call_id, render_digest FROM calls;'
            "CREATE VIEW old AS SELECT gone FROM nowhere; CREATE TABLE log (note TEXT);"
            "CREATE TRIGGER onto INSTEAD OF INSERT ON old BEGIN INSERT INTO log VALUES ('old'); END;"
            "CREATE TRIGGER logged AFTER INSERT ON log BEGIN SELECT render_digest FROM calls; END"
        )
        own = "SELECT name, sql FROM sqlite_schema WHERE name IN ('my \"own', 'old', 'onto', 'logged') ORDER BY name"
        before = other.execute(own).fetchall()
    with Memory.open(path, read_only=read_only) as memory:
        assert memory.check() == []
        assert memory._store.rows(own) == before
        assert len(before) == 4


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
        (5, "write_less"),
    ]


@pytest.mark.usefixtures("next_version")
def test_an_older_file_is_migrated_and_keeps_its_mode(tmp_path):
    path = tmp_path / "navarch.db"
    shutil.copy(GOLDEN / "v1.sqlite", path)
    path.chmod(0o600)
    with Memory.open(path) as memory:
        assert memory._store.rows("SELECT note FROM notes") == [("golden",)]
        assert memory._store.rows("SELECT number, name FROM migrations")[-1] == (6, "add_notes")
        assert memory.check() == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("next_version")
@pytest.mark.parametrize("fatal", [1, 2, 5, 8, 9, 10, 11, 12])
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
        assert memory._store.rows("SELECT number FROM migrations") == [(1,), (2,), (3,), (4,), (5,), (6,)]
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


def test_a_kept_file_of_version_5_is_read_whole(tmp_path):
    path = tmp_path / "navarch.db"
    shutil.copy(GOLDEN / "v5.sqlite", path)
    with Memory.open(path, read_only=True) as memory:
        rows = memory.proposals("golden")
        assert [row.architecture for row in rows] == [{"edge_0_1": "none"}] * 3
        verdict = {"candidate": 1, "decision": "accept", "rank": None, "reason": "new", "score": 0.5}
        assert [row.verdict for row in rows] == [verdict | {"uncriticised": False}] * 3
        assert memory.direction("golden", 0) == {"proposals": []}
        trial = memory.get_trial("golden", 1)
        assert trial.cost == {
            "attempts": 1, "build_seconds": 0.0, "continued_from": None, "cpu_seconds": 0.0, "data_seconds": 0.0,
            "halved": False, "slots": 0, "start_epochs": 0, "train_seconds": 1.5, "val_seconds": 0.0,
        }  # fmt: skip
        assert trial.feedback == {
            "code": "1", "detail": "", "macs": 20_000, "params": 1000, "rank": 1, "reason": None,
            "state": "complete", "trial": 1, "val_accuracy": 90.5,
        }  # fmt: skip
