"""What a run tells whoever watches it: the command line prints these events, a library user may listen otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from navarch.evaluation import Evaluator
from navarch.memory import ProposalRow, RunRow, TrialRow

if TYPE_CHECKING:
    from navarch.agents.caller import Answer
    from navarch.graph.assemble import RunParts
    from navarch.graph.following import Follower


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the run stands after a trial: `best` is None until a trial completes."""

    trials: int
    budget: int
    best: TrialRow | None


class Progress(Protocol):
    """A listener. Every method is called after what it tells of was stored."""

    def began(self, run: RunRow, parts: "RunParts", evaluator: Evaluator) -> None:
        """A segment of the run begins."""

    def watch(self, follower: "Follower") -> None:
        """A look at the run, from any thread and as often as wanted, until `ended`."""

    def ended(self) -> None:
        """The segment is over, however it ended: `watch`'s follower may not be used any more."""

    def answered(self, round: int, role: str, answer: "Answer[Any]") -> None:
        """A role has replied."""

    def validated(self, round: int, attempt: int, counts: Mapping[str, int]) -> None:
        """The proposals of an attempt were judged: `counts` by status."""

    def selected(self, round: int, chosen: list[ProposalRow], vetoed: int) -> None:
        """The Critic's verdicts were applied."""

    def started(self, trial: TrialRow) -> None:
        """A trial began to train."""

    def finished(self, trial: TrialRow, standing: Standing) -> None:
        """A trial ended and is stored: it is acknowledged from here on."""

    def confirming(self, best: list[TrialRow], seeds: int) -> None:
        """The search is over; its best are trained again on so many fresh seeds."""

    def repeated(self, trial: TrialRow, done: int, planned: int) -> None:
        """A repeat, of a confirmation or of a measurement of noise, ended and is stored."""

    def testing(self, trial: TrialRow) -> None:
        """The winner's architecture meets the test split."""

    def noted(self, message: str) -> None:
        """Something that a person should know, in one sentence."""


class Trying(Protocol):
    """The part of a listener that hears of trials."""

    def started(self, trial: TrialRow) -> None:
        """A trial began."""

    def finished(self, trial: TrialRow, standing: Standing) -> None:
        """A trial ended and is stored."""


class Later:
    """Keeps what is to be told of trials until they are stored."""

    def __init__(self) -> None:
        self._started: list[TrialRow] = []
        self._finished: list[tuple[TrialRow, Standing]] = []

    def started(self, trial: TrialRow) -> None:
        """Keep that a trial began."""
        self._started.append(trial)

    def finished(self, trial: TrialRow, standing: Standing) -> None:
        """Keep that a trial ended."""
        self._finished.append((trial, standing))

    def tell(self, progress: Trying) -> None:
        """Tell all of it, in order: first what began."""
        for trial in self._started:
            progress.started(trial)
        for trial, standing in self._finished:
            progress.finished(trial, standing)


class Silent:
    """A listener that ignores everything."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None
