"""In which dimensions two architectures of a space differ."""

from typing import NamedTuple

from navarch.spaces.space import SearchSpace
from navarch.spaces.spec import Architecture


class Difference(NamedTuple):
    """One dimension in which two architectures differ, with the option of each."""

    dimension: str
    before: str
    after: str


def find_differences(a: Architecture, b: Architecture, space: SearchSpace) -> tuple[Difference, ...]:
    """Return the dimensions in which two architectures differ as they are written, in order."""
    before, after = space.to_dict(a), space.to_dict(b)
    return tuple(
        Difference(name, before[name], after[name]) for name in before if before[name] != after[name]
    )
