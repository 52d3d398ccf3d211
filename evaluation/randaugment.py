"""RandAugment on a batch of images, every image with its own operations and strengths.

Source: Cubuk et al., NeurIPS 2020 workshops, in the variant "m9-mstd0.5-inc1" of timm, which DeiT and AutoFormer train
with: two layers; in each, one of fifteen operations that is done with chance .5, at a level drawn around the magnitude,
of 10, that makes every operation stronger. Images: (batch, channels, height, width) bytes. A test compares every
operation with PIL's.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from navarch.evaluation.colour import brightness, contrast, saturation, sharpness, to_bytes

LAYERS = 2
CHANCE = 0.5
TOP = 10.0  # the highest level
TURN = math.radians(30.0)  # at the highest level, as all that follows
SHEAR = 0.3
SHIFT = 0.45  # of the image's side
ENHANCED = 0.9  # a factor's distance from 1
ADDED = 110.0
ADDED_BELOW = 128
OPERATIONS = (
    *("autocontrast", "equalize", "invert", "posterize", "solarize", "solarize_add"),
    *("saturation", "contrast", "brightness", "sharpness"),
    *("rotate", "shear_x", "shear_y", "shift_x", "shift_y"),
)
_ENHANCEMENTS = {
    "saturation": saturation,
    "contrast": contrast,
    "brightness": brightness,
    "sharpness": sharpness,
}
_FIRST_MOVE = OPERATIONS.index("rotate")


def rand_augment(
    images: Tensor, magnitude: float, deviation: float, fill: Tensor | float, chance: torch.Generator
) -> Tensor:
    """Return images changed by up to two operations each.

    magnitude, deviation: mean and deviation of the levels, of 10. fill: what moved images are filled up with,
    (1, channels, 1, 1) or one number, of 0 to 255.
    """
    count = len(images)
    for _ in range(LAYERS):
        chosen = torch.randint(len(OPERATIONS), (count,), generator=chance)
        is_done = torch.rand(count, generator=chance) < CHANCE
        levels = (magnitude + deviation * torch.randn(count, generator=chance)).clamp_(0.0, TOP) / TOP
        signs = torch.where(torch.rand(count, generator=chance) < 0.5, -1.0, 1.0)
        images = apply_operations(images, chosen.masked_fill_(~is_done, -1), levels, signs, fill)
    return images


def apply_operations(
    images: Tensor, chosen: Tensor, levels: Tensor, signs: Tensor, fill: Tensor | float
) -> Tensor:
    """Return images each changed by one operation.

    chosen: its place in OPERATIONS, or -1 for none; levels: 0 to 1; signs: -1 or 1. All (batch,), on the CPU.
    """
    changed, device = images.clone(), images.device
    for number in range(_FIRST_MOVE):
        members = (chosen == number).nonzero().flatten()
        if len(members):
            there = members.to(device)
            changed[there] = _recolour(OPERATIONS[number], images[there], levels[members], signs[members])
    members = (chosen >= _FIRST_MOVE).nonzero().flatten()
    if len(members):
        there = members.to(device)
        moves = move_matrices(chosen[members], levels[members] * signs[members], images.shape[-1])
        changed[there] = warp(images[there], moves, fill)
    return changed


def _recolour(name: str, images: Tensor, levels: Tensor, signs: Tensor) -> Tensor:
    """Return images changed by one operation that moves nothing."""
    own = levels.view(-1, 1, 1, 1).to(images.device)
    if name in _ENHANCEMENTS:
        factors = 1.0 + ENHANCED * own * signs.view(-1, 1, 1, 1).to(images.device)
        return to_bytes(_ENHANCEMENTS[name](images.float(), factors))
    if name == "autocontrast":
        return autocontrast(images)
    if name == "equalize":
        return equalize(images)
    if name == "invert":
        return 255 - images
    if name == "posterize":
        bits = 4.0 - (own * 4.0).floor()
        return images & (256.0 - 2.0 ** (8.0 - bits)).to(torch.uint8)
    if name == "solarize":
        return torch.where(images < 256.0 - (own * 256.0).floor(), images, 255 - images)
    added = to_bytes(images.float() + (own * ADDED).floor())
    return torch.where(images < ADDED_BELOW, added, images)


def autocontrast(images: Tensor) -> Tensor:
    """Return images whose channels reach from 0 to 255 each; an even channel stays."""
    low, high = images.amin((2, 3), keepdim=True).float(), images.amax((2, 3), keepdim=True).float()
    stretched = (images.float() - low) * (255.0 / (high - low).clamp(min=1.0))
    return torch.where(high > low, stretched.floor().to(torch.uint8), images)


def equalize(images: Tensor) -> Tensor:
    """Return images whose channels have all levels alike often, as PIL counts it in whole numbers."""
    pixels = images.flatten(2).flatten(0, 1).long()  # (batch * channels, pixels)
    rows = len(pixels)
    places = pixels + 256 * torch.arange(rows, device=images.device).view(-1, 1)
    counts = torch.bincount(places.flatten(), minlength=256 * rows).view(rows, 256)
    brightest = counts.gather(1, pixels.amax(1, keepdim=True))
    step = (pixels.shape[1] - brightest) // 255
    levels = (step // 2 + counts.cumsum(1) - counts) // step.clamp(min=1)
    equal = levels.clamp(max=255).gather(1, pixels)
    return torch.where(step > 0, equal, pixels).view(images.shape).to(torch.uint8)


def move_matrices(chosen: Tensor, amounts: Tensor, side: int) -> Tensor:
    """Return (batch, 2, 3) matrices that give the place in the image, in pixels, of each pixel of the moved one.

    chosen: places in OPERATIONS; amounts: -1 to 1.
    """
    matrices = torch.eye(2, 3).repeat(len(chosen), 1, 1)
    for number in range(_FIRST_MOVE, len(OPERATIONS)):
        own, amount = chosen == number, amounts[chosen == number]
        name = OPERATIONS[number]
        if name == "rotate":
            turn, centre = -TURN * amount, side / 2.0
            cosine, sine = turn.cos(), turn.sin()
            across, down = centre * (1.0 - cosine - sine), centre * (1.0 - cosine + sine)
            rows = (torch.stack((cosine, sine, across), 1), torch.stack((-sine, cosine, down), 1))
            matrices[own] = torch.stack(rows, 1)
        else:
            row = 0 if name.endswith("x") else 1
            column, most = (1 - row, SHEAR) if name.startswith("shear") else (2, SHIFT * side)
            matrices[own, row, column] = amount * most
    return matrices


def warp(images: Tensor, matrices: Tensor, fill: Tensor | float, mode: str = "bicubic") -> Tensor:
    """Return images moved by matrices, on the CPU, of `move_matrices`; what comes from outside is `fill`."""
    height, width = images.shape[-2:]
    device = images.device
    down, across = torch.meshgrid(
        torch.arange(height, device=device) + 0.5, torch.arange(width, device=device) + 0.5, indexing="ij"
    )
    places = torch.stack((across, down, torch.ones_like(down)), -1).view(1, -1, 3)
    found = (places @ matrices.to(device).transpose(1, 2)).view(-1, height, width, 2)
    x, y = found.unbind(-1)
    inside = ((x >= 0) & (x < width) & (y >= 0) & (y < height)).unsqueeze(1)
    grid = torch.stack((x * (2.0 / width) - 1.0, y * (2.0 / height) - 1.0), -1)
    moved = functional.grid_sample(
        images.float(), grid, mode=mode, padding_mode="border", align_corners=False
    )
    return to_bytes(torch.where(inside, moved, torch.as_tensor(fill, device=device, dtype=moved.dtype)))
