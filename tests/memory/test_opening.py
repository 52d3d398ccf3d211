"""Paths, permissions and files that are not memories (RELIABILITY.md B7 alien, B11, B14)."""

import contextlib
import hashlib
import os
import socket
import sqlite3
import stat
import tempfile
from pathlib import Path

import pytest

from navarch import NavarchError
from navarch.memory import Memory, StoreAlienError, StoreDamagedError, StoreNewerError, StoreUnusableError
from navarch.memory.schema import MIGRATIONS

NOBODY = 65534


def refused(path, error, words, **options):
    """Assert that opening is refused in one sentence that names the path, and that the bytes stay."""
    before = hashlib.sha256(path.read_bytes()).hexdigest() if os.path.isfile(path) else None
    with pytest.raises(error, match=words) as caught:
        Memory.open(path, **options)
    assert isinstance(caught.value, NavarchError)
    assert repr(str(path)) in str(caught.value)
    assert "\n" not in str(caught.value)
    if before is not None:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_a_new_memory_is_private_and_so_are_the_folders_made_for_it(tmp_path):
    old = os.umask(0o022)
    try:
        with Memory.open(tmp_path / "a" / "b" / "navarch.db") as memory:
            files = sorted(memory.path.parent.iterdir())
            assert [file.name for file in files] == ["navarch.db", "navarch.db-shm", "navarch.db-wal"]
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
            folders = (memory.path.parent, memory.path.parent.parent)
            assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    finally:
        os.umask(old)
    assert [file.name for file in files[0].parent.iterdir()] == ["navarch.db"]


def test_an_existing_folder_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o755)
    Memory.open(tmp_path / "navarch.db").close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_the_pragmas_are_set_and_read_back(memory):
    pragmas = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "application_id": 0x4E415652,
        "user_version": len(MIGRATIONS),
    }
    assert {name: memory._store.rows(f"PRAGMA {name}")[0][0] for name in pragmas} == pragmas


