"""The evaluator that looks up published results of NAS-Bench-201, simulated training time included.

The file is data/nb201.csv.gz of the shared data: one row an architecture, `arch` as the published string.
Accuracies are means over the published seeds, so every seed gives the same outcome.
"""

import csv
import gzip
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

from navarch import NavarchError
from navarch.evaluation.evaluator import Job, OnOutcome, OnStart, ShouldStop, TestScore
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.outcome import Outcome, TrialCost, failed, judge
from navarch.evaluation.task import Task, get_task
from navarch.spaces import Architecture, get_space

SPACE = "nas-bench-201"
ROWS = 15_625
SECONDS_COLUMN = "c10_sec_per_epoch_est"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where a data set stands in the file; slowdown: its seconds an epoch over the file's column."""

    prefix: str
    slowdown: float


_DATASETS: dict[str, _Columns] = {
    "cifar10": _Columns("c10", 0.5),  # validation results come from training on the 25,000 images of one half
    "cifar100": _Columns("c100", 1.0),
    "imagenet16-120": _Columns("in16", 3.034),
}


@dataclass(frozen=True, slots=True)
class Row:
    """Hold what the table says of one architecture: percent after 200 epochs, and seconds of one epoch."""

    val_accuracy: float
    test_accuracy: float
    epoch_seconds: float


class TableError(NavarchError):
    """The table's file cannot be used."""


class TableEvaluator:
    """Look architectures up in the NAS-Bench-201 table, which is read and checked at once."""

    name = "table"
    slots = 1

    def __init__(self, path: Path | str, dataset: str) -> None:
        """Read the table. Raises: TableError for an unknown data set, and for a file that is not the whole table."""
        if dataset not in _DATASETS:
            raise TableError(f"The table has no data set {dataset!r}; it has: {', '.join(_DATASETS)}.")
        self.path = Path(path)
        if not self.path.is_file():
            raise TableError(
                f"There is no table at {str(self.path)!r}; docs/evaluators.md says what file is needed."
            )
        self.task: Task = get_task(f"nb201-{dataset}")
        self._columns = _DATASETS[dataset]
        self._rows = read_table(self.path, self._columns.prefix)

    def evaluate(self, architecture: Architecture, fidelity: Fidelity, seed: int) -> Outcome:
        """Look one architecture up; an unknown one, or an unpublished fidelity, is a failed outcome."""
        published = self.task.fidelity(SPACE)
        if fidelity != published:
            return failed(
                "invalid", f"the table holds only the fidelity {published.key()}, not {fidelity.key()}"
            )
        row = self._find(architecture)
        if row is None:
            return failed("invalid", f"the table has no architecture {architecture.values!r}")
        cost = get_space(SPACE).cost(
            architecture,
            classes=self.task.classes,
            in_channels=self.task.in_channels,
            resolution=self.task.resolution,
            skeleton=fidelity.skeleton,
        )
        objectives = {
            "val_accuracy": row.val_accuracy,
            "params": float(cost.params),
            "macs": float(cost.macs),
        }
        seconds = row.epoch_seconds * self._columns.slowdown * fidelity.epochs
        return judge(
            Outcome("complete", None, "", objectives, (), TrialCost(0.0, seconds, 0.0, "table", 200))
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
    ) -> TestScore:
        """Look the test accuracy up. Raises: TableError for an architecture that the table does not have."""
        if split != "test":
            raise ValueError(f"split is {split!r}; the sealed split is called 'test'")
        row = self._find(architecture)
        if row is None:
            raise TableError(f"The table {str(self.path)!r} has no architecture {architecture.values!r}.")
        return TestScore(row.test_accuracy, row.val_accuracy, 0.0)

    def close(self) -> None:
        """Do nothing: a table holds no process and no open file."""

    def _find(self, architecture: Architecture) -> Row | None:
        if architecture.space != SPACE:
            return None
        return self._rows.get(get_space(SPACE).genotype(architecture))


def read_table(path: Path, prefix: str, *, rows: int = ROWS) -> dict[str, Row]:
    """Return the rows of one data set by published string.

    Raises: TableError, naming file, row and column, when the file is not the whole table.
    """
    names = ("arch", f"{prefix}_val_200", f"{prefix}_test_200", SECONDS_COLUMN)
    table: dict[str, Row] = {}
    try:
        with _open_text(path) as file:
            lines = csv.reader(file)
            header = next(lines, [])
            positions = [_position(header, name, path) for name in names]
            for number, line in enumerate(lines, start=1):
                if len(line) != len(header):
                    raise TableError(
                        f"Row {number} of {str(path)!r} has {len(line)} fields, not {len(header)}."
                    )
                architecture, *texts = (line[position] for position in positions)
                if architecture in table:
                    raise TableError(
                        f"Row {number} of {str(path)!r} repeats the architecture {architecture!r}."
                    )
                table[architecture] = Row(
                    *(_number(text, name, number, path) for text, name in zip(texts, names[1:], strict=True))
                )
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise TableError(f"The table {str(path)!r} cannot be read ({error}); copy it again.") from None
    if len(table) != rows:
        raise TableError(f"The table {str(path)!r} has {len(table):,} rows, not {rows:,}; copy it again.")
    return table


def _open_text(path: Path) -> TextIO:
    """Open a CSV file, compressed or plain."""
    with path.open("rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
    if is_compressed:
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _position(header: Sequence[str], name: str, path: Path) -> int:
    if name not in header:
        raise TableError(f"The table {str(path)!r} has no column {name!r}; it is not nb201.csv.gz.")
    return header.index(name)


def _number(text: str, name: str, number: int, path: Path) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    high = math.inf if name == SECONDS_COLUMN else 100.0
    if not 0.0 <= value <= high or math.isinf(value):
        raise TableError(
            f"Row {number} of {str(path)!r} has {name} = {text!r}, which is no number from 0 to {high:g}."
        )
    return value
