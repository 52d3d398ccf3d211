"""The evaluator that looks results up in a table, published or a user's own.

Accuracies are what the table says, whatever the seed; a published table is a mean over the published seeds.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from navarch.evaluation.costing import cost_on
from navarch.evaluation.evaluator import Job, OnOutcome, OnStart, ShouldStop, TestScore
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.outcome import Outcome, TrialCost, failed, judge
from navarch.evaluation.tables.own import ColumnNames, read_own_rows
from navarch.evaluation.tables.published import PUBLISHED, PublishedTable
from navarch.evaluation.tables.reading import Row, Rows, TableError, read_rows
from navarch.evaluation.task import Task
from navarch.spaces import Architecture, SearchSpace


class TableEvaluator:
    """Look architectures up in a table, which is read and checked at once."""

    name = "table"
    slots = 1
    instant = True

    def __init__(
        self, path: Path | str, task: Task, space: SearchSpace, *, names: ColumnNames | None = None
    ) -> None:
        """Read the table.

        space: whose architectures the table holds. names: the columns of a user's own table.
        Raises: TableError for a file that is not the table, NavarchError for a task of another space.
        """
        self.path = Path(path)
        self.task = task
        self._space = space
        self._published = task.fidelity(space.name)
        layout = PUBLISHED.get(task.name)
        self._seconds_scale = 1.0 if layout is None else layout.seconds_scale
        self._rows = (
            read_own_rows(self.path, space, names or ColumnNames())
            if layout is None
            else _read_whole(self.path, space, layout)
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a person should know before the search."""
        notes = []
        if len(self._rows) < self._space.size:
            notes.append(
                f"the table holds {len(self._rows):,} of {self._space.size:,} architectures: "
                "a trial of another one fails as invalid"
            )
        if not self.task.has_test:
            notes.append("the table has no test accuracy: there will be no final test")
        return tuple(notes)

    def evaluate(self, architecture: Architecture, fidelity: Fidelity, seed: int) -> Outcome:
        """Look one architecture up; an unknown one, or another fidelity, is a failed outcome."""
        if fidelity != self._published:
            return failed(
                "invalid", f"the table holds only the fidelity {self._published.key()}, not {fidelity.key()}"
            )
        row = self._find(architecture)
        if row is None:
            return failed("invalid", f"the table has no architecture {self._show(architecture)}")
        cost = cost_on(self.task, self._space, architecture, fidelity)
        objectives = {
            "val_accuracy": row.val_accuracy,
            "params": float(cost.params),
            "macs": float(cost.macs),
        }
        seconds = (row.seconds or 0.0) * self._seconds_scale
        return judge(
            Outcome(
                "complete", None, "", objectives, (), TrialCost(0.0, seconds, 0.0, "table", fidelity.epochs)
            )
        )

    def evaluate_many(
        self, jobs: Sequence[Job], *, on_start: OnStart, on_outcome: OnOutcome, should_stop: ShouldStop
    ) -> None:
        """Look all jobs up, in order; see `Evaluator.evaluate_many`."""
        for job in jobs:
            if should_stop():
                return
            on_start(job)
            on_outcome(job, self.evaluate(job.architecture, job.fidelity, job.seed))

    def test(
        self, architecture: Architecture, fidelity: Fidelity, seed: int, *, split: Literal["test"]
    ) -> TestScore | None:
        """Look the test accuracy up; None where the table has none.

        Raises: TableError for an architecture that the table does not have.
        """
        if split != "test":
            raise ValueError(f"split is {split!r}; the sealed split is called 'test'")
        row = self._find(architecture)
        if row is None:
            raise TableError(f"The table {str(self.path)!r} has no architecture {self._show(architecture)}.")
        return None if row.test_accuracy is None else TestScore(row.test_accuracy, row.val_accuracy, 0.0)

    def close(self) -> None:
        """Do nothing: a table holds no process and no open file."""

    def _find(self, architecture: Architecture) -> Row | None:
        if architecture.space != self._space.name:
            return None
        return self._rows.get(architecture.values)

    def _show(self, architecture: Architecture) -> str:
        if architecture.space != self._space.name:
            return f"of the space {architecture.space!r}"
        return repr(self._space.code(architecture))


def _read_whole(path: Path, space: SearchSpace, layout: PublishedTable) -> Rows:
    """Return the rows of a published table. Raises: TableError where an architecture of the space is missing."""
    rows = read_rows(path, space, layout.columns)
    if len(rows) != space.size:
        raise TableError(
            f"The table {str(path)!r} has {len(rows):,} rows, not {space.size:,}: it is not the whole "
            f"{layout.file}; copy it again."
        )
    return rows
