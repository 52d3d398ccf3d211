"""SGD with momentum and AdamW for one training run, each step one fused kernel.

torch.optim does the same, but its first use imports the compiler (7 s cold, 1-2 s warm), more than a short
trial takes; these call the kernels behind its `fused=True`.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor

from navarch.evaluation.recipe import TrainRecipe

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Optimizer(Protocol):
    """Change parameters along their gradients; a rate that is a tensor is a float32 number on their device."""

    def step(self, lr: float | Tensor) -> None:
        """Take one step and clear the gradients; parameters without one (dead edges) stay."""

    def tensors(self) -> list[Tensor]:
        """Return the tensors that it carries from step to step, in a fixed order."""


class Sgd:
    """Step along the velocity = momentum * velocity + gradient; Nesterov: along gradient + momentum * velocity."""

    def __init__(
        self,
        parameters: Sequence[Tensor],
        *,
        momentum: float,
        weight_decay: float,
        nesterov: bool = True,
        decay: Literal["matrices", "all"] = "matrices",
    ) -> None:
        self.groups = _groups(parameters, weight_decay, decay)
        self.velocity = {id(parameter): torch.zeros_like(parameter) for parameter in parameters}
        self.momentum = momentum
        self.nesterov = nesterov

    @torch.no_grad()
    def step(self, lr: float | Tensor) -> None:
        """Take one step and clear the gradients; parameters without one (dead edges) stay."""
        for members, weight_decay in self.groups:
            used, gradients = _used(members)
            if used:
                torch._fused_sgd_(
                    used,
                    gradients,
                    [self.velocity[id(parameter)] for parameter in used],
                    weight_decay=weight_decay,
                    momentum=self.momentum,
                    lr=lr,
                    dampening=0.0,
                    nesterov=self.nesterov,
                    maximize=False,
                    is_first_step=False,  # a velocity of zeros is the right start
                )
            for parameter in used:
                parameter.grad = None

    def tensors(self) -> list[Tensor]:
        """Return the velocities in the order of the parameters."""
        return list(self.velocity.values())


class AdamW:
    """Step along the mean gradient over the root of the mean squared one; weights decay beside it.

    Source: Loshchilov and Hutter, ICLR 2019.
    """

    def __init__(
        self, parameters: Sequence[Tensor], *, weight_decay: float, decay: Literal["matrices", "all"]
    ) -> None:
        self.groups = _groups(parameters, weight_decay, decay)
        self.state = {
            id(p): (torch.zeros_like(p), torch.zeros_like(p), torch.zeros((), device=p.device))
            for p in parameters
        }  # mean, mean square, and the steps taken

    @torch.no_grad()
    def step(self, lr: float | Tensor) -> None:
        """Take one step and clear the gradients; parameters without one (dead edges) stay."""
        for members, weight_decay in self.groups:
            used, gradients = _used(members)
            if used:
                means, squares, steps = zip(*(self.state[id(parameter)] for parameter in used), strict=True)
                torch._foreach_add_(list(steps), 1)
                torch._fused_adamw_(
                    used,
                    gradients,
                    list(means),
                    list(squares),
                    [],
                    list(steps),
                    lr=lr,
                    beta1=BETAS[0],
                    beta2=BETAS[1],
                    weight_decay=weight_decay,
                    eps=EPSILON,
                    amsgrad=False,
                    maximize=False,
                )
            for parameter in used:
                parameter.grad = None

    def tensors(self) -> list[Tensor]:
        """Return mean, mean square and steps of each parameter, in their order."""
        return [tensor for tensors in self.state.values() for tensor in tensors]


def make_optimizer(parameters: Sequence[Tensor], recipe: TrainRecipe) -> Optimizer:
    """Return the optimizer of a recipe."""
    if recipe.optimizer == "adamw":
        return AdamW(parameters, weight_decay=recipe.weight_decay, decay=recipe.decay)
    return Sgd(
        parameters,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov,
        decay=recipe.decay,
    )


@torch.no_grad()
def clip_gradients(parameters: Sequence[Tensor], largest: float) -> None:
    """Scale all gradients together, so that their joint norm is at most `largest`."""
    _, gradients = _used(parameters)
    norms = torch._foreach_norm(gradients)
    scale = largest / (torch.linalg.vector_norm(torch.stack(norms)) + 1e-6)
    torch._foreach_mul_(gradients, scale.clamp(max=1.0))


def _groups(
    parameters: Sequence[Tensor], weight_decay: float, decay: Literal["matrices", "all"]
) -> list[tuple[list[Tensor], float]]:
    """Return the parameters that decay and those that do not, each with its decay."""
    decaying = [p for p in parameters if decay == "all" or p.ndim > 1]
    others = [p for p in parameters if decay != "all" and p.ndim <= 1]
    return [(decaying, weight_decay), (others, 0.0)]


def _used(parameters: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the parameters that have a gradient, and the gradients."""
    used = [parameter for parameter in parameters if parameter.grad is not None]
    return used, [parameter.grad for parameter in used if parameter.grad is not None]
