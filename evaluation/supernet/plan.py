"""How a supernet is trained: phases, each with its rate and with what it samples, as data (`data/supernets.toml`)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from navarch import NavarchError
from navarch.spaces import SearchSpace

Sampling = Literal["uniform", "flops"]
SAMPLINGS: tuple[Sampling, ...] = ("uniform", "flops")
_FILE = Path(__file__).parents[1] / "data" / "supernets.toml"


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training; see the file for what the fields mean. last: its last epoch, counted from 1."""

    name: str
    share: float
    paths: int
    factor: float = 1.0
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    taught: bool = False
    sorts: bool = False
    first: int = 1
    last: int = 1

    def allowed(self, space: SearchSpace) -> list[list[float]]:
        """Return 1 for every option that is sampled and 0 for the others, by dimension."""
        return [[float(self._samples(d.name, option)) for option in d.names] for d in space.dimensions]

    def _samples(self, dimension: str, option: str) -> bool:
        found = [options for start, options in self.options.items() if dimension.startswith(start)]
        return all(option in options for options in found)


def make_phases(space: str, epochs: int) -> tuple[Phase, ...]:
    """Return the phases of a space's supernet, `epochs` long together. Raises: NavarchError for too few epochs."""
    given = _table(space).get("phases", [{"name": "paths", "share": 1, "paths": 1}])
    if epochs < len(given):
        raise NavarchError(
            f"The supernet of {space!r} is trained in {len(given)} phases, and {epochs} epochs are fewer: give more."
        )
    ends = list(accumulate(phase["share"] for phase in given))
    phases: list[Phase] = []
    for number, (table, end) in enumerate(zip(given, ends, strict=True), 1):
        first = phases[-1].last + 1 if phases else 1
        last = round(epochs * end / ends[-1])
        last = min(max(last, first), epochs - (len(given) - number))  # every phase has an epoch
        options = {start: tuple(names) for start, names in table.get("options", {}).items()}
        phases.append(Phase(**{**table, "options": options, "first": first, "last": last}))
    return tuple(phases)


@dataclass(frozen=True, slots=True)
class Published:
    """Say with what a space's supernet is trained in place of the recipe's; None is the recipe's own.

    rate: the peak, for a batch of `batch` images.
    """

    rate: float | None = None
    batch: int = 1
    optimizer: Literal["sgd", "adamw"] | None = None
    decay: float | None = None

    def rate_for(self, batch_size: int) -> float | None:
        """Return the peak rate for another batch, in proportion."""
        return None if self.rate is None else self.rate * batch_size / self.batch


def published(space: str) -> Published:
    """Return what is published of the training of a space's supernet."""
    return Published(**{name: value for name, value in _table(space).items() if name != "phases"})


def _table(space: str) -> dict[str, Any]:
    """Return a space's table; spaces of one kind share theirs."""
    return next((table for start, table in _read().items() if space.startswith(start)), {})


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))
