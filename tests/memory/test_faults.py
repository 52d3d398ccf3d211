"""What fails under a write: statements, the disk, the lock, the process (A1, B1, B4 to B6, C7)."""

import contextlib
import runpy
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from navarch.memory import CallKey, Memory, StoreBusyError, StoreError, StoreFullError

WRITER = Path(__file__).with_name("writer.py")
POINTS = {
    "proposals.stored",
    "trial.claimed",
    "trial.finished",
    "call.reserved",
    "call.settled",
    "lesson.stored",
}


class Failing(sqlite3.Connection):
    """A connection whose n-th statement from now fails, once or from then on."""

    left = None
    for_ever = False

    def execute(self, sql, *parameters):
        if Failing.left is not None:
            Failing.left -= 1
            if Failing.left == 0 or (Failing.left < 0 and Failing.for_ever):
                raise sqlite3.OperationalError("injected")
        return super().execute(sql, *parameters)


@pytest.fixture
def failing(monkeypatch):
    """Make the n-th statement of every new connection fail; switched off again afterwards."""
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=Failing, **kwargs))
    yield Failing
    Failing.left, Failing.for_ever = None, False


def one_of_everything(memory, make):
    """Write to every table, several rows in one transaction where the API allows it."""
    memory.open_round("demo", 0)
    call = make.reserve(memory)
    memory.settle_call(call.call_id, state="ok", reply="{}", parsed={})
    memory.add_proposals("demo", 0, 0, [make.proposal(0), make.proposal(1)])
    trials = memory.add_trials("demo", 1, [make.trial(index) for index in range(3)])
    memory.start_trial(trials[0].trial_id)
    make.finish(memory, trials[0])
    memory.add_lesson("demo", 0, "none hurts", None, None, "hurts", [1], [])


@pytest.mark.parametrize("for_ever", [False, True])
@pytest.mark.parametrize("nth", range(1, 21))
def test_a_failing_statement_leaves_no_partial_write(failing, memory, make, nth, for_ever):
    failing.left, failing.for_ever = nth, for_ever
    with pytest.raises(StoreError, match="injected"):
        one_of_everything(memory, make)
    failing.left = None
    assert len(memory.trials("demo")) in (0, 3)
    assert len(memory.proposals("demo")) in (0, 2)
    assert memory.check() == []
    one_of_everything(memory, make)
    assert memory.spent("demo").trials == 1


@pytest.mark.parametrize("nth", range(1, 60, 3))
def test_a_failing_statement_while_a_memory_is_made_leaves_nothing_behind(failing, tmp_path, nth):
    failing.left = nth
    with contextlib.suppress(StoreError):
        Memory.open(tmp_path / "navarch.db").close()
    failing.left = None
    assert {path.name for path in tmp_path.iterdir()} <= {"navarch.db", "navarch.db-wal", "navarch.db-shm"}
    with Memory.open(tmp_path / "navarch.db") as memory:
        assert memory.check() == []


def test_a_full_disk_is_one_clear_error_and_the_run_goes_on_when_there_is_space(memory, make):
    make.add_finished(memory, 5)
    ((pages,),) = memory._store.rows("PRAGMA page_count")
    done = 5
    for extra in range(10):
        memory._store.rows(f"PRAGMA max_page_count = {pages + extra}")
        with pytest.raises(StoreFullError, match="no space left") as caught:
            make.add_finished(memory, 500, start=done)
        assert "\n" not in str(caught.value)
        done = memory.spent("demo").trials
        assert [trial.number for trial in memory.trials("demo", state="complete")] == list(range(1, done + 1))
        memory.requeue_running("demo")
    assert memory.check() == []
    memory._store.rows("PRAGMA max_page_count = 1000000")
    make.add_finished(memory, 1, start=done)
    assert memory.spent("demo").trials == done + 1


def test_an_exception_inside_a_transaction_leaves_no_row(memory, make):
    for error in (ValueError, KeyboardInterrupt, sqlite3.ProgrammingError):
        with contextlib.suppress(error, StoreError), memory.transaction():
            make.add_finished(memory, 1)
            raise error
    assert memory.trials("demo") == []


