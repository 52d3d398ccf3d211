"""The nouns of a search space: what can be chosen, when, what was chosen, and what it costs.

Plain frozen data; `structure.py` says which choices go together, `space.py` what can be done with a space.
"""

from dataclasses import dataclass, field

from navarch.spaces.problems import InvalidArchitecture, Problem, shorten

INACTIVE = "-"  # the value and the code of a dimension that an architecture does not use


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network costs.

    params: trainable parameters. macs: multiply-accumulates of convolutions and linear layers for one image.
    """

    params: int
    macs: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.params + other.params, self.macs + other.macs)

    def times(self, count: int) -> "Cost":
        """Return the cost of so many equal parts."""
        return Cost(count * self.params, count * self.macs)


NO_COST = Cost(0, 0)


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a dimension offers.

    name: unique in its dimension; what stands in schemas, replies and architectures.
    code: one character, unique in its dimension; what stands in the compact code of an architecture.
    meaning: one line for the reader of a prompt.
    cost: what choosing it adds, where a declaration says so; a space with a closed form ignores it.
    """

    name: str
    code: str
    meaning: str
    cost: Cost = NO_COST


@dataclass(frozen=True, slots=True)
class Condition:
    """What a dimension depends on: another dimension, in use, with one of the options."""

    dimension: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dimension:
    """One choice that an architecture makes: exactly one of the options, whose order is part of the space.

    when: it is in use only where every condition holds; always where there is none. names: of the options, in order.
    """

    name: str
    meaning: str
    options: tuple[Option, ...]
    when: tuple[Condition, ...] = ()
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep the names, which every reading of an architecture asks for."""
        object.__setattr__(self, "names", tuple(option.name for option in self.options))

    @property
    def values(self) -> tuple[str, ...]:
        """What an architecture may have here: the names, and INACTIVE as the last where it is not always in use."""
        return (*self.names, INACTIVE) if self.when else self.names

    def index(self, option_name: str) -> int:
        """Return the position of an option. Raises: InvalidArchitecture where there is no such option."""
        names = self.names
        if option_name not in names:
            raise InvalidArchitecture([Problem("unknown-option", self.name, shorten(option_name), names)])
        return names.index(option_name)


@dataclass(frozen=True, slots=True)
class Architecture:
    """One choice per dimension of a space, exactly as proposed, not made canonical.

    values: option names in the order of the space's dimensions, INACTIVE where one is not in use.
    `SearchSpace.parse` makes checked ones.
    """

    space: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """What a network reads and tells apart: classes, channels and side of the square images in pixels."""

    classes: int
    channels: int
    resolution: int
