"""The nouns of a search space: what can be chosen, what was chosen, and what it costs.

Plain frozen data; `space.py` holds what can be done with it.
"""

from dataclasses import dataclass

from navarch.spaces.problems import InvalidArchitecture, Problem, shorten


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a dimension offers.

    name: unique in its dimension; what stands in schemas, replies and architectures.
    code: one character, unique in its dimension; what stands in the compact code of an architecture.
    meaning: one line for the reader of a prompt.
    """

    name: str
    code: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Dimension:
    """One choice that an architecture makes: exactly one of the options, whose order is part of the space."""

    name: str
    meaning: str
    options: tuple[Option, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the options, in order."""
        return tuple(option.name for option in self.options)

    def index(self, option_name: str) -> int:
        """Return the position of an option. Raises: InvalidArchitecture where there is no such option."""
        names = self.names
        if option_name not in names:
            raise InvalidArchitecture([Problem("unknown-option", self.name, shorten(option_name), names)])
        return names.index(option_name)


@dataclass(frozen=True, slots=True)
class Architecture:
    """One choice per dimension of a space, exactly as proposed, not made canonical.

    values: option names in the order of the space's dimensions. `SearchSpace.parse` makes checked ones.
    """

    space: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network costs.

    params: trainable parameters. macs: multiply-accumulates of convolutions and linear layers for one image.
    """

    params: int
    macs: int
