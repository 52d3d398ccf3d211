"""Changes of colour, a batch at a time, every image with its own factors.

Images: (batch, channels, height, width) float32 of 0 to 255; factors: (batch, 1, 1, 1). Grey images, of one channel,
have neither saturation nor hue: those changes leave them as they are. Definitions: those of PIL's ImageEnhance, and for
hue of torchvision's adjust_hue; a test compares each with torchvision.
"""

import torch
from torch import Tensor

_GREY = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R 601, as PIL
_SMOOTH = 13.0  # sum of PIL's kernel SMOOTH: ones around a 5


def jitter(images: Tensor, strengths: tuple[float, ...], chance: torch.Generator) -> Tensor:
    """Return bytes (batch, channels, height, width) whose colours are changed at random, each image on its own.

    strengths: of brightness, contrast, saturation and hue. A strength s of the first three is a factor from 1 - s (at
    least 0) to 1 + s; of hue, a turn from -s to s of the circle. They are done in random order.
    """
    count = len(images)
    lows = torch.tensor([max(0.0, 1.0 - s) for s in strengths[:3]] + [-strengths[3]]).view(4, 1)
    highs = torch.tensor([1.0 + s for s in strengths[:3]] + [strengths[3]]).view(4, 1)
    factors = lows + (highs - lows) * torch.rand(4, count, generator=chance)
    order = torch.rand(count, 4, generator=chance).argsort(1)
    return change_colours(images, factors, order)


def change_colours(images: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """Return bytes with the four changes done to each image in its own order.

    factors: (4, batch) of brightness, contrast, saturation and hue. order: (batch, 4), which of them comes first to
    last. Both lie on the CPU, the images anywhere.
    """
    changes = (brightness, contrast, saturation, hue)
    changed = images.float()
    for place in range(4):
        for number, change in enumerate(changes):
            chosen = (order[:, place] == number).nonzero().flatten()
            if len(chosen) and not (images.shape[1] == 1 and number > 1):
                own = factors[number, chosen].view(-1, 1, 1, 1).to(images.device)
                there = chosen.to(images.device)
                changed[there] = change(changed[there], own)
    return to_bytes(changed)


def brightness(images: Tensor, factors: Tensor) -> Tensor:
    """Return images between black (0), themselves (1) and brighter."""
    return (images * factors).clamp_(0.0, 255.0)


def contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Return images between their mean grey (0), themselves (1) and more contrast."""
    return blend(images, grey(images).mean((1, 2, 3), keepdim=True), factors)


def saturation(images: Tensor, factors: Tensor) -> Tensor:
    """Return images between grey (0), themselves (1) and more colour."""
    return images if images.shape[1] == 1 else blend(images, grey(images), factors)


def hue(images: Tensor, turns: Tensor) -> Tensor:
    """Return images with their hues turned, 1 being the whole circle."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    top, bottom = images.amax(1), images.amin(1)
    spread = top - bottom
    safe = spread.clamp(min=1e-6)
    sector = torch.where(
        top == red,
        (green - blue) / safe,
        torch.where(top == green, 2.0 + (blue - red) / safe, 4.0 + (red - green) / safe),
    )
    turned = sector + 6.0 * turns.squeeze(1)  # in sixths of the circle; red at 0
    channels = []
    for start in (5.0, 3.0, 1.0):
        place = (turned + start) % 6.0
        channels.append(top - spread * torch.minimum(place, 4.0 - place).clamp(0.0, 1.0))
    return torch.stack(channels, 1)


def sharpness(images: Tensor, factors: Tensor) -> Tensor:
    """Return images between smoothed (0), themselves (1) and sharper; their border stays."""
    if min(images.shape[-2:]) < 3:
        return images
    inner = images[..., 1:-1, 1:-1]
    rows = images[..., :-2, :] + images[..., 1:-1, :] + images[..., 2:, :]
    smooth = images.clone()
    smooth[..., 1:-1, 1:-1] = (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4.0 * inner) / _SMOOTH
    return blend(images, smooth, factors)


def grey(images: Tensor) -> Tensor:
    """Return images of one channel."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    return (_GREY[0] * red + _GREY[1] * green + _GREY[2] * blue).unsqueeze(1)


def blend(images: Tensor, others: Tensor, factors: Tensor) -> Tensor:
    """Return others (0), images (1), what lies between, or beyond."""
    return (others + factors * (images - others)).clamp_(0.0, 255.0)


def to_bytes(images: Tensor) -> Tensor:
    """Return float images of 0 to 255 as the nearest bytes."""
    return images.round().clamp_(0.0, 255.0).to(torch.uint8)
