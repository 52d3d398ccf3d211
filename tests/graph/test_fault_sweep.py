"""Every pass of every fault point of a run, one after the other: the run breaks off there and is resumed.

The break is an exception that nothing catches, raised where `NAVARCH_FAULT` would send its signal: what was committed
before it stays, what was not is gone. `test_kills.py` does the same with real signals, once a point.
"""

from collections import Counter

import pytest

import navarch.graph.run as run_module
from navarch.graph.fault import POINTS
from navarch.memory import Memory

SETTINGS = {"budget": {"trials": 24}, "search": {"trials_per_round": 8, "proposals": 8}, "seed": 2}
# With offline roles nothing is sent; a migration is broken off in tests/memory.
NOT_PASSED = {"call.sending", "call.answered", "migration.step"}


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


class Killer:
    """A fault function that raises at the n-th pass of one point, and counts all passes."""

    def __init__(self, point=None, nth=0):
        self.point, self.nth, self.passes = point, nth, Counter()

    def __call__(self, point):
        self.passes[point] += 1
        if point == self.point and self.passes[point] == self.nth:
            raise Killed(point)


@pytest.fixture
def unbroken(bench):
    """The trial table of the run when nothing breaks it off, and how often each point is passed."""
    killer = Killer()
    set_fault(bench, killer)
    bench.run(**SETTINGS)
    table = bench.table()
    bench.db.unlink()
    return table, killer.passes


def set_fault(bench, fault):
    import navarch.graph.assemble as assemble

    bench.monkeypatch.setattr(run_module, "fault", fault)
    bench.monkeypatch.setattr(assemble, "fault", fault)


def break_and_resume(bench, point, nth):
    bench.db = bench.folder / f"{point}-{nth}.db"
    set_fault(bench, Killer(point, nth))
    with pytest.raises(Killed):
        bench.run(**SETTINGS)
    set_fault(bench, Killer())
    with Memory.open(bench.db) as memory:
        finished = (
            {t.number: t.row_digest for t in memory.trials("r1") if t.is_finished} if memory.runs() else {}
        )
    bench.resume()
    with bench.memory() as memory:
        after = {t.number: t for t in memory.trials("r1")}
        assert all(after[number].row_digest == digest for number, digest in finished.items())
        assert all(after[number].starts == 1 for number in finished)
        assert sum(trial.starts - 1 for trial in after.values()) <= 1
        assert sum(call.tries - 1 for call in memory.calls("r1")) <= 1
        assert memory.test_score("r1") is not None
    return bench.table()


def test_every_point_is_passed_by_this_run(unbroken):
    _, passes = unbroken
    assert set(passes) == set(POINTS) - {"call.sending", "call.answered"}


def test_a_run_broken_off_while_it_stores_a_lesson_resumes_to_the_same_trials(bench, unbroken):
    table, _ = unbroken
    assert break_and_resume(bench, "lesson.stored", 1) == table


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("point", sorted(set(POINTS) - NOT_PASSED))
def test_a_run_broken_off_at_any_pass_resumes_to_the_same_trials(bench, unbroken, point):
    table, passes = unbroken
    for nth in range(1, passes[point] + 1):
        assert break_and_resume(bench, point, nth) == table, f"pass {nth} of {point}"