def test_a_lock_that_is_not_given_back_is_a_clear_error_with_nothing_half_done(open_memory, memory, make):
    impatient = open_memory(timeout_s=0.05)
    with contextlib.closing(sqlite3.connect(memory.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError, match="in use by another process"):
            impatient.add_trials("demo", 1, [make.trial(0), make.trial(1)])
        assert impatient.runs()[0].run_id == "demo"
        holder.execute("ROLLBACK")
    assert impatient.trials("demo") == []
    assert len(impatient.add_trials("demo", 1, [make.trial(0)])) == 1


def test_a_lock_that_is_given_back_is_waited_for(memory, make):
    holder = sqlite3.connect(memory.path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, holder.execute, ["ROLLBACK"])
    timer.start()
    assert len(memory.add_trials("demo", 1, [make.trial(0)])) == 1
    timer.join()
    holder.close()


@pytest.mark.slow
def test_four_processes_make_one_memory_and_write_ten_rows_each(tmp_path):
    path = tmp_path / "navarch.db"
    command = [sys.executable, "-W", "error", str(WRITER), str(path)]
    writers = [subprocess.Popen([*command, str(index)], stderr=subprocess.PIPE) for index in range(4)]
    try:
        errors = [writer.communicate(timeout=60)[1].decode() for writer in writers]
    finally:
        for writer in writers:
            writer.kill()
    assert errors == [""] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["navarch.db"]
    with Memory.open(path) as memory:
        assert [trial.number for trial in memory.trials("shared", state="complete")] == list(range(1, 41))
        assert len(memory.runs()) == 5
        assert memory.check() == []


def test_threads_share_one_memory(memory, make):
    threads = [
        threading.Thread(target=make.add_finished, args=(memory, 10), kwargs={"start": 10 * index})
        for index in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [trial.number for trial in memory.trials("demo", state="complete")] == list(range(1, 41))


def test_every_fault_point_is_passed_after_its_write_is_stored(open_memory, memory, make):
    seen = []

    def fault(point):
        with contextlib.closing(sqlite3.connect(memory.path)) as other:
            seen.append(
                (point, other.execute("SELECT count(*) FROM trials WHERE state = 'complete'").fetchone()[0])
            )

    one_of_everything(open_memory(fault=fault), make)
    assert {point for point, _ in seen} == POINTS
    assert ("trial.finished", 1) in seen
    assert ("trial.claimed", 0) in seen


def test_inside_a_transaction_the_fault_points_wait_for_its_end(open_memory, memory, make):
    points = []
    watched = open_memory(fault=points.append)
    with watched.transaction():
        make.reserve(watched, CallKey("demo", 0, "critic"))
        make.add_finished(watched, 1)
        assert points == []
    assert points == ["call.reserved", "trial.claimed", "trial.finished"]
    with pytest.raises(StoreError), watched.transaction():  # noqa: PT012 - the block is what is tested
        make.add_finished(watched, 1, start=1)
        watched.open_round("nobody", 0)
    assert len(points) == 3


@pytest.mark.parametrize("point", sorted(POINTS))
def test_a_memory_killed_at_a_fault_point_keeps_what_was_stored_and_goes_on(tmp_path, make, point):
    path = tmp_path / "navarch.db"
    done = subprocess.run([sys.executable, str(WRITER), str(path), "0", point], timeout=60, check=False)
    assert done.returncode == -9
    with Memory.open(path) as memory:
        assert memory.check() == []
        memory.requeue_running("shared")
        one = {"proposals": len(memory.proposals("shared")), "lessons": len(memory.lessons("shared"))}
        assert one["proposals"] == (
            point in {"proposals.stored", "trial.claimed", "trial.finished", "lesson.stored"}
        )
        assert one["lessons"] == (point == "lesson.stored")
    runpy.run_path(str(WRITER))["main"](str(path), "0")
    with Memory.open(path) as memory:
        assert memory.spent("shared").trials == 10
        assert len(memory.lessons("shared")) == 1
