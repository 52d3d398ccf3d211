"""What a classical searcher is: plain history in, one architecture out; and the loop that asks it.

A searcher sees the structure of the space, what was named so far with its results, and a random stream. It never
sees a table, the name of the space, or published results. What it proposes depends on these alone, so that a resumed
run decides alike; what it keeps between calls only saves work.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from navarch.spaces import Structure

Values = tuple[str, ...]
SPARE = 64  # known or refused architectures that a searcher may name in one turn before it is given up
FRESH_TRIES = 32  # draws for one that is new, where a searcher wants a new one


@dataclass(frozen=True, slots=True)
class Asked:
    """One architecture that the search named, in order; an equal one may have been named before.

    canonical: what equal architectures share. accuracy: validation accuracy in percent, of this architecture or of
    the equal one that was evaluated before it; None for a failed trial. A refused one broke a limit; a waiting one is
    to be evaluated in this round.
    """

    values: Values
    canonical: Values
    state: Literal["finished", "refused", "waiting"]
    accuracy: float | None = None

    @property
    def worth(self) -> float:
        """Return the accuracy, and less than any for what has none."""
        return float("-inf") if self.accuracy is None else self.accuracy


@dataclass(frozen=True, slots=True)
class SearcherView:
    """All that a searcher sees. Read it, never change it.

    asked: everything in order, repetitions included: a look-up is free, and tells a method what it would tell it
    anywhere. known: by canonical values, what was named first. prior: where the space says to start.
    """

    structure: Structure
    canonical: Callable[[Values], Values]
    asked: Sequence[Asked]
    known: Mapping[Values, Asked]
    prior: Values | None = None

    def is_new(self, values: Values) -> bool:
        """Tell whether nothing equal was named before."""
        return self.canonical(values) not in self.known

    @property
    def settled(self) -> list[Asked]:
        """Return what comes before the first that is still waiting."""
        n = next((i for i, entry in enumerate(self.asked) if entry.state == "waiting"), len(self.asked))
        return list(self.asked[:n])

    def evaluated(self) -> list[Asked]:
        """Return what was evaluated, each once, in order; failed trials among it."""
        return [asked for asked in self.known.values() if asked.state == "finished"]


class Searcher(Protocol):
    """A search method that names one architecture at a time."""

    def propose(self, view: SearcherView, rng: random.Random) -> Values:
        """Return a legal architecture; a known or refused one costs nothing and comes back in `view.asked`."""


class History:
    """What was asked so far; it grows, and what is in it never changes."""

    def __init__(
        self,
        structure: Structure,
        canonical: Callable[[Values], Values],
        prior: Values | None = None,
        asked: Sequence[Asked] = (),
    ) -> None:
        self._structure = structure
        self._canonical = canonical
        self._prior = prior
        self._asked = list(asked)
        self._known: dict[Values, Asked] = {}
        for entry in self._asked:
            self._known.setdefault(entry.canonical, entry)

    def copy(self) -> "History":
        """Return a history that can grow without this one."""
        copied = History(self._structure, self._canonical, self._prior)
        copied._asked = self._asked.copy()
        copied._known = self._known.copy()
        return copied

    def view(self) -> SearcherView:
        """Return what a searcher sees now."""
        return SearcherView(self._structure, self._canonical, self._asked, self._known, self._prior)

    def finish(self, values: Values, accuracy: float | None) -> None:
        """Add an architecture that was evaluated."""
        self._add(Asked(values, self._canonical(values), "finished", accuracy))

    def refuse(self, values: Values) -> None:
        """Add an architecture that broke a limit."""
        self._add(Asked(values, self._canonical(values), "refused"))

    def wait(self, values: Values) -> None:
        """Add an architecture that will be evaluated in this round."""
        self._add(Asked(values, self._canonical(values), "waiting"))

    def repeat(self, values: Values) -> bool:
        """Add an architecture with what is known of an equal one; tell whether there is one."""
        canonical = self._canonical(values)
        first = self._known.get(canonical)
        if first is not None:
            self._add(Asked(values, canonical, first.state, first.accuracy))
        return first is not None

    def _add(self, entry: Asked) -> None:
        self._asked.append(entry)
        self._known.setdefault(entry.canonical, entry)


def ask(
    searcher: Searcher,
    history: History,
    wanted: int,
    is_allowed: Callable[[Values], bool],
    rng: random.Random,
) -> list[Values]:
    """Return what the searcher names, in order, until `wanted` new and allowed ones are among it.

    Known ones are answered from the history at once and do not count, nor do those that break a limit; after `SPARE`
    of them the searcher's turn is over. `history` stays as it is.
    """
    draft = history.copy()
    named: list[Values] = []
    n_new = 0
    while n_new < wanted and len(named) < wanted + SPARE:
        values = searcher.propose(draft.view(), rng)
        named.append(values)
        if draft.repeat(values):
            continue
        if is_allowed(values):
            draft.wait(values)
            n_new += 1
        else:
            draft.refuse(values)
    return named


def sample_new(view: SearcherView, rng: random.Random) -> Values:
    """Return a uniform draw, a new one if `FRESH_TRIES` draws find one."""
    values = view.structure.sample(rng)
    for _ in range(FRESH_TRIES):
        if view.is_new(values):
            break
        values = view.structure.sample(rng)
    return values


def edit(view: SearcherView, values: Values, rng: random.Random) -> Values:
    """Return an architecture one edit away, drawn uniformly; itself where no legal one is found."""
    for _ in range(FRESH_TRIES):
        edited = view.structure.step(values, rng)
        if edited != values:
            return edited
    return values
