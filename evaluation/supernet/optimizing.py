"""The optimizers of supernets, whose state is kept with the weights of an unfinished training."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from navarch.evaluation.optimizer import Sgd
from navarch.evaluation.recipe import TrainRecipe
from navarch.evaluation.supernet.plan import published


class Optimizer(Protocol):
    """Change shared weights along their gradients; what no path used stays as it is."""

    def step(self, share: float) -> None:
        """Take one step at a share of the peak rate, and clear the gradients."""

    def state(self) -> dict[str, Any]:
        """Return what going on needs, as tensors on the CPU and plain data."""

    def load(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""


class Momentum:
    """SGD with the momentum of the recipe, as for stand-alone networks; matrices alone decay."""

    def __init__(self, parameters: Sequence[Tensor], recipe: TrainRecipe) -> None:
        self._sgd = Sgd(
            parameters,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov,
        )
        self._peak = recipe.peak_lr

    def step(self, share: float) -> None:
        """Take one step at a share of the recipe's rate."""
        self._sgd.step(share * self._peak)

    def state(self) -> dict[str, Any]:
        """Return the velocities."""
        return {"velocity": [velocity.cpu() for velocity in self._sgd.velocity.values()]}

    def load(self, state: dict[str, Any]) -> None:
        """Take back the velocities."""
        for velocity, kept in zip(self._sgd.velocity.values(), state["velocity"], strict=True):
            velocity.copy_(kept)


class Adam:
    """AdamW, as transformers are trained."""

    def __init__(self, parameters: Sequence[Tensor], peak_lr: float, decay: float) -> None:
        self._adam = torch.optim.AdamW(parameters, weight_decay=decay)
        self._peak = peak_lr

    def step(self, share: float) -> None:
        """Take one step at a share of the rate."""
        for group in self._adam.param_groups:
            group["lr"] = share * self._peak
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """Return the moments."""
        return {"adam": self._adam.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Take back the moments."""
        self._adam.load_state_dict(state["adam"])


def make_optimizer(space: str, parameters: Sequence[Tensor], recipe: TrainRecipe) -> Optimizer:
    """Return the optimizer that is published for the supernet of a space, else the recipe's."""
    known = published(space)
    if (known.optimizer or recipe.optimizer) == "adamw":
        return Adam(parameters, recipe.peak_lr, known.decay or recipe.weight_decay)
    return Momentum(parameters, recipe)
