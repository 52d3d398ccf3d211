"""Ready an inherited network: images of its own side, and statistics re-estimated on training images."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from navarch.evaluation.recipe import Input
from navarch.evaluation.scaling import Scaling, resize
from navarch.evaluation.supernet.checkpoints import published_checkpoints
from navarch.evaluation.supernet.weights import About

Scale = Callable[[Tensor], Tensor]  # bytes (n, channels, side, side) -> float32 that a network reads
BATCH = 200  # as published for Once-for-All, where 2,000 images are read


class Resized(nn.Module):
    """Bring images to the side in pixels that an architecture chose before its network reads them."""

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__()
        self.network, self.side = network, side

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of a batch of images of any side."""
        return cast(Tensor, self.network(resize(images, self.side)))


def find_scale(about: About, train_images: Tensor, kind: Input) -> Scaling:
    """Return how bytes become what the networks of a supernet read: as published, else by the training images."""
    known = published_checkpoints().get(about.space) if about.origin else None
    if known is None:
        return Scaling.of(train_images, kind=kind)
    return Scaling(
        torch.tensor(known.mean).view(1, -1, 1, 1), torch.tensor(known.deviation).view(1, -1, 1, 1)
    )


def recalibrate(
    network: nn.Module, images: Tensor, scale: Scale, *, on_step: Callable[[], None] = lambda: None
) -> None:
    """Set the statistics of all batch normalisations to the means over batches of images.

    images: (n, channels, height, width) bytes, on the network's device. on_step: called at each batch. Source: Single
    Path One-Shot, section 3.4. A network without batch normalisation stays as it is. The network is left in
    evaluation mode.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    network.eval()
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches, each counting the same
        norm.train()
    with torch.no_grad():
        for start in range(0, max(1, len(images) - BATCH + 1), BATCH):
            on_step()
            network(scale(images[start : start + BATCH]))
    network.eval()
