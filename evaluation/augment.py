"""What a recipe does to training images at random, a batch at a time, on the device where the images lie.

Images: (batch, channels, height, width) uint8. All chances are drawn on the CPU from one generator, so that a GPU
sees the same order, crops and flips.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from navarch.evaluation.colour import jitter
from navarch.evaluation.erasing import cut_out, erase
from navarch.evaluation.mixing import mix
from navarch.evaluation.randaugment import rand_augment
from navarch.evaluation.recipe import REFERENCE_SIDE, SIDES_OF, TrainRecipe
from navarch.evaluation.scaling import resize

AREAS = (0.08, 1.0)  # share of the image that a resized crop takes
RATIOS = (3 / 4, 4 / 3)  # its width over its height
MIDDLE = 128.0  # the grey that moved images are filled up with where no other colour is given


def shuffled_batches(
    images: Tensor,
    labels: Tensor,
    batch_size: int,
    recipe: TrainRecipe,
    chance: torch.Generator,
    *,
    fill: Tensor | float = MIDDLE,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the whole batches of one epoch in random order, changed as the recipe says, with their labels.

    A recipe that repeats images shows as many in an epoch as others do: fewer of them, each so many times in a row.
    fill: the mean colour of the images, (1, channels, 1, 1), which moved images are filled up with.
    """
    side = images.shape[-1]
    shift = recipe.shift
    framed = functional.pad(images, (shift, shift, shift, shift)) if shift else images
    order = torch.randperm(len(images), generator=chance)
    if recipe.repeats > 1:
        order = order.repeat_interleave(recipe.repeats)[: len(images)]
    for start in range(0, len(images) - batch_size + 1, batch_size):
        chosen = order[start : start + batch_size].to(images.device)
        down, right = (int(move) for move in torch.randint(0, 2 * shift + 1, (2,), generator=chance))
        batch = framed[chosen][:, :, down : down + side, right : right + side]
        yield augment(batch, recipe, chance, fill), labels[chosen]


def augment(
    images: Tensor, recipe: TrainRecipe, chance: torch.Generator, fill: Tensor | float = MIDDLE
) -> Tensor:
    """Return a batch of bytes of which every image is cropped, flipped, moved and coloured on its own."""
    if recipe.crop_padding:
        images = crop(images, in_proportion(recipe.crop_padding, images.shape[-1]), chance)
    if recipe.resized_crop:
        images = resized_crop(images, chance)
    if recipe.flip:
        flipped = torch.rand(len(images), 1, 1, 1, generator=chance).to(images.device) < 0.5
        images = torch.where(flipped, images.flip(-1), images)
    if recipe.jitter:
        images = jitter(images, recipe.jitter, chance)
    if recipe.rand_magnitude:
        images = rand_augment(images, recipe.rand_magnitude, recipe.rand_deviation, fill, chance)
    return images


def prepare(
    batch: Tensor,
    scale: Callable[[Tensor], Tensor],
    recipe: TrainRecipe,
    chance: torch.Generator,
    *,
    keeps_side: bool = False,
) -> tuple[Tensor, float]:
    """Return what a network is trained on, and the share that each image has of itself (see `mixing`).

    keeps_side: the network reads images of one side alone, whatever the recipe draws.
    """
    images = scale(batch)
    if recipe.sides and not keeps_side:
        images = resize(images, draw_side(recipe.sides, images.shape[-1], chance))
    if recipe.cutout:
        images = cut_out(images, in_proportion(recipe.cutout, images.shape[-1]), chance)
    if recipe.erasing:
        images = erase(images, recipe.erasing, chance)
    if recipe.mixup or recipe.cutmix:
        return mix(images, recipe.mixup, recipe.cutmix, chance)
    return images, 1.0


def draw_side(sides: tuple[int, ...], side: int, chance: torch.Generator) -> int:
    """Return a side in pixels for one batch: from the first to the second of `sides`, in steps of the third.

    They are stated for images of 224 pixels; those of another side have sides in proportion.
    """
    first, last, step = sides
    drawn = first + step * int(torch.randint((last - first) // step + 1, (), generator=chance))
    return max(1, round(drawn * side / SIDES_OF))


def in_proportion(pixels: int, side: int) -> int:
    """Return a length that is stated for images of 32 pixels, for images of another side."""
    return round(pixels * side / REFERENCE_SIDE)


def crop(images: Tensor, padding: int, chance: torch.Generator) -> Tensor:
    """Return windows of the size of the images, each at its own place in the image framed by zeros."""
    count, channels, height, width = images.shape
    device = images.device
    moves = torch.randint(0, 2 * padding + 1, (2, count, 1, 1), generator=chance).to(device)
    framed = functional.pad(images, (padding, padding, padding, padding))
    rows = moves[0] + torch.arange(height, device=device).view(1, -1, 1)
    columns = moves[1] + torch.arange(width, device=device).view(1, 1, -1)
    flat = (rows * framed.shape[-1] + columns).view(count, 1, -1).expand(-1, channels, -1)
    return framed.flatten(2).gather(2, flat).view(count, channels, height, width)


def resized_crop(images: Tensor, chance: torch.Generator) -> Tensor:
    """Return windows of random area and aspect ratio, each enlarged to the size of the images (bilinear)."""
    count = len(images)
    area = torch.empty(count).uniform_(*AREAS, generator=chance)
    ratio = torch.empty(count).uniform_(*(torch.tensor(RATIOS).log().tolist()), generator=chance).exp()
    width, height = (area * ratio).sqrt().clamp(max=1.0), (area / ratio).sqrt().clamp(max=1.0)
    x = (1 - width) * (2 * torch.rand(count, generator=chance) - 1)  # centres, where the image spans -1..1
    y = (1 - height) * (2 * torch.rand(count, generator=chance) - 1)
    zero = torch.zeros(count)
    matrices = torch.stack((width, zero, x, zero, height, y), 1).view(count, 2, 3).to(images.device)
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    sampled = functional.grid_sample(
        images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return sampled.round_().to(torch.uint8)
