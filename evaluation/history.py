"""Finished trials to compare a new one with, kept so that comparing stays cheap as they grow."""

from bisect import bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass

from navarch.evaluation.outcome import CurvePoint, FinalState, Reason
from navarch.spaces import Architecture, SearchSpace


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Hold a finished trial as plain data."""

    number: int
    architecture: Architecture
    digest: str
    state: FinalState
    reason: Reason | None
    detail: str
    val_accuracy: float | None
    params: int
    macs: int
    curve: tuple[CurvePoint, ...]
    seconds: float


class History:
    """Finished trials of one space, each once."""

    def __init__(self, space: SearchSpace, records: Iterable[Evaluated] = ()) -> None:
        """Take the space and what has finished so far."""
        self.space = space
        self._records: dict[int, Evaluated] = {}
        self._bits: dict[tuple[int, str], int] = {}
        self._masks: list[int] = []
        self._numbers: list[int] = []
        self._scores: list[float] = []
        for record in records:
            self.add(record)

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Evaluated) -> None:
        """Add a trial, numbered above all that are here; one whose number is known stays as it is."""
        if record.number in self._records:
            return
        self._records[record.number] = record
        self._masks.append(self._mask(record.architecture))
        self._numbers.append(record.number)
        score = _score(record)
        if score is not None:
            insort(self._scores, score)

    def __getitem__(self, number: int) -> Evaluated:
        """Return the trial of this number."""
        return self._records[number]

    def nearest(self, record: Evaluated, count: int) -> list[Evaluated]:
        """Return the trials that differ in the fewest dimensions, of equally near ones the newer first.

        The record itself is not among them.
        """
        own = self._mask(record.architecture)
        shared = list(map(int.bit_count, map(own.__and__, reversed(self._masks))))  # the newest first
        wanted = min(count + 1, len(shared))  # the record itself may be the first
        found: list[int] = []
        alike = max(shared, default=0)
        while len(found) < wanted:
            at = -1
            for _ in range(min(wanted - len(found), shared.count(alike))):
                at = shared.index(alike, at + 1)
                found.append(self._numbers[-1 - at])
            alike -= 1
        return [self._records[number] for number in found if number != record.number][:count]

    def standing(self, record: Evaluated) -> tuple[int | None, float | None]:
        """Return the rank among the complete trials, 1 is best, and the margin to the best of the others, in points.

        Both None for a trial without an accuracy; no margin where no other is complete.
        """
        mine = _score(record)
        if mine is None:
            return None, None
        rank = 1 + len(self._scores) - bisect_right(self._scores, mine)
        others = self._scores[-2:]
        if record.number in self._records and rank == 1:
            others = others[:-1]
        return rank, mine - others[-1] if others else None

    def _mask(self, architecture: Architecture) -> int:
        """Return one bit for the option of every dimension: what two share is counted by a single AND."""
        mask = 0
        for choice in enumerate(architecture.values):
            mask |= 1 << self._bits.setdefault(choice, len(self._bits))
        return mask


def _score(record: Evaluated) -> float | None:
    return record.val_accuracy if record.state == "complete" else None
