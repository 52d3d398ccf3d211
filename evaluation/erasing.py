"""Parts of scaled images that are taken away: squares of zeros, and rectangles of noise."""

import math

import torch
from torch import Tensor

AREAS = (0.02, 1 / 3)  # share of the image that an erased rectangle takes
RATIOS = (0.3, 1 / 0.3)  # its height over its width
TRIES = 10  # of a rectangle that fits; then none is erased


def cut_out(images: Tensor, size: int, chance: torch.Generator) -> Tensor:
    """Return scaled images with one square of zeros each, its centre anywhere on the image (DeVries and Taylor)."""
    count, _, height, width = images.shape
    device = images.device
    top = torch.randint(0, height, (count, 1, 1, 1), generator=chance).to(device) - size // 2
    left = torch.randint(0, width, (count, 1, 1, 1), generator=chance).to(device) - size // 2
    inside = _inside(images, top, left, size, size)
    return images.masked_fill(inside, 0.0)


def erase(images: Tensor, share: float, chance: torch.Generator) -> Tensor:
    """Return scaled images of which a share has one rectangle of Gaussian noise, of mean 0 and deviation 1.

    Source: Zhong et al., AAAI 2020, with the areas and ratios of timm's mode "pixel", which AutoFormer trains with. The
    noise is drawn on the images' device, by a generator that `chance` seeds.
    """
    count, _, height, width = images.shape
    device = images.device
    chosen = (torch.rand(count, generator=chance) < share).nonzero().flatten()
    area = torch.empty(TRIES, len(chosen)).uniform_(*AREAS, generator=chance) * (height * width)
    logs = [math.log(ratio) for ratio in RATIOS]
    ratio = torch.empty(TRIES, len(chosen)).uniform_(*logs, generator=chance).exp()
    tall, wide = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (tall < height) & (wide < width)
    first = fits.int().argmax(0, keepdim=True)  # the first that fits, where one does
    tall = (tall * fits).gather(0, first).view(-1, 1, 1, 1)
    wide = (wide * fits).gather(0, first).view(-1, 1, 1, 1)
    top = (torch.rand(tall.shape, generator=chance) * (height - tall + 1)).floor()
    left = (torch.rand(wide.shape, generator=chance) * (width - wide + 1)).floor()
    own = torch.Generator(device).manual_seed(int(torch.randint(2**62, (), generator=chance)))
    if not len(chosen):
        return images
    there = chosen.to(device)
    some = images[there]
    inside = _inside(some, top.to(device), left.to(device), tall.to(device), wide.to(device))
    noise = torch.randn(some.shape, generator=own, device=device, dtype=some.dtype)
    erased = images.clone()
    erased[there] = torch.where(inside, noise, some)
    return erased


def _inside(images: Tensor, top: Tensor, left: Tensor, tall: Tensor | int, wide: Tensor | int) -> Tensor:
    """Return which pixels, (batch, 1, height, width), lie in each image's rectangle."""
    height, width = images.shape[-2:]
    row = torch.arange(height, device=images.device).view(1, 1, -1, 1)
    column = torch.arange(width, device=images.device).view(1, 1, 1, -1)
    return (row >= top) & (row < top + tall) & (column >= left) & (column < left + wide)
