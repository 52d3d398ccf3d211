"""Proxies of how differently a network treats the images of a batch: jacob_cov and naswot."""

import torch
from torch import Tensor, nn

from navarch.evaluation.proxies.untouched import working_copy

_SHIFT = 1e-5  # the k of the definition


def jacob_cov(network: nn.Module, images: Tensor) -> float:
    """Return -sum(log(v + k) + 1 / (v + k)), v the eigenvalues of the correlation of the images' gradients.

    The gradients are those of the sum of all outputs by each image, one row an image; k is 1e-5. images:
    (n, channels, height, width). The result is nan where a row is constant. The network stays as it was.

    Source: Mellor et al., Neural Architecture Search without Training, first version (arXiv 2006.04647v1); named by
    Abdelfattah et al., ICLR 2021.
    """
    read = images.detach().clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(working_copy(network)(read).sum(), read, materialize_grads=True)
    correlation = torch.corrcoef(gradient.flatten(1).double())
    if not bool(correlation.isfinite().all()):
        return float("nan")
    shifted = torch.linalg.eigvalsh(correlation) + _SHIFT
    return -float((shifted.log() + 1 / shifted).sum())


@torch.no_grad()
def naswot(network: nn.Module, images: Tensor) -> float:
    """Return log|det K|, K the sum over ReLUs of x x' + (1 - x)(1 - x)' with binary codes x, one row an image.

    A code says which inputs of a ReLU are above 0. images: (n, channels, height, width). The result is -inf where two
    images have the same codes. The network stays as it was. Raises: ValueError for a network without ReLUs.

    Source: Mellor et al., Neural Architecture Search without Training, ICML 2021.
    """
    twin = working_copy(network)
    count = len(images)
    kernel = torch.zeros(count, count, dtype=torch.float64, device=images.device)

    def add(_relu: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        codes = (inputs[0] > 0).reshape(count, -1).to(images.dtype)
        units = codes.shape[1]
        active = codes.sum(dim=1)
        both = codes @ codes.T
        # (1 - x)(1 - x)' = units - |x_i| - |x_j| + x x'; counts stay exact, being far below 2^24
        kernel.add_((2 * both + units - active[:, None] - active[None, :]).double())

    relus = [module for module in twin.modules() if isinstance(module, nn.ReLU | nn.ReLU6)]
    if not relus:
        raise ValueError("the network has no ReLU")
    for relu in relus:
        relu.register_forward_pre_hook(add)
    twin(images)
    return float(torch.linalg.slogdet(kernel).logabsdet)
