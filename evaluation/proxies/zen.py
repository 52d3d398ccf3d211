"""The proxy zen: how far the features of a Gaussian network move with their input."""

import math

import torch
from torch import Tensor, nn

from navarch.evaluation.proxies.az_nas import block_features, find_blocks
from navarch.evaluation.proxies.untouched import hooked, working_copy

STEP = 0.01  # of the noise that is added to the input


@torch.no_grad()
def zen(network: nn.Module, images: Tensor, noise: Tensor) -> float:
    """Return log E|f(x) - f(x + 0.01 e)|_1 + the sum over batch normalisations of log sqrt(mean running variance).

    f gives the features before the global pooling; E is the mean over the batch, |.|_1 the sum over channels and
    space. The running variances start at 1 and see both passes. images x, noise e: (n, channels, height, width), drawn
    from a Gaussian by the paper, as are the weights: see `gaussian_init`, which is left to the caller. The network
    stays as it was. Raises: ValueError for a network without features in space.

    Source: Lin et al., Zen-NAS, ICCV 2021.
    """
    twin = working_copy(network)
    norms = [module for module in twin.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
    near, far = pooled_features(twin, images), pooled_features(twin, images + STEP * noise)
    distance = float((near - far).abs().flatten(1).sum(dim=1).mean())
    variances = [float(norm.running_var.mean()) for norm in norms if norm.running_var is not None]
    scale = sum(0.5 * math.log(variance) for variance in variances)
    return math.log(distance) + scale if distance > 0 else -math.inf


def pooled_features(network: nn.Module, images: Tensor) -> Tensor:
    """Return what the global pooling reads: (n, channels, height, width).

    That is the input of the last adaptive pooling that runs; where there is none, what the last block returns.
    Raises: ValueError for a network that has neither.
    """
    pooled: list[Tensor] = []

    def keep(_pool: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        pooled.append(inputs[0])

    pools = [module for module in network.modules() if isinstance(module, nn.AdaptiveAvgPool2d)]
    if not pools:
        return block_features(network, find_blocks(network), images)[-1]
    with hooked(pool.register_forward_pre_hook(keep) for pool in pools):
        network(images)
    return pooled[-1]


@torch.no_grad()
def gaussian_init(network: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of convolutions and linear layers from N(0, 1), in order; normalisation is the identity.

    Biases become 0. Source: Lin et al., Zen-NAS, ICCV 2021.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            drawn = torch.randn(module.weight.shape, generator=generator, dtype=torch.float64)
            module.weight.copy_(drawn)
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            module.weight.fill_(1.0)
        else:
            continue
        if module.bias is not None:
            module.bias.zero_()
