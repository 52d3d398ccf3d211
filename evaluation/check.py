"""Checks before any training: sizes that the user ruled out, and sizes that cannot fit the machine."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from navarch.evaluation.costing import cost_on
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.task import Task
from navarch.spaces import Architecture, SearchSpace

TRAINED_BYTES = 12  # per parameter: weight, gradient and momentum, float32 each


class Latency(Protocol):
    """The latency of the architectures of one space on one device."""

    @property
    def device(self) -> str:
        """What it was measured on."""

    def of(self, architecture: Architecture) -> float | None:
        """Return milliseconds for one pass; None where nobody measured it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound the architectures of a search; None is no bound. The defaults refuse only what is absurd here.

    latency: tells what `max_latency_ms` bounds; an architecture whose latency is not known is not within it.
    """

    max_params: int | None = 100_000_000
    max_macs: int | None = 20_000_000_000
    max_latency_ms: float | None = None
    latency: Latency | None = None

    def admits(self, params: int, macs: int, latency_ms: float | None = None) -> bool:
        """Tell whether these figures are within the bounds."""
        return (
            (self.max_params is None or params <= self.max_params)
            and (self.max_macs is None or macs <= self.max_macs)
            and (
                self.max_latency_ms is None or (latency_ms is not None and latency_ms <= self.max_latency_ms)
            )
        )

    def latency_of(self, space: SearchSpace, architecture: Architecture) -> float | None:
        """Return the milliseconds of an architecture, also of a space that hides another; None if unknown."""
        return None if self.latency is None else self.latency.of(space.reveal(architecture))


@dataclass(frozen=True, slots=True)
class OverLimit:
    """Say which quantity of an architecture is above which limit. Memory is in MiB, latency in ms, None if unknown."""

    quantity: Literal["params", "macs", "memory", "latency"]
    value: float | None
    limit: float

    def as_dict(self) -> dict[str, Any]:
        """Return the same form as a space's `Problem`, so that a prompt can word either."""
        return {
            "code": f"too-{'much' if self.quantity in ('memory', 'latency') else 'many'}-{self.quantity}",
            "dimension": "",
            "value": "unknown" if self.value is None else f"{self.value:,}",
            "allowed": [f"{self.limit:,}"],
        }

    def __str__(self) -> str:
        unit = {
            "params": "parameters",
            "macs": "multiply-accumulates",
            "memory": "MiB of training memory",
            "latency": "ms of latency",
        }
        if self.value is None:
            return f"its latency is not known, and the limit is {self.limit:,} ms"
        return f"{self.value:,} {unit[self.quantity]}, above the limit of {self.limit:,}"


def static_check(
    space: SearchSpace,
    architecture: Architecture,
    task: Task,
    fidelity: Fidelity,
    limits: Limits,
    *,
    memory_mb: int | None = None,
) -> OverLimit | None:
    """Return why the architecture is not trained, or None. Nothing is built: costs are closed forms.

    The memory counted is the least that training needs (parameters alone); activations come on top, and a
    trial that runs out of memory on them ends as failed with reason "oom".
    """
    cost = cost_on(task, space, architecture, fidelity)
    if limits.max_params is not None and cost.params > limits.max_params:
        return OverLimit("params", cost.params, limits.max_params)
    if limits.max_macs is not None and cost.macs > limits.max_macs:
        return OverLimit("macs", cost.macs, limits.max_macs)
    latency_ms = limits.latency_of(space, architecture)
    if limits.max_latency_ms is not None and (latency_ms is None or latency_ms > limits.max_latency_ms):
        return OverLimit("latency", latency_ms, limits.max_latency_ms)
    needed_mb = -(-cost.params * TRAINED_BYTES // 2**20)
    if memory_mb is not None and needed_mb > memory_mb:
        return OverLimit("memory", needed_mb, memory_mb)
    return None
