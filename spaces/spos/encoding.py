"""The published encoding of an architecture: twenty digits from 0 to 3, as the text of a tuple or a list.

Source: the reference code of Single Path One-Shot (Guo et al., ECCV 2020).
"""

from collections.abc import Sequence

from navarch.spaces.problems import InvalidArchitecture, Problem, shorten
from navarch.spaces.spec import Dimension

_BRACKETS = {"(": ")", "[": "]"}


def write_published(code: str) -> str:
    """Return the digits of a compact code as a tuple, (2, 1, 0, ...)."""
    return f"({', '.join(code)})"


def read_published(text: str, dimensions: Sequence[Dimension]) -> tuple[str, ...] | None:
    """Return the operations that digits stand for; None for a text in another encoding.

    text: of bounded length, digits with commas between them, in round or square brackets or in none.
    Raises: InvalidArchitecture with the problem of every position.
    """
    inner = text.strip()
    if inner[:1] in _BRACKETS:
        if inner[-1] != _BRACKETS[inner[0]]:
            allowed = (f"{inner[0]} at the start and {_BRACKETS[inner[0]]} at the end",)
            raise InvalidArchitecture([Problem("bad-encoding", "", shorten(text), allowed)])
        inner = inner[1:-1]
    elif "," not in inner:
        return None
    entries = [entry.strip() for entry in inner.split(",")]
    if len(entries) != len(dimensions):
        expected = (f"{len(dimensions)} digits with commas between them, not {len(entries)}",)
        raise InvalidArchitecture([Problem("wrong-length", "", shorten(text), expected)])
    return _read_digits(entries, dimensions)


def _read_digits(entries: Sequence[str], dimensions: Sequence[Dimension]) -> tuple[str, ...]:
    names: list[str] = []
    problems: list[Problem] = []
    for entry, dimension in zip(entries, dimensions, strict=True):
        digits = {option.code: option.name for option in dimension.options}
        if entry in digits:
            names.append(digits[entry])
        else:
            problems.append(Problem("unknown-option", dimension.name, shorten(entry), tuple(digits)))
    if problems:
        raise InvalidArchitecture(problems)
    return tuple(names)
