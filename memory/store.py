"""`Memory`: one SQLite file, the truth of every run. Each table's methods are in a module of their own."""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from navarch.memory.answers import Answers
from navarch.memory.check import find_problems
from navarch.memory.connection import Fault, Store, no_fault
from navarch.memory.creating import new_file
from navarch.memory.directions import Directions
from navarch.memory.lessons import Lessons, TestScores
from navarch.memory.opening import open_database
from navarch.memory.proposals import Proposals
from navarch.memory.runs import Rounds, Runs
from navarch.memory.transfer import Taken, copy_runs
from navarch.memory.trial_views import TrialViews
from navarch.memory.trials import Trials


class Memory(Runs, Rounds, Proposals, Trials, TrialViews, Answers, Directions, Lessons, TestScores):
    """What all runs know. Writes are idempotent by key, all or nothing, and on the disk when they return.

    Those in a transaction with `durable=False` wait for the next that is; a process that is killed loses none.
    """

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        create: bool = True,
        read_only: bool = False,
        timeout_s: float = 30.0,
        fault: Fault = no_fault,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Open the memory at `path`, or make it (file 0600, missing folders 0700).

        `timeout_s` is how long to wait for another process's write; `fault` is called with the name of each
        fault point that is passed. Raises: a Store error, one sentence, with the file left as it was.
        """
        where = Path(os.path.abspath(path))
        db = open_database(
            where, create=create, read_only=read_only, timeout_s=timeout_s, clock=clock, fault=fault
        )
        return cls(Store(db, where, clock, fault))

    @property
    def path(self) -> Path:
        """The absolute path of the file."""
        return self._store.path

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[None]:
        """Make one unit of several writes: all are stored when the block ends, or none when it raises.

        durable: False for what can be made again, so that it need not wait for the disk; it survives `kill -9` all the
        same.
        """
        return self._store.transaction(durable=durable)

    def check(self) -> list[str]:
        """Return what is wrong with the file, in plain sentences; an empty list when it is sound."""
        return find_problems(self._store)

    def export_run(self, run_id: str, path: Path) -> list[Taken]:
        """Write the run, with the runs whose trials it reuses, to a new memory at `path`; half a one is never seen.

        Raises: StoreError when something is there already; StoreDamagedError.
        """
        where = Path(os.path.abspath(path))
        with new_file(where) as draft, Memory.open(draft) as target:
            taken = copy_runs(self._store, target._store, [run_id], dict)
            target._store.rows("PRAGMA journal_mode = DELETE")  # one file, also while it is read
            return taken

    def import_runs(self, path: Path, clean: Callable[[dict[str, Any]], dict[str, Any]]) -> list[Taken]:
        """Take all runs of another memory over, or none; an id that is taken becomes a free one.

        `clean` returns what is kept of the settings of a run. Raises: StoreError; StoreDamagedError.
        """
        with Memory.open(path, create=False, read_only=True) as source:
            runs = [run.run_id for run in source.runs()]
            return copy_runs(source._store, self._store, runs, clean)

    def close(self) -> None:
        """Close the file; twice is fine."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