def test_a_file_system_without_write_ahead_logging_is_refused(tmp_path, monkeypatch):
    class NoWal(sqlite3.Connection):
        def execute(self, sql, *parameters):
            return super().execute("SELECT 'delete'" if "journal_mode" in sql else sql, *parameters)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, factory=NoWal, **options))
    refused(tmp_path / "navarch.db", StoreUnusableError, "journal_mode = wal")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "new\nline.db",
        "quo'te\".db",
        "a?mode=ro&x=1.db",
        "100%41.db",
        "#x.db",
        "ünï\u202e.db",
        ":memory:",
        " ",
        "-x",
    ],
)
def test_odd_file_names_are_only_names(tmp_path, make, name):
    for _ in range(2):
        with Memory.open(tmp_path / name) as memory:
            memory.open_round("demo", 0) if memory.runs() else memory.create_run(run_id="demo", **make.RUN)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_name_that_is_not_utf_8_is_only_a_name(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.db"))
    with Memory.open(path) as memory:
        assert memory.check() == []
    assert path.exists()


def test_a_relative_path_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Memory.open("navarch.db") as memory:
        assert memory.path == tmp_path / "navarch.db"


def test_a_symbolic_link_leads_to_the_memory(memory, tmp_path):
    memory.close()
    (tmp_path / "link.db").symlink_to(memory.path)
    with Memory.open(tmp_path / "link.db") as linked:
        assert linked.get_run("latest").run_id == "demo"


ALIEN = {
    "empty": b"",
    "text": b"SQLite is nice\n" * 20,
    "png": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "zeros": bytes(8192),
    "random": hashlib.shake_256(b"noise").digest(5000),
}


@pytest.mark.parametrize("content", ALIEN.values(), ids=ALIEN.keys())
@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_of_another_kind_is_left_alone(tmp_path, content, read_only):
    path = tmp_path / "navarch.db"
    path.write_bytes(content)
    refused(path, StoreAlienError, "name another file", read_only=read_only)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_another_applications_database_is_left_alone(tmp_path, mode):
    path = tmp_path / "navarch.db"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
        other.execute("CREATE TABLE trials (trial_id TEXT)")
        other.commit()
    refused(path, StoreAlienError, "another application")


@pytest.mark.parametrize("version", [len(MIGRATIONS) + 1, 99, 2**31 - 1])
def test_a_newer_version_is_refused_and_left_alone(memory, version):
    memory.close()
    set_version(memory.path, version)
    refused(memory.path, StoreNewerError, "upgrade Navarch")


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_that_never_was_is_damage(memory, version):
    memory.close()
    set_version(memory.path, version)
    refused(memory.path, StoreDamagedError, "version")


def test_a_newer_version_in_the_write_ahead_log_is_seen(memory):
    with contextlib.closing(sqlite3.connect(memory.path)) as other:
        other.execute("PRAGMA user_version = 9")
        refused(memory.path, StoreNewerError, "version 9")


def set_version(path, version):
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {version}")


def make_fifo(path):
    os.mkfifo(path)


def make_socket(path):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(path.name)


@pytest.mark.parametrize("make_it", [Path.mkdir, make_fifo, make_socket])
def test_what_is_not_a_regular_file_is_refused_without_opening_it(tmp_path, monkeypatch, make_it):
    monkeypatch.chdir(tmp_path)
    make_it(tmp_path / "navarch.db")
    refused(tmp_path / "navarch.db", StoreUnusableError, "name a file")


def test_paths_that_cannot_be_are_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "file" / "navarch.db", StoreUnusableError, "cannot hold a memory")
    refused(tmp_path / "dangling", StoreUnusableError, "link to nothing")
    refused(tmp_path / "loop", StoreUnusableError, "cannot hold a memory")
    refused(tmp_path / ("x" * 300), StoreUnusableError, "cannot hold a memory")
    refused(tmp_path / "a\x00b", StoreUnusableError, "NUL")
    refused(Path("/proc/navarch.db"), StoreUnusableError, "cannot hold a memory")


@pytest.mark.parametrize("options", [{"create": False}, {"read_only": True}])
def test_a_missing_memory_is_not_made_unless_asked_for(tmp_path, options):
    refused(tmp_path / "x" / "navarch.db", StoreUnusableError, "no memory", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_memory_reads_and_refuses_to_write(memory, make):
    make.add_finished(memory, 2)
    with Memory.open(memory.path, read_only=True) as reader:
        assert reader.best_trial("demo").number == 2
        assert reader.check() == []
        with pytest.raises(StoreUnusableError, match="cannot be read or written"):
            reader.open_round("demo", 0)
        make.add_finished(memory, 1, start=2)
        assert len(reader.trials("demo")) == 3


@pytest.fixture
def guarded(memory):
    """A closed memory in a folder that an ordinary user reaches, and that user's rights for the test."""
    memory.close()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "navarch.db"
        path.write_bytes(memory.path.read_bytes())
        path.chmod(0o644)
        Path(folder).chmod(0o755)
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
            yield path
            os.seteuid(0)
        else:
            path.chmod(0o444)
            Path(folder).chmod(0o555)
            yield path
            Path(folder).chmod(0o755)


def test_a_file_and_folder_that_cannot_be_written_can_be_read(guarded):
    refused(guarded, StoreUnusableError, "cannot be written")
    refused(guarded.parent / "new.db", StoreUnusableError, "cannot hold a memory")
    with Memory.open(guarded, read_only=True) as reader:
        assert reader.get_run("latest").run_id == "demo"
    assert [path.name for path in guarded.parent.iterdir()] == ["navarch.db"]


def test_closing_twice_is_fine_and_using_a_closed_memory_is_an_error_of_ours(memory):
    memory.close()
    memory.close()
    with pytest.raises(NavarchError, match="closed"):
        memory.runs()
