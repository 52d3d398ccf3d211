"""The rounds of a run that are over, as its process knows them: read once, since such a round never changes."""

from bisect import bisect_left
from collections.abc import Sequence

from navarch.evaluation import History
from navarch.graph.records import evaluated
from navarch.memory import Memory, TrialRow
from navarch.spaces import SearchSpace


class Past:
    """What earlier rounds tried: how much, of which digests, and the trials to compare new ones with.

    A round is read when a later one asks for it, unless it was handed over at its end.
    """

    def __init__(self, memory: Memory, space: SearchSpace, run_id: str) -> None:
        """Take where to read; nothing is read yet."""
        self._memory = memory
        self._run_id = run_id
        self._space = space
        self._histories: dict[str, History] = {}  # by fidelity: only trials of equal fidelity compare
        self._ends: list[int] = []  # by round, the trials that were done at its end
        self._numbers: dict[str, int] = {}

    def trials_before(self, round: int) -> int:
        """Return how many trials earlier rounds made, failed ones included."""
        self._read(round - 1)
        return self._ends[round - 2] if round > 1 else 0

    def find(self, digest: str, before: int) -> int | None:
        """Return the number of the trial of an earlier round that has this digest, or None."""
        self._read(before - 1)
        number = self._numbers.get(digest)
        return number if number is not None and self._round_of(number) < before else None

    def close(self, round: int, rows: Sequence[TrialRow]) -> History:
        """Take a round's trials, all finished and of one fidelity; return all such trials so far to compare with."""
        self._read(round - 1)
        if len(self._ends) < round:
            self._add(rows)
        return self._history(rows[0].fidelity) if rows else History(self._space)

    def _history(self, fidelity: str) -> History:
        return self._histories.setdefault(fidelity, History(self._space))

    def _round_of(self, number: int) -> int:
        return 1 + bisect_left(self._ends, number)

    def _read(self, last: int) -> None:
        while len(self._ends) < last:
            self._add(self._memory.trials(self._run_id, round=len(self._ends) + 1))

    def _add(self, rows: Sequence[TrialRow]) -> None:
        for row in rows:
            self._history(row.fidelity).add(evaluated(self._space, row))
            self._numbers.setdefault(row.digest, row.number)
        self._ends.append((self._ends[-1] if self._ends else 0) + len(rows))


class Seen:
    """What counts as known in a round: the trials of earlier rounds, and the candidates that it has so far."""

    def __init__(self, past: Past, round: int) -> None:
        """Begin with the trials of earlier rounds."""
        self._past = past
        self._round = round
        self._candidates: dict[str, str] = {}

    def add(self, digest: str, code: str) -> None:
        """Add a candidate of the round."""
        self._candidates[digest] = code

    def find(self, digest: str) -> tuple[str, str] | None:
        """Return what has this digest: "duplicate-trial" and its number, or "duplicate-proposal" and its code."""
        if digest in self._candidates:
            return "duplicate-proposal", self._candidates[digest]
        number = self._past.find(digest, self._round)
        return None if number is None else ("duplicate-trial", str(number))
