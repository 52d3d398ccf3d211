"""Finished trials to compare a new one with, kept so that comparing stays cheap as they grow."""

from bisect import bisect_left, bisect_right, insort
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
        self._numbers: list[int] = []
        self._having: dict[tuple[int, str], int] = {}  # of each option: bit i is set where trial i has it
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
        for choice in enumerate(record.architecture.values):
            self._having[choice] = self._having.get(choice, 0) | 1 << len(self._numbers)
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
        left = (1 << len(self._numbers)) - 1
        if record.number in self._records:
            left ^= 1 << bisect_left(self._numbers, record.number)
        digits = self._count_shared(record.architecture)
        found: list[Evaluated] = []
        while left and len(found) < count:
            nearest = left
            for digit in reversed(digits):
                nearest = nearest & digit or nearest
            left ^= nearest
            while nearest and len(found) < count:
                newest = nearest.bit_length() - 1
                nearest ^= 1 << newest
                found.append(self._records[self._numbers[newest]])
        return found

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

    def _count_shared(self, architecture: Architecture) -> list[int]:
        """Return the binary digits, the lowest first, of how many options each trial shares: bit i is of trial i.

        All trials are counted at once, by an adder on integers as long as the history.
        """
        digits: list[int] = []
        for choice in enumerate(architecture.values):
            carry = self._having.get(choice, 0)
            for place, digit in enumerate(digits):
                digits[place], carry = digit ^ carry, digit & carry
            if carry:
                digits.append(carry)
        return digits


def _score(record: Evaluated) -> float | None:
    return record.val_accuracy if record.state == "complete" else None
