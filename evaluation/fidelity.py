"""How much training a trial gets: epochs, and the size of the network's skeleton."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Say how a candidate is trained; two trials compare only when their fidelities are equal."""

    epochs: int
    skeleton: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.epochs, bool) or not isinstance(self.epochs, int) or self.epochs < 1:
            raise ValueError(f"fidelity epochs is {self.epochs!r}; give a whole number of at least 1")
        for name, value in self.skeleton.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"fidelity skeleton {name!r} is {value!r}; give a whole number of at least 1"
                )

    def __hash__(self) -> int:
        return hash(self.key())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return {"epochs": self.epochs, "skeleton": dict(sorted(self.skeleton.items()))}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Fidelity":
        """Read a fidelity back. Raises: ValueError when a field is missing, unknown or out of range."""
        if set(data) != {"epochs", "skeleton"} or not isinstance(data["skeleton"], Mapping):
            raise ValueError(f"not a fidelity: {dict(data)!r}")
        return cls(data["epochs"], dict(data["skeleton"]))

    def key(self) -> str:
        """Return canonical JSON text: equal for equal fidelities, fit for a UNIQUE index."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
