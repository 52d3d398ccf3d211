"""What was measured of one architecture; this needs no torch."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Scores:
    """Hold the figures of one architecture, all finite, and why a proxy has none.

    seconds: of the processor, for each proxy, so that a busy machine makes none dearer.
    """

    figures: dict[str, float]
    seconds: dict[str, float]
    reasons: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Scores":
        """Read scores back. Raises: KeyError, TypeError or ValueError when they are none."""
        figures = {str(name): float(value) for name, value in data["figures"].items()}
        seconds = {str(name): float(value) for name, value in data["seconds"].items()}
        if not all(map(math.isfinite, (*figures.values(), *seconds.values()))):
            raise ValueError("a figure is not finite")
        return cls(figures, seconds, {str(name): str(why) for name, why in data["reasons"].items()})
