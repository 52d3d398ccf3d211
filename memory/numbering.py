"""Architectures and verdicts as proposals store them: most of a search, so without the names that all of them share.

An architecture is the numbers of its options, from 0 in the order of `runs.dimensions`, a verdict of the Critic the
values of `VERDICT` in that order: JSON arrays. Others are JSON objects, as all were until version 4.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from navarch.memory.text import canonical_json

VERDICT = ("candidate", "decision", "rank", "reason", "score", "uncriticised")

_WHOLE = frozenset(VERDICT)


class Numbering:
    """The dimensions of a space, by name, and their options in order."""

    def __init__(self, dimensions: Mapping[str, Sequence[str]]) -> None:
        """Take what `runs.dimensions` says."""
        self._names = sorted(dimensions)
        self._numbers = [
            {option: number for number, option in enumerate(dimensions[name])} for name in self._names
        ]
        self._written = [
            [canonical_json({name: option})[1:-1] for option in dimensions[name]] for name in self._names
        ]

    def numbers(self, architecture: Mapping[str, str]) -> list[int] | None:
        """Return an architecture as numbers; None where it is not one option of every dimension."""
        if len(architecture) != len(self._names):
            return None
        try:
            return [known[architecture[name]] for name, known in zip(self._names, self._numbers, strict=True)]
        except (KeyError, TypeError):
            return None

    def written(self, numbers: Sequence[int]) -> str:
        """Return the architecture of these numbers as canonical JSON. Raises: ValueError, LookupError, TypeError."""
        if min(numbers, default=0) < 0:
            raise ValueError("an option has a negative number")
        pairs = zip(self._written, numbers, strict=True)
        return f"{{{','.join(options[number] for options, number in pairs)}}}"


@lru_cache(maxsize=16)
def numbering_of(stored: str | None) -> Numbering | None:
    """Return the numbering of a run by what `runs.dimensions` holds; None where that is nothing."""
    return None if stored is None else Numbering(json.loads(stored))


def pack_architecture(architecture: Mapping[str, str] | None, numbering: Numbering | None) -> str | None:
    """Return an architecture as it is stored."""
    if architecture is None:
        return None
    numbers = None if numbering is None else numbering.numbers(architecture)
    return canonical_json(architecture if numbers is None else numbers, field="architecture")


def unpack_architecture(stored: str | None, numbering: Numbering | None) -> str | None:
    """Return a stored architecture as canonical JSON. Raises: ValueError, LookupError, TypeError."""
    if stored is None or not stored.startswith("["):
        return stored
    if numbering is None:
        raise ValueError("its run does not say what the numbers mean")
    return numbering.written(json.loads(stored))


def pack_verdict(verdict: Mapping[str, Any] | None) -> str | None:
    """Return a verdict as it is stored."""
    if verdict is None:
        return None
    is_whole = verdict.keys() == _WHOLE
    return canonical_json([verdict[name] for name in VERDICT] if is_whole else verdict, field="verdict")


def unpack_verdict(stored: str | None) -> dict[str, Any] | None:
    """Return a stored verdict. Raises: ValueError, TypeError."""
    if stored is None:
        return None
    found = json.loads(stored)
    return dict(zip(VERDICT, found, strict=True)) if isinstance(found, list) else dict(found)
