"""Moves over architectures as plain tuples of option names: edits, crossovers, distances, codes.

Activity and constraints are those of the view's own description, so that every move gives a legal architecture.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import ne

from navarch.agents.views import SpaceView
from navarch.spaces import INACTIVE, Structure, structure_from_description

Values = tuple[str, ...]
Weights = tuple[tuple[float, ...], ...]  # one weight an option of each dimension
MAX_REMEMBERED = 10_000  # architectures


@dataclass(frozen=True, slots=True)
class Choices:
    """The dimensions of a space view and their options, indexed for making architectures."""

    dimensions: tuple[str, ...]
    options: tuple[tuple[str, ...], ...]
    codes: tuple[Mapping[str, str], ...]
    structure: Structure
    _legal: dict[Values, bool] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, space: SpaceView) -> "Choices":
        """Read the choices from a space view; those of the view that was read last are kept."""
        global _last
        last = _last  # another thread may be reading another space
        if last is None or last[0] is not space:
            last = _last = (space, cls._read(space))
        return last[1]

    @classmethod
    def _read(cls, space: SpaceView) -> "Choices":
        structure = structure_from_description(space.dimensions, space.constraints)
        codes = tuple(
            {**{option.name: option.code for option in d.options}, **({INACTIVE: INACTIVE} if d.when else {})}
            for d in structure.dimensions
        )
        return cls(structure.names, structure.options, codes, structure)

    def code(self, values: Values) -> str:
        """Return the compact code of an architecture, one character a dimension."""
        return "".join(codes[value] for codes, value in zip(self.codes, values, strict=True))

    def contains(self, values: Values) -> bool:
        """Tell whether the values are a legal architecture; the same ones are asked for again and again."""
        found = self._legal.get(values)
        if found is None:
            if len(self._legal) >= MAX_REMEMBERED:
                self._legal.clear()
            found = self._legal[values] = self._is_legal(values)
        return found

    def _is_legal(self, values: Values) -> bool:
        known = len(values) == len(self.codes) and all(
            v in c for c, v in zip(self.codes, values, strict=True)
        )
        return known and self.structure.is_legal(values)

    def even_weights(self) -> Weights:
        """Return the same weight for every option."""
        return tuple(tuple(1.0 for _ in options) for options in self.options)

    def sample(self, rng: random.Random, weights: Weights) -> Values:
        """Draw each dimension on its own, options in proportion to their weights."""
        return self.structure.sample(rng, weights)

    def redraw(self, values: Values, count: int, rng: random.Random) -> Values:
        """Draw the values of some dimensions anew, every option alike; a draw that breaks a constraint is dropped."""
        used = [position for position, value in enumerate(values) if value != INACTIVE]
        for position in rng.sample(used, min(count, len(used))):
            values = self.structure.replace(values, position, rng.choice(self.options[position])) or values
        return values

    def neighbours(self, values: Values) -> Iterator[Values]:
        """Yield the architectures one edit away, in the order of the declaration."""
        return self.structure.neighbours(values)

    def mutate(self, values: Values, edits: int, rng: random.Random, weights: Weights) -> Values:
        """Make edits in different dimensions; an edit is likelier the more it gains in weight."""
        changed: set[int] = set()
        for _ in range(min(edits, len(values))):
            moves, gains = [], []
            for position, (options, shares) in enumerate(zip(self.options, weights, strict=True)):
                if position in changed or len(options) < 2 or values[position] == INACTIVE:
                    continue
                held = shares[options.index(values[position])]
                for option, share in zip(options, shares, strict=True):
                    if option != values[position]:
                        moves.append((position, option))
                        gains.append(share / held)
            if not moves:
                break
            position, option = rng.choices(moves, weights=gains)[0]
            values = self.structure.replace(values, position, option) or values
            changed.add(position)
        return values

    def crossover(self, a: Values, b: Values, rng: random.Random) -> Values:
        """Take each value from either parent."""
        return self.structure.crossover(a, b, rng)


_last: tuple[SpaceView, Choices] | None = None


def distance(a: Values, b: Values) -> int:
    """Return the number of dimensions that differ."""
    return sum(map(ne, a, b))
