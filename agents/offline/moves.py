"""Moves over architectures as plain tuples of option names: edits, crossovers, distances, codes."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import ne
from typing import Any

from navarch.agents.views import SpaceView

Values = tuple[str, ...]
Weights = tuple[tuple[float, ...], ...]  # one weight an option of each dimension


@dataclass(frozen=True, slots=True)
class Choices:
    """The dimensions of a space view and their options, indexed for making architectures."""

    dimensions: tuple[str, ...]
    options: tuple[tuple[str, ...], ...]
    codes: tuple[Mapping[str, str], ...]

    @classmethod
    def of(cls, space: SpaceView) -> "Choices":
        """Read the choices from a space view."""
        options = tuple(tuple(option["name"] for option in _options(d)) for d in space.dimensions)
        codes = tuple({option["name"]: option["code"] for option in _options(d)} for d in space.dimensions)
        return cls(tuple(d["name"] for d in space.dimensions), options, codes)

    def code(self, values: Values) -> str:
        """Return the compact code of an architecture, one character a dimension."""
        return "".join(codes[value] for codes, value in zip(self.codes, values, strict=True))

    def contains(self, values: Values) -> bool:
        """Tell whether each value is an option of its dimension."""
        return len(values) == len(self.codes) and all(v in c for c, v in zip(self.codes, values, strict=True))

    def even_weights(self) -> Weights:
        """Return the same weight for every option."""
        return tuple(tuple(1.0 for _ in options) for options in self.options)

    def sample(self, rng: random.Random, weights: Weights) -> Values:
        """Draw each dimension on its own, options in proportion to their weights."""
        return tuple(rng.choices(o, weights=w)[0] for o, w in zip(self.options, weights, strict=True))

    def redraw(self, values: Values, count: int, rng: random.Random) -> Values:
        """Draw the values of some dimensions anew, every option alike."""
        drawn = list(values)
        for position in rng.sample(range(len(drawn)), min(count, len(drawn))):
            drawn[position] = rng.choice(self.options[position])
        return tuple(drawn)

    def neighbours(self, values: Values) -> Iterator[Values]:
        """Yield the architectures one edit away, in the order of the declaration."""
        for position, options in enumerate(self.options):
            for option in options:
                if option != values[position]:
                    yield replace_at(values, position, option)

    def mutate(self, values: Values, edits: int, rng: random.Random, weights: Weights) -> Values:
        """Make edits in different dimensions; an edit is likelier the more it gains in weight."""
        changed: set[int] = set()
        for _ in range(min(edits, len(values))):
            moves, gains = [], []
            for position, (options, shares) in enumerate(zip(self.options, weights, strict=True)):
                if position in changed or len(options) < 2:
                    continue
                held = shares[options.index(values[position])]
                for option, share in zip(options, shares, strict=True):
                    if option != values[position]:
                        moves.append((position, option))
                        gains.append(share / held)
            if not moves:
                break
            position, option = rng.choices(moves, weights=gains)[0]
            values = replace_at(values, position, option)
            changed.add(position)
        return values


def replace_at(values: Values, position: int, option: str) -> Values:
    """Return the architecture with one value replaced."""
    return (*values[:position], option, *values[position + 1 :])


def crossover(a: Values, b: Values, rng: random.Random) -> Values:
    """Take each value from either parent."""
    return tuple(rng.choice(pair) for pair in zip(a, b, strict=True))


def distance(a: Values, b: Values) -> int:
    """Return the number of dimensions that differ."""
    return sum(map(ne, a, b))


def _options(dimension: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    options: Sequence[Mapping[str, Any]] = dimension["options"]
    return options
