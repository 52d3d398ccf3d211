"""What a classical searcher is told of a stored run: everything that was named, in order, with its result."""

from collections.abc import Callable
from typing import TypeVar

from navarch.agents.classical import History, Searcher, Values
from navarch.memory import Memory, ProposalRow, TrialRow
from navarch.spaces import Architecture, SearchSpace

MAX_REMEMBERED = 100_000  # canonical forms, about 50 MB of a large space
_Found = TypeVar("_Found")


class Searching:
    """The searcher of a run and its history. A round that is over never changes, so it is read once."""

    def __init__(
        self, name: str, searcher: Searcher, memory: Memory, space: SearchSpace, run_id: str
    ) -> None:
        """Take who searches and where to read; nothing is read yet."""
        self.name = name
        self.searcher = searcher
        self._memory = memory
        self._space = space
        self._run_id = run_id
        prior = space.prior.values if space.prior is not None else None
        self._over = History(space.structure, remember_canonical(space), prior)
        self._rounds = 0

    def history(self, round: int, attempt: int) -> History:
        """Return what was named before this attempt; candidates of earlier attempts of the round are waiting.

        It is only to be read.
        """
        while self._rounds < round - 1:
            self._add_round(self._over, self._rounds + 1, None)
            self._rounds += 1
        if attempt == 0:
            return self._over  # asking leaves it as it is
        history = self._over.copy()
        self._add_round(history, round, attempt)
        return history

    def _add_round(self, history: History, round: int, attempt: int | None) -> None:
        """Add a round's proposals: all of a round that is over, or those before `attempt`."""
        trials = {row.proposal_id: row for row in self._memory.trials(self._run_id, round=round)}
        for row in self._memory.proposals(self._run_id, round=round):
            if row.architecture is not None and (attempt is None or row.attempt < attempt):
                self._add(history, row, trials.get(row.proposal_id), is_over=attempt is None)

    def _add(self, history: History, row: ProposalRow, trial: TrialRow | None, *, is_over: bool) -> None:
        values = self._space.parse(row.architecture).values
        if trial is not None and is_over:
            history.finish(values, trial.val_accuracy if trial.state == "complete" else None)
        elif row.status == "duplicate":
            history.repeat(values)
        elif row.status == "invalid":
            history.refuse(values)
        elif not is_over:
            history.wait(values)


def remember_canonical(space: SearchSpace) -> Callable[[Values], Values]:
    """Return the space's canonical form on plain values; a search asks for the same ones again and again."""
    return _remember(lambda values: space.canonical(Architecture(space.name, values)).values)


def remember_path_counts(space: SearchSpace) -> Callable[[Values], tuple[float, ...]]:
    """Return the space's path counts on plain values."""
    return _remember(lambda values: space.path_counts(Architecture(space.name, values)))


def _remember(function: Callable[[Values], _Found]) -> Callable[[Values], _Found]:
    return _Remembered(function).__getitem__


class _Remembered(dict[Values, _Found]):
    """What a function of plain values gave; a look-up of what is known runs no Python."""

    def __init__(self, function: Callable[[Values], _Found]) -> None:
        self._function = function

    def __missing__(self, values: Values) -> _Found:
        if len(self) >= MAX_REMEMBERED:
            self.clear()
        found = self[values] = self._function(values)
        return found
