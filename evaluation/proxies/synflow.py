"""The proxy synflow, which needs no data: how much signal the absolute weights carry through."""

from collections.abc import Collection

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from navarch.evaluation.proxies.untouched import weight_gradients, weighted_layers, working_copy


def synflow(network: nn.Module, shape: tuple[int, int, int], *, keep_norm: Collection[str] = ()) -> float:
    """Return the sum of |W dR/dW|, where R is the sum of the outputs for an image of ones.

    The network is taken with the absolute value of every parameter, without batch normalisation, in double precision.
    shape: channels, height and width of the image. keep_norm: names of modules inside which batch normalisation stays
    (in training mode). The published correlations on NAS-Bench-201 are of a network that keeps it in the two reduction
    blocks: ("blocks.5", "blocks.11") in the published skeleton. The network stays as it was.

    Source: Tanaka et al., Pruning Neural Networks without Any Data by Iteratively Conserving Synaptic Flow,
    NeurIPS 2020; as a proxy: Abdelfattah et al., ICLR 2021.
    """
    twin = working_copy(network).double()
    remove_batch_norm(twin, keep=keep_norm)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.abs_()
    device = next(twin.parameters()).device
    total = twin(torch.ones(1, *shape, dtype=torch.float64, device=device)).sum()
    layers = weighted_layers(twin)
    flows = zip(layers, weight_gradients(total, layers), strict=True)
    return sum(float((layer.weight.detach() * gradient).abs().sum()) for layer, gradient in flows)


def remove_batch_norm(network: nn.Module, *, keep: Collection[str] = ()) -> None:
    """Put the identity in the place of every batch normalisation, but for those inside the named modules."""
    for name, module in list(network.named_modules()):
        is_kept = any(name == kept or name.startswith(f"{kept}.") for kept in keep)
        if isinstance(module, _BatchNorm) and not is_kept:
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, nn.Identity())
