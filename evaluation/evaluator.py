"""What the search asks of an evaluator, whatever stands behind it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from navarch import NavarchError
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.outcome import Outcome
from navarch.evaluation.task import Task
from navarch.spaces import Architecture


class TestFailedError(NavarchError):
    """The final test of an architecture could not be measured."""

    __test__ = False  # not a test case, whatever pytest thinks of the name


@dataclass(frozen=True, slots=True)
class Continuation:
    """Say where the weights of a trial lie that others go on from; for evaluators that train.

    load: the file that the earlier trial `trial` (its number) left after so many `epochs`; save: where this trial
    leaves its own; empty: none.
    """

    load: str = ""
    trial: int = 0
    epochs: int = 0
    save: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """Ask for one trial: one architecture at one fidelity and seed.

    live: the file in which its process tells of its epochs, "" for none; see `live.py`.
    bars: (epoch, validation accuracy in percent): a trial whose best so far is below the bar of an epoch stops there;
    for evaluators that train.
    """

    trial_id: str
    architecture: Architecture
    fidelity: Fidelity
    seed: int
    continuation: Continuation | None = None
    bars: tuple[tuple[int, float], ...] = ()
    live: str = ""

    @property
    def start_epochs(self) -> int:
        """The epochs of the weights that it is to go on from; 0 where it begins anew."""
        return 0 if self.continuation is None else self.continuation.epochs


@dataclass(frozen=True, slots=True)
class TestScore:
    """Hold a result on the sealed test split; a type of its own, so that it is never feedback."""

    __test__ = False

    accuracy: float  # percent, test split
    val_accuracy: float  # percent, validation split, of the same weights
    seconds: float


OnStart = Callable[[Job], None]
OnOutcome = Callable[[Job, Outcome], None]
ShouldStop = Callable[[], bool]


class Evaluator(Protocol):
    """Measure architectures on one task. A bad architecture is a failed outcome; nothing is raised for it."""

    @property
    def name(self) -> str:
        """Name the evaluator: "train", "table", ..."""

    @property
    def task(self) -> Task:
        """The task that it measures on."""

    @property
    def slots(self) -> int:
        """How many trials run at once."""

    @property
    def instant(self) -> bool:
        """Whether it answers at once, so that a whole round is stored in one transaction."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know before the search, one sentence each; trials may add what was found out."""

    def evaluate(self, architecture: Architecture, fidelity: Fidelity, seed: int) -> Outcome:
        """Measure one architecture."""

    def evaluate_many(
        self, jobs: Sequence[Job], *, on_start: OnStart, on_outcome: OnOutcome, should_stop: ShouldStop
    ) -> None:
        """Measure all jobs, in any order, `slots` at a time; the callbacks run in the caller's thread.

        Once `should_stop` says so, running trials are killed, unfinished jobs are not reported, and the
        call returns.
        """

    def test(
        self, architecture: Architecture, fidelity: Fidelity, seed: int, *, split: Literal["test"]
    ) -> TestScore | None:
        """Measure again with the same seed and read the sealed test split; None where there is none.

        Raises: TestFailedError.
        """

    def close(self) -> None:
        """Give back processes and files; closing twice is fine."""
