"""The optimizer of a supernet: that of stand-alone networks, its state kept with weights that are not done yet."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from navarch.evaluation.optimizer import AdamW, Optimizer, Sgd
from navarch.evaluation.recipe import TrainRecipe
from navarch.evaluation.supernet.plan import published

STATE = "optimizer"  # what its tensors are kept under


class KeptOptimizer:
    """Change shared weights along their gradients; what no path used stays as it is."""

    def __init__(self, optimizer: Optimizer, peak_lr: float) -> None:
        self._optimizer, self._peak = optimizer, peak_lr

    def step(self, share: float) -> None:
        """Take one step at a share of the peak rate, and clear the gradients."""
        self._optimizer.step(share * self._peak)

    def state(self) -> dict[str, Any]:
        """Return what going on needs, as tensors on the CPU."""
        return {STATE: [tensor.cpu() for tensor in self._optimizer.tensors()]}

    def load(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""
        for tensor, kept in zip(self._optimizer.tensors(), state[STATE], strict=True):
            tensor.copy_(kept)


def make_optimizer(space: str, parameters: Sequence[Tensor], recipe: TrainRecipe) -> KeptOptimizer:
    """Return the optimizer that is published for the supernet of a space, else the recipe's.

    With SGD matrices alone decay, with AdamW all parameters do.
    """
    known = published(space)
    optimizer: Optimizer
    if (known.optimizer or recipe.optimizer) == "adamw":
        optimizer = AdamW(parameters, weight_decay=known.decay or recipe.weight_decay, decay="all")
    else:
        optimizer = Sgd(
            parameters,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov,
        )
    return KeptOptimizer(optimizer, recipe.peak_lr)
