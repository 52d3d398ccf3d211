"""The published encoding of an architecture: its five numbers of channels with colons, 8:16:24:32:40.

Source: the reference code of NATS-Bench (Dong et al., TPAMI 2021).
"""

from collections.abc import Sequence

from navarch.spaces.problems import InvalidArchitecture, Problem, shorten
from navarch.spaces.spec import Dimension


def write_published(values: Sequence[str]) -> str:
    """Return the numbers of channels with colons between them."""
    return ":".join(values)


def read_published(text: str, dimensions: Sequence[Dimension]) -> tuple[str, ...] | None:
    """Return the numbers of channels in a text; None where it has no colon.

    text: of bounded length. Raises: InvalidArchitecture with the problem of every position.
    """
    if ":" not in text:
        return None
    entries = text.strip().split(":")
    if len(entries) != len(dimensions):
        expected = (f"{len(dimensions)} numbers of channels with colons between them, not {len(entries)}",)
        raise InvalidArchitecture([Problem("wrong-length", "", shorten(text), expected)])
    problems = [
        Problem("unknown-option", dimension.name, shorten(entry), dimension.names)
        for entry, dimension in zip(entries, dimensions, strict=True)
        if entry not in dimension.names
    ]
    if problems:
        raise InvalidArchitecture(problems)
    return tuple(entries)
