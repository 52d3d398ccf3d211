"""Look at a run while it works: what ended since the last look, what runs, how fast, and how long the rest may take.

Read-only. What runs is told by small files in a folder beside the memory (`evaluation/live.py`), which are there while
the run's process holds its lock; what a killed process left of them is not looked at.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import rmtree

from navarch.evaluation.live import Live, begin_live, read_live
from navarch.graph.lock import is_held
from navarch.graph.paths import live_file, live_folder, lock_file
from navarch.graph.progress import Progress, Standing
from navarch.graph.rungs import epochs_spent
from navarch.graph.settings import Settings, settings_of
from navarch.memory import Memory, RunRow, TrialRow

SEGMENT = "segment"
TEST = "test"


@dataclass(frozen=True, slots=True)
class Running:
    """A trial that runs. `live` is None where its process tells nothing yet."""

    trial: TrialRow
    live: Live | None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the segment goes. None where nothing was measured yet.

    per_minute: trials that were measured, running ones by the share that is done; reused ones took no time.
    seconds_left: until the first of the budgets of trials, epochs and time is spent, if it goes on like this.
    """

    per_minute: float | None
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class View:
    """A run at one moment. state: the stored one, or "interrupted" where no process works on it.

    finished: trials that ended since the last look, in their order. testing: the final test while it runs.
    """

    run: RunRow
    state: str
    finished: tuple[TrialRow, ...]
    running: tuple[Running, ...]
    standing: Standing
    pace: Pace
    testing: Live | None

    @property
    def is_over(self) -> bool:
        """Whether nothing works on the run."""
        return self.state not in ("running", "finishing")


@contextmanager
def shown_live(db: Path, run_id: str) -> Iterator[None]:
    """Keep the folder of a run's live files while a segment works; one that cannot be made costs the view alone."""
    folder = live_folder(db, run_id)
    rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.mkdir(mode=0o700)
        begin_live(live_file(db, run_id, SEGMENT), 0)
    try:
        yield
    finally:
        rmtree(folder, ignore_errors=True)


def begin_test(db: Path, run_id: str) -> None:
    """Show that the final test runs."""
    begin_live(live_file(db, run_id, TEST), 0)


class Follower:
    """Looks at one run again and again; reads each trial that is over once."""

    def __init__(self, memory: Memory, db: Path, run_id: str) -> None:
        """Take where to read; nothing is read yet. Raises: NavarchError for settings that cannot be read."""
        self._memory, self._db, self._run_id = memory, db, run_id
        self._settings = settings_of(memory.get_run(run_id))
        self._over: dict[int, TrialRow] = {}
        self._gapless = 0  # all trials up to this number are over and were told

    def look(self) -> View:
        """Return the run as it is now. Raises: NavarchError where the memory cannot be read."""
        # First the lock, then the state: a process stores how it ended before it lets go.
        works = is_held(lock_file(self._db, self._run_id))
        run = self._memory.get_run(self._run_id)
        state: str = run.state
        if not works and state in ("running", "finishing"):
            state = "interrupted"
        rows = self._memory.trials(self._run_id, after=self._gapless)
        new = [row for row in rows if row.is_finished and row.number not in self._over]
        new.sort(key=lambda row: (row.finished_at or "", row.number))
        self._over.update((row.number, row) for row in new)
        while self._gapless + 1 in self._over:
            self._gapless += 1
        running = [
            Running(row, self._read(str(row.number))) for row in rows if works and row.state == "running"
        ]
        segment = self._read(SEGMENT) if works else None
        return View(
            run=run,
            state=state,
            finished=tuple(new),
            running=tuple(running),
            standing=self._standing(),
            pace=self._pace(segment, running),
            testing=self._read(TEST) if works and state == "finishing" else None,
        )

    def _read(self, name: str) -> Live | None:
        return read_live(live_file(self._db, self._run_id, name))

    def _standing(self) -> Standing:
        best = self._memory.best_trial(self._run_id, **self._settings.admitted)
        return Standing(len(self._over), self._settings.budget.trials, best)

    def _pace(self, segment: Live | None, running: Sequence[Running]) -> Pace:
        if segment is None:
            return Pace(None, None)
        now = time.time()
        lives = [each.live for each in running if each.live is not None]
        return pace_of(self._settings, segment.began, now, list(self._over.values()), lives)


@contextmanager
def watched(progress: Progress, follower: Follower) -> Iterator[None]:
    """Let a listener look at a run while the block works on it."""
    progress.watch(follower)
    try:
        yield
    finally:
        progress.ended()


def pace_of(
    settings: Settings, began: float, now: float, over: Sequence[TrialRow], running: Sequence[Live]
) -> Pace:
    """Return how fast a segment goes that began at `began`, seconds of the wall clock.

    over: all trials of the run that ended, those of earlier segments too. running: what runs.
    """
    budget, elapsed = settings.budget, max(now - began, 1e-3)
    before = [row for row in over if row.reused_from is not None or _ended(row) < began]

    def used(rows: Sequence[TrialRow], running: Sequence[Live]) -> dict[str, float]:
        return {
            "trials": len(rows) + sum(live.share for live in running),
            "epochs": epochs_spent(rows, settings) + sum(live.done for live in running),
            "train_seconds": sum(row.train_seconds for row in rows)
            + sum(max(0.0, now - live.began) for live in running),
        }

    spent, earlier = used(over, running), used(before, [])
    rates = {name: (amount - earlier[name]) / elapsed for name, amount in spent.items()}
    left = [] if budget.seconds is None else [max(0.0, budget.seconds - elapsed)]
    if rates["trials"] > 0:
        for name, amount in spent.items():
            limit = getattr(budget, name)
            if limit is not None and rates[name] > 0:
                left.append(max(0.0, limit - amount) / rates[name])
    return Pace(60 * rates["trials"] or None, min(left, default=None))


def _ended(row: TrialRow) -> float:
    """Return when a trial ended, seconds of the wall clock."""
    return datetime.fromisoformat(row.finished_at).timestamp() if row.finished_at else 0.0
