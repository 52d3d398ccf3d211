"""Each operation of RandAugment does what PIL's does, and a batch has the operations and levels of the recipe."""

import math

import pytest
import torch
from pictures import KINDS, apart, from_pil, pictures, to_pil
from PIL import Image, ImageEnhance, ImageOps

from navarch.evaluation.randaugment import (
    OPERATIONS,
    apply_operations,
    move_matrices,
    rand_augment,
    warp,
)

LEVEL = 0.9
FILL = 77


def solarize_add(image, level):
    return image.point(
        [min(255, i + int(level * 110)) if i < 128 else i for i in range(256)] * len(image.getbands())
    )


def enhance(kind):
    return lambda image, level, sign: kind(image).enhance(1 + sign * 0.9 * level)


def move(matrix, mode):
    def moved(image, level, sign):
        fill = FILL if image.mode == "L" else (FILL,) * 3
        return image.transform(image.size, Image.AFFINE, matrix(level * sign), resample=mode, fillcolor=fill)

    return moved


def turn(mode):
    return lambda image, level, sign: image.rotate(
        30 * level * sign, resample=mode, fillcolor=FILL if image.mode == "L" else (FILL,) * 3
    )


def moves(mode):
    return {
        "rotate": turn(mode),
        "shear_x": move(lambda amount: (1, 0.3 * amount, 0, 0, 1, 0), mode),
        "shear_y": move(lambda amount: (1, 0, 0, 0.3 * amount, 1, 0), mode),
        "shift_x": move(lambda amount: (1, 0, 0.45 * 32 * amount, 0, 1, 0), mode),
        "shift_y": move(lambda amount: (1, 0, 0, 0, 1, 0.45 * 32 * amount), mode),
    }


POINTS = {
    "autocontrast": lambda image, level, sign: ImageOps.autocontrast(image),
    "equalize": lambda image, level, sign: ImageOps.equalize(image),
    "invert": lambda image, level, sign: ImageOps.invert(image),
    "posterize": lambda image, level, sign: ImageOps.posterize(image, 4 - int(level * 4)),
    "solarize": lambda image, level, sign: ImageOps.solarize(image, 256 - int(level * 256)),
    "solarize_add": lambda image, level, sign: solarize_add(image, level),
    "saturation": enhance(ImageEnhance.Color),
    "contrast": enhance(ImageEnhance.Contrast),
    "brightness": enhance(ImageEnhance.Brightness),
    "sharpness": enhance(ImageEnhance.Sharpness),
}


def test_the_operations_are_the_fifteen_of_the_recipe():
    assert set(OPERATIONS) == {*POINTS, *moves(Image.BICUBIC)}
    assert len(OPERATIONS) == 15


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0.37, LEVEL])
@pytest.mark.parametrize("name", POINTS)
def test_an_operation_on_levels_is_pils(name, level, kind):
    images = pictures(kind)
    signs = torch.tensor([1.0, -1.0]).repeat(len(images) // 2)
    chosen = torch.full((len(images),), OPERATIONS.index(name))
    changed = apply_operations(images, chosen, torch.full((len(images),), level), signs, FILL)
    for image, sign, ours in zip(images, signs.tolist(), changed, strict=True):
        theirs = from_pil(POINTS[name](to_pil(image), level, sign))
        assert apart(ours, theirs).max() <= (
            2 if name == "contrast" else 1
        )  # PIL's mean grey is a whole number
        if name in ("equalize", "invert", "posterize", "solarize", "solarize_add"):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", moves(Image.BICUBIC))
def test_a_move_is_pils(name, kind):
    images = pictures(kind)
    signs = torch.tensor([1.0, -1.0]).repeat(len(images) // 2)
    chosen = torch.full((len(images),), OPERATIONS.index(name))
    levels = torch.linspace(0.1, 1.0, len(images))
    exact = warp(images, move_matrices(chosen, levels * signs, 32), FILL, "bilinear")
    cubic = apply_operations(images, chosen, levels, signs, FILL)
    for place, image in enumerate(images):
        arguments = to_pil(image), float(levels[place]), float(signs[place])
        straight = apart(exact[place], from_pil(moves(Image.BILINEAR)[name](*arguments)))
        assert straight.float().quantile(0.99) <= 1
        curved = apart(cubic[place], from_pil(moves(Image.BICUBIC)[name](*arguments))).float()
        assert curved.mean() < 2.5  # the cubic curve of PIL is another (-1 in place of torch's -0.75)
        assert curved.quantile(0.9) <= 8


def test_level_nought_moves_nothing_and_no_operation_changes_nothing():
    images = pictures("made")
    none, signs = torch.zeros(len(images)), torch.ones(len(images))
    for name in moves(Image.BICUBIC):
        chosen = torch.full((len(images),), OPERATIONS.index(name))
        assert torch.equal(apply_operations(images, chosen, none, signs, FILL), images)
    idle = torch.full((len(images),), -1)
    assert torch.equal(apply_operations(images, idle, none + 1, signs, FILL), images)


def test_what_comes_from_outside_has_the_colour_that_is_given():
    images = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    fill = torch.tensor([10.0, 20.0, 30.0]).view(1, 3, 1, 1)
    moved = warp(images, move_matrices(torch.tensor([OPERATIONS.index("shift_x")]), torch.ones(1), 8), fill)
    assert moved[0, :, 0, -1].tolist() == [10, 20, 30]
    assert moved[0, :, 0, 0].tolist() == [0, 0, 0]


def test_half_of_the_operations_are_not_done_and_the_others_are_of_all_kinds():
    images = pictures("made", 1).expand(2000, -1, -1, -1)
    changed = rand_augment(images, 9.0, 0.5, 128.0, torch.Generator().manual_seed(0))
    same = (changed == images).flatten(1).all(1).float().mean().item()
    idle = (0.5 + 0.5 / 15) ** 2  # this image reaches from 0 to 255: autocontrast leaves it as it is
    assert math.isclose(same, idle, abs_tol=0.03)
    assert len(changed.flatten(1).unique(dim=0)) > 1000


def test_randaugment_comes_from_the_generator_alone():
    images = pictures("made")
    first, again = (rand_augment(images, 9.0, 0.5, 128.0, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
