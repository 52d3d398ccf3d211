"""Which choices go together: activity, constraints, and the moves that keep an architecture legal.

It works on tuples of option names, in the order of the dimensions, INACTIVE where one is not in use. It knows
nothing of names of spaces, of costs or of networks, so that a searcher that sees only a description of a space
can use it as well.
"""

import random
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate, product
from math import prod
from typing import NamedTuple

from navarch import NavarchError
from navarch.spaces.constraints import Constraint
from navarch.spaces.problems import Problem
from navarch.spaces.spec import INACTIVE, Dimension

Values = tuple[str, ...]
Weights = Sequence[Sequence[float]]  # one weight an option of each dimension
MAX_ENUMERATED = 2_000_000  # combinations looked at to count one group of joined dimensions
_REDRAWS = 10_000
_RECROSSES = 20


@lru_cache(maxsize=1024)
def _sums(weights: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(accumulate(weights))


class _Reach(NamedTuple):
    """What an edit of a dimension can change or break, of an architecture that is legal.

    positions: the dimension, then those that depend on it, in the order of dependency. is_itself: nothing else.
    """

    positions: tuple[int, ...]
    constraints: tuple[Constraint, ...]
    is_itself: bool


class Structure:
    """The dimensions of a space with their activity and constraints.

    Dimensions that a condition or a constraint joins form a group; a draw that breaks a constraint redraws its
    group alone.
    """

    def __init__(self, dimensions: Sequence[Dimension], constraints: Sequence[Constraint] = ()) -> None:
        """Take a checked declaration. Raises: NavarchError where conditions form a cycle."""
        self.dimensions = tuple(dimensions)
        self.constraints = tuple(constraints)
        self.names = tuple(dimension.name for dimension in dimensions)
        self.options = tuple(dimension.names for dimension in dimensions)
        self._at = {name: position for position, name in enumerate(self.names)}
        self._when = tuple(
            tuple(
                (self._at[condition.dimension], frozenset(condition.options)) for condition in dimension.when
            )
            for dimension in dimensions
        )
        self.is_plain = not self.constraints and not any(self._when)
        self.order = self._sort()
        self._groups = self._join()
        self._reach = tuple(map(self._find_reach, range(len(self.dimensions))))

    # --- Legality ---

    def is_active(self, position: int, values: Sequence[str]) -> bool:
        """Return whether a dimension is in use; those that it depends on must be settled."""
        for other, options in self._when[position]:  # noqa: SIM110 - `all` takes three times as long
            if values[other] not in options:
                return False
        return True

    def problems(self, values: Sequence[str]) -> list[Problem]:
        """Return what is wrong with known options: those in use where they may not be, and broken constraints."""
        if self.is_plain:
            return []
        found = []
        for position in self.order:
            value, is_active = values[position], self.is_active(position, values)
            if is_active == (value != INACTIVE):
                continue
            dimension = self.dimensions[position]
            if is_active:
                found.append(Problem("missing-dimension", dimension.name, "", dimension.names))
            else:
                why = tuple(
                    f"{INACTIVE} unless {c.dimension} is {' or '.join(c.options)}" for c in dimension.when
                )
                found.append(Problem("inactive-dimension", dimension.name, repr(value), why))
        return found or list(self._broken(values, self.constraints))

    def _broken(self, values: Sequence[str], constraints: Sequence[Constraint]) -> Iterator[Problem]:
        named = dict(zip(self.names, values, strict=True)) if constraints else {}
        for constraint in constraints:
            problem = constraint.check(named)
            if problem is not None:
                yield problem

    def is_legal(self, values: Sequence[str]) -> bool:
        """Return whether known options form an architecture."""
        return self.is_plain or not self.problems(values)

    # --- Moves ---

    def sample(self, rng: random.Random, weights: Weights | None = None) -> Values:
        """Draw every dimension in use uniformly, or by weights, those it depends on before it."""
        if self.is_plain:
            if weights is None:
                return tuple([rng.choice(options) for options in self.options])
            drawn = zip(self.options, weights, strict=True)
            return tuple([rng.choices(options, cum_weights=_sums(tuple(own)))[0] for options, own in drawn])
        values = [INACTIVE] * len(self.dimensions)
        for positions, constraints in self._groups:
            self._draw(positions, constraints, values, rng, weights)
        return tuple(values)

    def _draw(
        self,
        positions: Sequence[int],
        constraints: Sequence[Constraint],
        values: list[str],
        rng: random.Random,
        weights: Weights | None,
    ) -> None:
        for _ in range(_REDRAWS):
            for position in positions:
                options = self.options[position]
                if not self.is_active(position, values):
                    values[position] = INACTIVE
                elif weights is None:
                    values[position] = rng.choice(options)
                else:
                    values[position] = rng.choices(options, weights=weights[position])[0]
            if not constraints or not any(self._broken(values, constraints)):
                return
        raise NavarchError(
            f"no draw of {', '.join(self.names[p] for p in positions)} in {_REDRAWS} kept the constraint "
            f"{constraints[0].why!r}: too few architectures satisfy it to sample from"
        )

    def replace(self, values: Values, position: int, option: str) -> Values | None:
        """Return a legal architecture after one edit, or None where it would break a constraint.

        What the edit brings into use takes its first option, what it puts out of use becomes INACTIVE.
        """
        edited = list(values)
        edited[position] = option
        reach = self._reach[position]
        self._settle(edited, reach.positions, values)
        return None if any(self._broken(edited, reach.constraints)) else tuple(edited)

    def _settle(self, values: list[str], positions: Sequence[int], *fallbacks: Values) -> None:
        """Make activity right: what is newly in use takes a fallback's option, or its first."""
        for position in positions:
            if not self.is_active(position, values):
                values[position] = INACTIVE
            elif values[position] == INACTIVE:
                known = (other[position] for other in fallbacks if other[position] != INACTIVE)
                values[position] = next(known, self.options[position][0])

    def step(self, values: Values, rng: random.Random) -> Values:
        """Return a neighbour drawn uniformly, or the architecture itself where the edit breaks a constraint."""
        edits = [len(o) - 1 if v != INACTIVE else 0 for o, v in zip(self.options, values, strict=True)]
        if not any(edits):
            return values
        position = rng.choices(range(len(values)), weights=edits)[0]
        others = [option for option in self.options[position] if option != values[position]]
        return self.replace(values, position, rng.choice(others)) or values

    def neighbours(self, values: Values) -> Iterator[Values]:
        """Yield the legal architectures one edit away from one, by dimension and then by option."""
        for position, options in enumerate(self.options):
            if values[position] == INACTIVE:
                continue
            before, after = values[:position], values[position + 1 :]
            for option in options:
                if option == values[position]:
                    continue
                if self._reach[position].is_itself:
                    yield (*before, option, *after)
                else:
                    near = self.replace(values, position, option)
                    if near is not None:
                        yield near

    def crossover(self, a: Values, b: Values, rng: random.Random) -> Values:
        """Take each dimension from either parent; a group that would break a constraint comes whole from `a`."""
        child = [rng.choice(pair) for pair in zip(a, b, strict=True)]
        if self.is_plain:
            return tuple(child)
        for positions, constraints in self._groups:
            for _ in range(_RECROSSES):
                self._settle(child, positions, a, b)
                if not any(self._broken(child, constraints)):
                    break
                for position in positions:
                    child[position] = rng.choice((a[position], b[position]))
            else:
                for position in positions:
                    child[position] = a[position]
        return tuple(child)

    @cached_property
    def size(self) -> int:
        """How many architectures there are. Raises: NavarchError where a group is too entangled to count."""
        return prod(self._count(positions, constraints) for positions, constraints in self._groups)

    def _count(self, positions: Sequence[int], constraints: Sequence[Constraint]) -> int:
        """Count a group: enumerate what others depend on or constrain, multiply the rest."""
        deciding = {self._at[name] for constraint in constraints for name in constraint.dimensions}
        deciding |= {other for position in positions for other, _ in self._when[position]}
        fixed = [position for position in positions if position in deciding]
        free = [position for position in positions if position not in deciding]
        choices = [(*self.options[p], *([INACTIVE] if self._when[p] else [])) for p in fixed]
        if prod(map(len, choices)) > MAX_ENUMERATED:
            names = ", ".join(self.names[position] for position in fixed[:8])
            raise NavarchError(
                f"conditions and constraints join too many dimensions to count the architectures ({names}, ...): "
                f"at most {MAX_ENUMERATED:,} combinations of them are looked at; let fewer dimensions depend on "
                "one another, or split a constraint"
            )
        total = 0
        values = [INACTIVE] * len(self.dimensions)
        for chosen in product(*choices):
            for position, option in zip(fixed, chosen, strict=True):
                values[position] = option
            if any((values[p] != INACTIVE) != self.is_active(p, values) for p in fixed):
                continue
            if not any(self._broken(values, constraints)):
                total += prod(len(self.options[p]) for p in free if self.is_active(p, values))
        return total

    # --- Set-up ---

    def _sort(self) -> tuple[int, ...]:
        """Return the positions, each after those it depends on, otherwise in the order of the declaration."""
        placed: list[int] = []
        left = list(range(len(self.dimensions)))
        while left:
            ready = next((p for p in left if all(other in placed for other, _ in self._when[p])), None)
            if ready is None:
                names = ", ".join(self.names[position] for position in left[:8])
                raise NavarchError(f"the conditions of {names} form a cycle: each waits for another")
            placed.append(ready)
            left.remove(ready)
        return tuple(placed)

    def _find_reach(self, position: int) -> "_Reach":
        """Return what an edit of a dimension can change or break."""
        positions = [position]
        for later in self.order:
            if any(other in positions for other, _ in self._when[later]):
                positions.append(later)
        names = {self.names[p] for p in positions}
        constraints = tuple(c for c in self.constraints if not names.isdisjoint(c.dimensions))
        return _Reach(tuple(positions), constraints, len(positions) == 1 and not constraints)

    def _join(self) -> tuple[tuple[tuple[int, ...], tuple[Constraint, ...]], ...]:
        """Return the groups: positions in the order of dependency, and the constraints among them."""
        leader = list(range(len(self.dimensions)))

        def find(position: int) -> int:
            while leader[position] != position:
                position = leader[position]
            return position

        links = [(p, other) for p, conditions in enumerate(self._when) for other, _ in conditions]
        for constraint in self.constraints:
            first, *others = (self._at[name] for name in constraint.dimensions)
            links += [(first, other) for other in others]
        for one, other in links:
            low, high = sorted((find(one), find(other)))
            leader[high] = low
        groups: dict[int, list[int]] = {}
        for position in self.order:
            groups.setdefault(find(position), []).append(position)
        return tuple(
            (tuple(positions), tuple(c for c in self.constraints if self._at[c.dimensions[0]] in positions))
            for _, positions in sorted(groups.items())
        )
