"""Checks before any training: sizes that the user ruled out, and sizes that cannot fit the machine."""

from dataclasses import dataclass

from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.task import Task
from navarch.spaces import Architecture, SearchSpace

TRAINED_BYTES = 12  # per parameter: weight, gradient and momentum, float32 each


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound the architectures of a search; None is no bound. The defaults refuse only what is absurd here."""

    max_params: int | None = 100_000_000
    max_macs: int | None = 20_000_000_000


def static_check(
    space: SearchSpace,
    architecture: Architecture,
    task: Task,
    fidelity: Fidelity,
    limits: Limits,
    *,
    memory_mb: int | None = None,
) -> str | None:
    """Return one sentence why the architecture is not trained, or None; nothing is built for it.

    The memory counted is the least that training needs (parameters alone); activations come on top, and a
    trial that runs out of memory on them ends as failed with reason "oom".
    """
    cost = space.cost(
        architecture,
        classes=task.classes,
        in_channels=task.in_channels,
        resolution=task.resolution,
        skeleton=fidelity.skeleton or None,
    )
    if limits.max_params is not None and cost.params > limits.max_params:
        return f"{cost.params:,} parameters, above the limit of {limits.max_params:,}"
    if limits.max_macs is not None and cost.macs > limits.max_macs:
        return f"{cost.macs:,} multiply-accumulates, above the limit of {limits.max_macs:,}"
    needed_mb = cost.params * TRAINED_BYTES / 2**20
    if memory_mb is not None and needed_mb > memory_mb:
        return (
            f"training needs at least {needed_mb:,.0f} MiB of memory, above the {memory_mb:,} MiB of a trial"
        )
    return None
