"""SGD with Nesterov momentum, for one training run.

torch.optim does the same, but its first use imports the compiler (7 s cold, 1-2 s warm), more than a short
trial takes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


class Sgd:
    """Step along gradient + momentum * velocity, where velocity = momentum * velocity + gradient."""

    def __init__(self, parameters: Sequence[Tensor], *, momentum: float, weight_decay: float) -> None:
        self.parameters = list(parameters)
        self.velocity = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.momentum = momentum
        self.weight_decay = weight_decay

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Take one step and clear the gradients; parameters without one (dead edges) stay."""
        used = [index for index, parameter in enumerate(self.parameters) if parameter.grad is not None]
        parameters = [self.parameters[index] for index in used]
        velocity = [self.velocity[index] for index in used]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        matrices = [index for index, parameter in enumerate(parameters) if parameter.ndim > 1]
        torch._foreach_add_(
            [gradients[index] for index in matrices],
            [parameters[index] for index in matrices],
            alpha=self.weight_decay,
        )
        torch._foreach_mul_(velocity, self.momentum)
        torch._foreach_add_(velocity, gradients)
        torch._foreach_add_(gradients, velocity, alpha=self.momentum)
        torch._foreach_add_(parameters, gradients, alpha=-lr)
        for parameter in parameters:
            parameter.grad = None
