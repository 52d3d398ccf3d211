"""Look at a run while it works: what ended since the last look, what runs, how fast, and how long the rest may take.

Read-only. What runs is told by small files in a folder beside the memory (`evaluation/live.py`), which are there while
the run's process holds its lock; what a killed process left of them is not looked at.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import rmtree

from navarch.evaluation.live import Live, begin_live, read_live
from navarch.graph.confirmation import winner_of
from navarch.graph.lock import is_held
from navarch.graph.paths import live_file, live_folder, lock_file
from navarch.graph.progress import Progress, Standing
from navarch.graph.rungs import epochs_spent, search_epochs
from navarch.graph.sections import Budget
from navarch.graph.settings import settings_of
from navarch.memory import REPEATS, Memory, RunRow, TrialRow

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
    Where repeats are trained both are theirs alone; before, their time is not in the time that is left.
    """

    per_minute: float | None
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class View:
    """A run at one moment. state: the stored one, or "interrupted" where no process works on it.

    finished: trials that ended since the last look, in their order; repeated: so with repeats, of which `repeats` ended
    so far and `planned` are all. testing: the final test while it runs.
    """

    run: RunRow
    state: str
    finished: tuple[TrialRow, ...]
    repeated: tuple[TrialRow, ...]
    repeats: int
    planned: int
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
        rows += self._memory.trials(self._run_id, round=REPEATS, after=self._gapless)
        new = [row for row in rows if row.is_finished and row.number not in self._over]
        new.sort(key=lambda row: (row.finished_at or "", row.number))
        self._over.update((row.number, row) for row in new)
        while self._gapless + 1 in self._over:
            self._gapless += 1
        waiting = [row for row in rows if row.round == REPEATS and not row.is_finished]
        repeats = self._ended(repeats=True)
        running = [
            Running(row, self._read(str(row.number))) for row in rows if works and row.state == "running"
        ]
        segment = self._read(SEGMENT) if works else None
        return View(
            run=run,
            state=state,
            finished=tuple(row for row in new if row.round != REPEATS),
            repeated=tuple(row for row in new if row.round == REPEATS),
            repeats=len(repeats),
            planned=len(repeats) + len(waiting),
            running=tuple(running),
            standing=self._standing(),
            pace=self._pace(segment, running, [*repeats, *waiting]),
            testing=self._read(TEST) if works and state == "finishing" else None,
        )

    def _read(self, name: str) -> Live | None:
        return read_live(live_file(self._db, self._run_id, name))

    def _ended(self, *, repeats: bool) -> list[TrialRow]:
        return [row for row in self._over.values() if (row.round == REPEATS) is repeats]

    def _standing(self) -> Standing:
        best = winner_of(self._memory, self._run_id, self._settings)
        return Standing(len(self._ended(repeats=False)), self._settings.budget.trials, best)

    def _pace(self, segment: Live | None, running: Sequence[Running], repeats: Sequence[TrialRow]) -> Pace:
        """Return the pace of the repeats, if there are any, else that of the search."""
        if segment is None:
            return Pace(None, None)
        settings, now, over = self._settings, time.time(), self._ended(repeats=bool(repeats))
        lives = [each.live for each in running if each.live is not None]
        if repeats:
            began = max(segment.began, min(_seconds(row.created_at) for row in repeats))
            return pace_of(Budget(trials=len(repeats)), began, now, over, lives)
        epochs = search_epochs(settings, settings.full_epochs or 0)
        budget = settings.budget.model_copy(update={"epochs": epochs})
        return pace_of(budget, segment.began, now, over, lives, lambda rows: epochs_spent(rows, settings))


@contextmanager
def watched(progress: Progress, follower: Follower) -> Iterator[None]:
    """Let a listener look at a run while the block works on it."""
    progress.watch(follower)
    try:
        yield
    finally:
        progress.ended()


def whole_epochs(rows: Sequence[TrialRow]) -> int:
    """Return the epochs of trials that all began anew."""
    return sum(row.epochs for row in rows)


def pace_of(
    budget: Budget,
    began: float,
    now: float,
    over: Sequence[TrialRow],
    running: Sequence[Live],
    epochs_of: Callable[[Sequence[TrialRow]], int] = whole_epochs,
) -> Pace:
    """Return how fast a segment goes that began at `began`, seconds of the wall clock.

    over: all trials of the run that ended, those of earlier segments too. running: what runs. epochs_of: what trials
    count of the budget of epochs.
    """
    elapsed = max(now - began, 1e-3)
    fresh = [row for row in over if row.reused_from is None and _seconds(row.finished_at) >= began]

    def used(rows: Sequence[TrialRow]) -> dict[str, float]:
        return {
            "trials": len(rows) + sum(live.share for live in running),
            "epochs": epochs_of(rows) + sum(live.trained for live in running),
            "train_seconds": sum(row.train_seconds for row in rows)
            + sum(max(0.0, now - live.began) for live in running),
        }

    rates = {name: amount / elapsed for name, amount in used(fresh).items()}
    left = [] if budget.seconds is None else [max(0.0, budget.seconds - elapsed)]
    if rates["trials"] > 0:
        for name, amount in used(over).items():
            limit = getattr(budget, name)
            if limit is not None and rates[name] > 0:
                left.append(max(0.0, limit - amount) / rates[name])
    return Pace(60 * rates["trials"] or None, min(left, default=None))


def _seconds(stored: str | None) -> float:
    """Return a stored time in seconds of the wall clock; 0 for none."""
    return datetime.fromisoformat(stored).timestamp() if stored else 0.0
