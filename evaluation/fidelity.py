"""How much training a trial gets: epochs, and the size of the network's skeleton."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Say how a candidate is trained; two trials compare only when their fidelities are equal.

    schedule_epochs: the epochs that the learning rate is planned for, where a trial stops before their end; None: its
    own epochs.
    """

    epochs: int
    skeleton: Mapping[str, int] = field(default_factory=dict)
    schedule_epochs: int | None = None

    @property
    def planned_epochs(self) -> int:
        """Return the epochs that the learning rate is planned for."""
        return self.schedule_epochs or self.epochs

    def __post_init__(self) -> None:
        if isinstance(self.epochs, bool) or not isinstance(self.epochs, int) or self.epochs < 1:
            raise ValueError(f"fidelity epochs is {self.epochs!r}; give a whole number of at least 1")
        planned = self.schedule_epochs
        if planned is not None and (isinstance(planned, bool) or not isinstance(planned, int)):
            raise ValueError(f"fidelity schedule_epochs is {planned!r}; give a whole number")
        if planned is not None and planned <= self.epochs:
            raise ValueError(
                f"fidelity schedule_epochs is {planned}; give more than its {self.epochs} epochs"
            )
        for name, value in self.skeleton.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"fidelity skeleton {name!r} is {value!r}; give a whole number of at least 1"
                )

    def __hash__(self) -> int:
        return hash(self.key())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        data: dict[str, Any] = {"epochs": self.epochs, "skeleton": dict(sorted(self.skeleton.items()))}
        return data if self.schedule_epochs is None else {**data, "schedule_epochs": self.schedule_epochs}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Fidelity":
        """Read a fidelity back. Raises: ValueError when a field is missing, unknown or out of range."""
        if set(data) - {"schedule_epochs"} != {"epochs", "skeleton"} or not isinstance(
            data["skeleton"], Mapping
        ):
            raise ValueError(f"not a fidelity: {dict(data)!r}")
        return cls(data["epochs"], dict(data["skeleton"]), data.get("schedule_epochs"))

    def key(self) -> str:
        """Return canonical JSON text: equal for equal fidelities, fit for a UNIQUE index."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
