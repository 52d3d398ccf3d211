"""The published strings of TransNAS-Bench-101: 64-41414-a_bc_def for cells, 64-<digits>-basic for outlines.

The first number is the channels of the stem. The letters of a cell stand for the digits of its operations on the
edges 0->1, 0->2, 1->2, 0->3, 1->3, 2->3; the digits of an outline for its modules (`outline.py`).

Source: TransNAS-Bench-101 (Duan et al., CVPR 2021).
"""

from collections.abc import Sequence

from navarch.spaces.problems import InvalidArchitecture, Problem, shorten
from navarch.spaces.spec import INACTIVE, Dimension
from navarch.spaces.transnas.outline import MICRO_OUTLINE

_CHANNELS = "64"
_GROUPS = (1, 2, 3)  # edges into nodes 1, 2 and 3
_BLOCK = "basic"


def write_micro(digits: str) -> str:
    """Return the published string of a cell, given the six digits of its operations."""
    return f"{_CHANNELS}-{MICRO_OUTLINE}-{digits[0]}_{digits[1:3]}_{digits[3:]}"


def write_macro(digits: str) -> str:
    """Return the published string of an outline, given the digits of its modules."""
    return f"{_CHANNELS}-{digits}-{_BLOCK}"


def read_micro(text: str, edges: Sequence[Dimension]) -> tuple[str, ...]:
    """Return the operations in the published string of a cell.

    edges: the six dimensions. Raises: InvalidArchitecture with every problem found.
    """
    channels, outline, cell = _split(text, f"{_CHANNELS}-{MICRO_OUTLINE}-a_bc_def")
    problems = [*_check(channels, _CHANNELS, "base channels"), *_check(outline, MICRO_OUTLINE, "outline")]
    groups = cell.split("_")
    if tuple(len(group) for group in groups) != _GROUPS:
        expected = ("one, two and three digits joined by _, as in 1_02_333",)
        problems.append(Problem("wrong-length", "", shorten(cell), expected))
        raise InvalidArchitecture(problems)
    return _read_digits("".join(groups), edges, problems)


def read_macro(text: str, dimensions: Sequence[Dimension]) -> tuple[str, ...]:
    """Return the number of modules and what each does in the published string of an outline.

    dimensions: the number of modules, then one for each module; those beyond the number are INACTIVE.
    Raises: InvalidArchitecture with every problem found.
    """
    modules, *places = dimensions
    channels, digits, block = _split(
        text, f"{_CHANNELS}-<{modules.names[0]} to {len(places)} digits>-{_BLOCK}"
    )
    problems = [*_check(channels, _CHANNELS, "base channels"), *_check(block, _BLOCK, "kind of block")]
    if str(len(digits)) not in modules.names:
        expected = (f"{modules.names[0]} to {modules.names[-1]} digits, one for each module",)
        problems.append(Problem("wrong-length", modules.name, shorten(digits), expected))
        raise InvalidArchitecture(problems)
    found = _read_digits(digits, places[: len(digits)], problems)
    return (str(len(digits)), *found, *(INACTIVE for _ in places[len(digits) :]))


def _split(text: str, expected: str) -> list[str]:
    """Return the three parts of a published string."""
    parts = text.split("-")
    if len(parts) != 3:
        raise InvalidArchitecture([Problem("bad-encoding", "", shorten(text), (expected,))])
    return parts


def _check(given: str, only: str, what: str) -> list[Problem]:
    return [] if given == only else [Problem("bad-encoding", "", shorten(given), (f"{only} as {what}",))]


def _read_digits(digits: str, dimensions: Sequence[Dimension], problems: list[Problem]) -> tuple[str, ...]:
    """Return the options that digits stand for. problems: those found before, to be raised with new ones."""
    values = []
    for digit, dimension in zip(digits, dimensions, strict=True):
        named = {option.code: option.name for option in dimension.options}
        if digit in named:
            values.append(named[digit])
        else:
            problems = [*problems, Problem("unknown-option", dimension.name, shorten(digit), tuple(named))]
    if problems:
        raise InvalidArchitecture(problems)
    return tuple(values)
