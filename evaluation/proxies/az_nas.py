"""The proxies of AZ-NAS: expressivity, progressivity and trainability of a network's blocks.

Its fourth, complexity, is the multiply-accumulates; `ranking.py` joins the ranks of the four.
Source: Lee and Ham, AZ-NAS, CVPR 2024.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from navarch.evaluation.proxies.untouched import hooked, working_copy

_CONTAINERS = ("blocks", "layers", "cells")  # what our networks call their blocks


class AzNas(NamedTuple):
    """The three figures of one network, more is better in each."""

    expressivity: float
    progressivity: float
    trainability: float


def az_nas(network: nn.Module, images: Tensor, generator: torch.Generator) -> AzNas:
    """Return the figures of the blocks' features, in one pass forward and one backward through each block.

    The features are what the first block reads (the stem is a block as well) and what each block returns. generator:
    draws the output gradients of the trainability. The network stays as it was. Raises: ValueError for a network whose
    blocks are not known, or whose features are not (n, channels, height, width).
    """
    twin = working_copy(network)
    features = block_features(twin, find_blocks(twin), images)
    entropies = [feature_entropy(feature.detach()) for feature in features]
    steps = [after - before for before, after in pairwise(entropies)]
    terms = [_trainability(before, after, generator) for before, after in pairwise(features)]
    return AzNas(sum(entropies), min(steps), sum(terms) / len(terms))


def find_blocks(network: nn.Module) -> list[nn.Module]:
    """Return the blocks of a network, in order. Raises: ValueError where it does not name them."""
    for name in _CONTAINERS:
        container = getattr(network, name, None)
        if isinstance(container, nn.Sequential | nn.ModuleList):
            return list(container)
    raise ValueError(f"the network has no part named {', '.join(_CONTAINERS[:-1])} or {_CONTAINERS[-1]}")


def block_features(network: nn.Module, blocks: Sequence[nn.Module], images: Tensor) -> list[Tensor]:
    """Return what the first block reads, and what every block returns: (n, channels, height, width) each.

    Raises: ValueError for features of another shape.
    """
    features: list[Tensor] = []

    def keep(_block: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        if not features:  # a block that reads several states reads the latest one last
            features.extend([value for value in inputs if isinstance(value, Tensor)][-1:])
        features.append(output)

    with hooked(block.register_forward_hook(keep) for block in blocks):
        network(images)
    if any(feature.dim() != 4 for feature in features):
        raise ValueError("the blocks of the network have no features with height and width")
    return features


def feature_entropy(feature: Tensor) -> float:
    """Return the entropy of the eigenvalues, scaled to sum 1, of the covariance of the channels.

    feature: (n, channels, height, width); every place of every image is one observation. A constant feature gives 0.
    """
    rows = feature.movedim(1, -1).flatten(0, -2).double()
    rows = rows - rows.mean(dim=0)
    eigenvalues = torch.linalg.eigvalsh(rows.T @ rows / len(rows)).clamp(min=0)
    total = eigenvalues.sum()
    if total == 0:
        return 0.0
    return float(torch.special.entr(eigenvalues / total).sum())


def _trainability(before: Tensor, after: Tensor, generator: torch.Generator) -> float:
    """Return -s - 1/s + 2, s the top singular value of a block's mean Jacobian; 0 at s = 1, the best.

    -inf for a block that hands the gradient back unchanged, as published: such a block learns nothing.
    """
    if not (before.requires_grad and after.requires_grad):  # nothing of the stem arrives
        return -torch.inf
    sign = torch.randint(0, 2, after.shape, generator=generator).to(after) * 2 - 1
    (read,) = torch.autograd.grad(after, before, sign, retain_graph=True, materialize_grads=True)
    if read.shape == sign.shape and torch.equal(read, sign):
        return -torch.inf
    top = float(torch.linalg.matrix_norm(mean_jacobian(read, sign), ord=2))
    return -top - 1 / top + 2 if top > 0 else -torch.inf


def mean_jacobian(read: Tensor, given: Tensor) -> Tensor:
    """Return the Jacobian by channels, the mean over images and places of the output.

    read: gradient by the block's input; given: Rademacher gradient of its output. Where the block shrinks height and
    width, the places of the input that belong to one of the output count as further channels.
    """
    stride = -(-read.shape[2] // given.shape[2])
    if stride > 1:
        below, right = (stride * given.shape[side] - read.shape[side] for side in (2, 3))
        read = nn.functional.pixel_unshuffle(nn.functional.pad(read, (0, right, 0, below)), stride)
    rows_in, rows_out = (value.movedim(1, -1).flatten(0, -2) for value in (read, given))
    return rows_in.T @ rows_out / len(rows_out)
