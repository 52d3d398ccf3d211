"""Local search: climb by single edits from a start, and restart at random on every peak.

Source: White, Nolen and Savani 2021 ("Local search is state of the art for neural architecture search"). `first`
moves as soon as a neighbour is better, neighbours in random order; `best` looks at all neighbours before it moves.
What is known of a neighbour is used without asking again.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Literal

from navarch.agents.classical.searcher import Asked, SearcherView, Values, sample_new


class LocalSearch:
    """Climbs, and restarts at random; `seeded` starts the first climb at the space's prior."""

    def __init__(self, improvement: Literal["first", "best"] = "first", *, seeded: bool = False) -> None:
        """Take when to move, and whether the first start is the prior."""
        self._improvement = improvement
        self._seeded = seeded
        self._near: dict[Values, tuple[Values, ...]] = {}
        self._climb = _Climb(self)

    def propose(self, view: SearcherView, rng: random.Random) -> Values:
        """Return an unknown neighbour of where the climb stands, or a new start."""
        if self._seeded and view.prior is not None and not view.asked:
            return view.prior
        place = self._find_place(view)
        if place is not None:
            unknown = [values for values in self.near(view, place.values) if view.is_new(values)]
            if unknown:
                return rng.choice(unknown)
        return sample_new(view, rng)

    def near(self, view: SearcherView, values: Values) -> tuple[Values, ...]:
        """Return the neighbours, kept since a climb asks for them again and again."""
        if values not in self._near:
            self._near[values] = tuple(view.structure.neighbours(values))
        return self._near[values]

    def moves_at_once(self) -> bool:
        """Tell whether the first better neighbour is taken."""
        return self._improvement == "first"

    def _find_place(self, view: SearcherView) -> Asked | None:
        """Follow the history to where the climb stands; None where a new start is due."""
        settled = view.settled
        if not self._climb.fits(settled):
            self._climb = _Climb(self)
        self._climb.follow(view, settled)
        return self._climb.place


class _Climb:
    """The state that follows from the history so far: a saving, never a source of its own."""

    def __init__(self, search: LocalSearch) -> None:
        self._search = search
        self._followed: list[Asked] = []
        self._known: dict[Values, Asked] = {}
        self.place: Asked | None = None

    def fits(self, settled: Sequence[Asked]) -> bool:
        """Tell whether what was followed is the beginning of this history."""
        return settled[: len(self._followed)] == self._followed

    def follow(self, view: SearcherView, settled: Sequence[Asked]) -> None:
        for entry in settled[len(self._followed) :]:
            self._followed.append(entry)
            self._known.setdefault(entry.canonical, entry)
            if entry.state == "finished":
                starts = self.place is None
                better = self.place is not None and entry.worth > self.place.worth
                if starts or (better and self._search.moves_at_once()):
                    self.place = entry
            self._settle(view)

    def _settle(self, view: SearcherView) -> None:
        """Move to better neighbours that are known; leave a place whose neighbours hold nothing better."""
        while self.place is not None:
            near = self._search.near(view, self.place.values)
            found = [self._known.get(view.canonical(values)) for values in near]
            is_open = any(entry is None for entry in found)
            if is_open and not self._search.moves_at_once():
                return
            best = _best(near, found)
            if best is not None and best.worth > self.place.worth:
                self.place = best
                continue
            if not is_open:
                self.place = None
            return


def _best(near: Sequence[Values], found: Sequence[Asked | None]) -> Asked | None:
    """Return the best known neighbour as it stands beside the place, the first of equals."""
    known: Mapping[Values, Asked] = {
        values: entry for values, entry in zip(near, found, strict=True) if entry is not None
    }
    if not known:
        return None
    values = max(known, key=lambda near: known[near].worth)
    entry = known[values]
    return Asked(values, entry.canonical, entry.state, entry.accuracy)
