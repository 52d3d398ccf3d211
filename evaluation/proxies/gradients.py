"""Proxies of the gradient of the loss at initialisation: grad_norm, snip, grasp and zico.

The loss is the mean cross-entropy of a batch, batch normalisation in training mode; the sums run over the weights of
convolutions and linear layers. The network stays as it was.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from navarch.evaluation.proxies.untouched import (
    cross_entropy,
    weight_gradients,
    weighted_layers,
    working_copy,
)


def grad_norm(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the sum over layers of the Euclidean norm of dL/dW.

    Source: Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021.
    """
    twin = working_copy(network)
    gradients = weight_gradients(cross_entropy(twin, images, labels), weighted_layers(twin))
    return sum(float(gradient.norm()) for gradient in gradients)


def snip(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the sum of |W dL/dW| over all weights.

    Source: Lee et al., SNIP, ICLR 2019; summed over the network as by Abdelfattah et al., ICLR 2021.
    """
    twin = working_copy(network)
    layers = weighted_layers(twin)
    gradients = weight_gradients(cross_entropy(twin, images, labels), layers)
    return sum(
        float((layer.weight.detach() * g).abs().sum()) for layer, g in zip(layers, gradients, strict=True)
    )


def grasp(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the sum of -(W Hg) over all weights, where g = dL/dW and H is the Hessian of the loss.

    Source: Wang et al., Picking Winning Tickets Before Training by Preserving Gradient Flow, ICLR 2020; summed as by
    Abdelfattah et al., ICLR 2021. One batch gives both g and H; the temperature is 1.
    """
    twin = working_copy(network)
    layers = weighted_layers(twin)
    gradients = weight_gradients(cross_entropy(twin, images, labels), layers, differentiable=True)
    along = torch.stack([(g * g.detach()).sum() for g in gradients]).sum()
    if not along.requires_grad:  # no weight reaches the output
        return 0.0
    products = weight_gradients(along, layers)
    return 0.0 - sum(
        float((layer.weight.detach() * hg).sum()) for layer, hg in zip(layers, products, strict=True)
    )


def zico(network: nn.Module, batches: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Return the sum over layers of log(sum over weights of mean |g| / std g), over at least two batches.

    batches: images and labels. The deviation is that of the population; weights whose gradient does not vary are left
    out, and so are layers without any other. Raises: ValueError for fewer than two batches.

    Source: Li et al., ZiCo, ICLR 2023.
    """
    if len(batches) < 2:
        raise ValueError("zico compares the gradients of batches; give at least two")
    twin = working_copy(network)
    layers = weighted_layers(twin)
    seen = [weight_gradients(cross_entropy(twin, images, labels), layers) for images, labels in batches]
    total = 0.0
    for gradients in zip(*seen, strict=True):
        stacked = torch.stack(gradients)
        deviation = stacked.std(dim=0, correction=0)
        varies = deviation > 0
        ratios = stacked.abs().mean(dim=0)[varies] / deviation[varies]
        if ratios.numel() > 0:
            total += float(ratios.sum().log())
    return total
