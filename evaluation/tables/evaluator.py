"""The evaluator that looks results up in a table, published or a user's own.

Accuracies are what the table says, whatever the seed; a published table is a mean over the published seeds. The test
accuracy is that of the highest fidelity, whatever fidelity the search worked at.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

from navarch.evaluation.costing import cost_on
from navarch.evaluation.evaluator import Job, OnOutcome, OnStart, ShouldStop, TestScore
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.outcome import Outcome, TrialCost, failed, judge
from navarch.evaluation.tables import ofa_predictor
from navarch.evaluation.tables.ofa_predictor import AccuracyPredictor
from navarch.evaluation.tables.opening import TableError
from navarch.evaluation.tables.own import ColumnNames, read_own_rows
from navarch.evaluation.tables.published import PUBLISHED
from navarch.evaluation.tables.reading import Row, Rows, read_rows
from navarch.evaluation.tables.whole import read_whole
from navarch.evaluation.task import Task
from navarch.spaces import Architecture, SearchSpace


class _Results(Protocol):
    """What stands behind the evaluator: the rows of a table, or something that makes them."""

    def get(self, values: tuple[str, ...], /) -> Row | None:
        """Return the results of an architecture by its option names; None where there are none."""


class TableEvaluator:
    """Look architectures up in a table, which is read and checked at once."""

    name = "table"
    slots = 1
    instant = True

    def __init__(
        self,
        path: Path | str,
        task: Task,
        space: SearchSpace,
        *,
        names: ColumnNames | None = None,
        is_partial: bool = False,
    ) -> None:
        """Read the table.

        space: whose architectures the table holds. names: the columns of a user's own table. is_partial: a published
        table may lack architectures.
        Raises: TableError for a file that is not the table, NavarchError for a task of another space.
        """
        self.path = Path(path)
        self.task = task
        self._space = space
        self._fidelities = task.fidelities(space.name)
        layout = PUBLISHED.get(task.name)
        self._seconds_scale = 1.0 if layout is None else layout.seconds_scale
        self._notes: tuple[str, ...] = ()
        self._results: _Results
        if task.name == ofa_predictor.TASK:
            self._results = AccuracyPredictor(self.path)
            self._notes = _prediction_notes(space)
            return
        rows = (
            read_own_rows(self.path, space, names or ColumnNames())
            if layout is None
            else read_rows(self.path, space, layout.columns)
            if is_partial
            else read_whole(self.path, space, layout)
        )
        self._results = rows
        self._notes = _row_notes(space, rows, self._fidelities)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a person should know before the search."""
        if self.task.has_test:
            return self._notes
        return (*self._notes, "the table has no test accuracy: there will be no final test")

    def evaluate(self, architecture: Architecture, fidelity: Fidelity, seed: int) -> Outcome:
        """Look one architecture up; an unknown one, or a fidelity that the table lacks, is a failed outcome."""
        row = self._find(architecture)
        if row is None:
            return failed("invalid", f"the table has no architecture {self._show(architecture)}")
        val_accuracy = self._val_accuracy(row, fidelity)
        if val_accuracy is None:
            known = " and ".join(known.key() for known in self._fidelities)
            return failed("invalid", f"the table holds only the fidelity {known}, not {fidelity.key()}")
        cost = cost_on(self.task, self._space, architecture, fidelity)
        objectives = {"val_accuracy": val_accuracy, "params": float(cost.params), "macs": float(cost.macs)}
        seconds = (row.seconds or 0.0) * self._seconds_scale * fidelity.epochs
        spent = TrialCost(0.0, seconds, 0.0, "table", fidelity.epochs)
        return judge(Outcome("complete", None, "", objectives, (), spent))

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
        """Look the test accuracy of the highest fidelity up; None where the table has none.

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

    def _val_accuracy(self, row: Row, fidelity: Fidelity) -> float | None:
        """Return the accuracy at a fidelity; None where the table does not have it."""
        if fidelity == self._fidelities[-1]:
            return row.val_accuracy
        return row.lower.get(fidelity.epochs) if fidelity in self._fidelities else None

    def _find(self, architecture: Architecture) -> Row | None:
        if architecture.space != self._space.name:
            return None
        return self._results.get(architecture.values)

    def _show(self, architecture: Architecture) -> str:
        if architecture.space != self._space.name:
            return f"of the space {architecture.space!r}"
        return repr(self._space.code(architecture))


def _row_notes(space: SearchSpace, rows: Rows, fidelities: Sequence[Fidelity]) -> tuple[str, ...]:
    notes = []
    if len(rows) < space.size:
        notes.append(
            f"the table holds {len(rows):,} of {space.size:,} architectures: "
            "a trial of another one fails as invalid"
        )
    notes += [
        f"the table has no column for {fidelity.epochs} epochs: such a trial fails as invalid"
        for fidelity in fidelities[:-1]
        if not any(fidelity.epochs in row.lower for row in rows.values())
    ]
    return tuple(notes)


def _prediction_notes(space: SearchSpace) -> tuple[str, ...]:
    note = "validation accuracies are predictions, on held-out training images, and no measurements"
    if space.name == ofa_predictor.PREDICTED_WIDTH:
        return (note,)
    return (note, f"the predictor was published for {ofa_predictor.PREDICTED_WIDTH}: here it is a guess")
