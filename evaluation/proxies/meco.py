"""The proxy meco: how independent the channels of every convolution are, for one image."""

from typing import Any

import torch
from torch import Tensor, nn

from navarch.evaluation.proxies.untouched import working_copy


@torch.no_grad()
def meco(network: nn.Module, image: Tensor) -> float:
    """Return the sum over convolutions of the smallest eigenvalue of the correlation of their output channels.

    image: (1, channels, height, width), by the paper one of Gaussian noise with 64 x 64 pixels. A constant channel
    counts as uncorrelated to all, itself included; a convolution of a single place is left out. The reference sums
    over every module, containers among them, so that it depends on how a network is nested; convolutions alone do not.
    The network stays as it was.

    Source: Jiang et al., MeCo, NeurIPS 2023; the sum here is over convolutions.
    """
    twin = working_copy(network)
    smallest: list[float] = []

    def keep(_conv: nn.Module, _inputs: Any, output: Tensor) -> None:
        channels = output[0].flatten(1).double()
        if channels.shape[1] < 2:  # one place says nothing of how channels vary
            return
        correlation = torch.corrcoef(channels).reshape(len(channels), len(channels)).nan_to_num(0.0)
        smallest.append(float(torch.linalg.eigvalsh(correlation)[0]))

    for module in twin.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(keep)
    twin(image)
    return sum(smallest)
