"""The proxy fisher: how much the loss depends on each channel of the outputs of convolutions and linear layers."""

from typing import Any

import torch
from torch import Tensor, nn

from navarch.evaluation.proxies.untouched import Weighted, cross_entropy, weighted_layers, working_copy


def fisher(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the sum over output channels of |0.5 mean_batch (sum_space a dL/da)^2| times the channel's weights.

    a is the output of a convolution or a linear layer. The network stays as it was.

    Source: Turner et al., BlockSwap, ICLR 2020; extended to weights as by Abdelfattah et al., ICLR 2021.
    """
    twin = working_copy(network)
    outputs: list[tuple[Weighted, Tensor]] = []

    def keep(layer: Weighted, _inputs: Any, output: Tensor) -> None:
        outputs.append((layer, output))

    for weighted in weighted_layers(twin):
        weighted.register_forward_hook(keep)
    loss = cross_entropy(twin, images, labels)
    gradients = torch.autograd.grad(loss, [output for _, output in outputs], allow_unused=True)
    total = 0.0
    for (layer, output), gradient in zip(outputs, gradients, strict=True):
        if gradient is not None:
            weights_per_channel = layer.weight[0].numel()
            total += weights_per_channel * float(_saliency(layer, output, gradient).abs().sum())
    return total


def _saliency(layer: Weighted, output: Tensor, gradient: Tensor) -> Tensor:
    """Return one number a channel: (channels,). A convolution has its channels at 1, a linear layer at the end."""
    product = (output * gradient).detach()
    if isinstance(layer, nn.Linear):
        product = product.movedim(-1, 1)
    summed = product.flatten(2).sum(dim=2) if product.dim() > 2 else product
    return 0.5 * summed.square().mean(dim=0)
