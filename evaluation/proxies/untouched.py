"""Work on a copy, so that the network that is measured stays as it was, and find the layers that count."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.utils.hooks import RemovableHandle

Weighted = nn.Conv2d | nn.Linear


def working_copy(network: nn.Module) -> nn.Module:
    """Return a copy in training mode but for dropout, all parameters trainable and without gradients.

    In training mode batch normalisation uses the statistics of the batch, as every proxy here does; dropout would add
    chance to the figures.
    """
    twin = copy.deepcopy(network).train()
    for module in twin.modules():
        if isinstance(module, _DropoutNd):
            module.eval()
    for parameter in twin.parameters():
        parameter.requires_grad_(True)
        parameter.grad = None
    return twin


@contextmanager
def hooked(hooks: Iterable[RemovableHandle]) -> Iterator[None]:
    """Keep hooks on a network while the block runs."""
    handles = list(hooks)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def weighted_layers(network: nn.Module) -> list[Weighted]:
    """Return the convolutions and linear layers: the sums of the proxies run over their weights, not their biases."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def weight_gradients(
    loss: Tensor, layers: Sequence[Weighted], *, differentiable: bool = False
) -> list[Tensor]:
    """Return dL/dW of every layer; zeros for a layer that the loss does not depend on.

    differentiable: whether the gradients can be differentiated again.
    """
    weights = [layer.weight for layer in layers]
    found = torch.autograd.grad(loss, weights, create_graph=differentiable, allow_unused=True)
    return [
        torch.zeros_like(weight) if gradient is None else gradient
        for weight, gradient in zip(weights, found, strict=True)
    ]


def cross_entropy(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of a batch. images: (n, channels, height, width); labels: (n,) int64."""
    return nn.functional.cross_entropy(network(images), labels)
