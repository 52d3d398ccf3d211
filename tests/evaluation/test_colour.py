"""Each image's colours change as torchvision changes them with the same factors."""

import pytest
import torch
from pictures import KINDS, apart, from_pil, pictures, to_pil

from navarch.evaluation.colour import (
    brightness,
    change_colours,
    contrast,
    hue,
    jitter,
    saturation,
    sharpness,
)
from navarch.evaluation.vision import import_torchvision

CHANGES = {
    "brightness": (brightness, "adjust_brightness", (0.1, 0.6, 1.0, 1.4)),
    "contrast": (contrast, "adjust_contrast", (0.0, 0.6, 1.0, 1.4)),
    "saturation": (saturation, "adjust_saturation", (0.0, 0.6, 1.0, 1.4)),
    "hue": (hue, "adjust_hue", (-0.5, -0.2, 0.0, 0.13)),
    "sharpness": (sharpness, "adjust_sharpness", (0.1, 0.6, 1.0, 1.9)),
}
ORDER = ("brightness", "contrast", "saturation", "hue")


@pytest.fixture(scope="module")
def functional():
    return import_torchvision("transforms.v2.functional")


@pytest.mark.slow  # torchvision takes seconds to import
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_torchvisions_image_by_image(functional, name, kind):
    change, theirs, factors = CHANGES[name]
    images = pictures(kind)
    own = torch.tensor(factors).repeat(len(images) // len(factors)).view(-1, 1, 1, 1)
    changed = change(images.float(), own)
    for image, factor, ours in zip(images, own.flatten().tolist(), changed, strict=True):
        expected = 255 * getattr(functional, theirs)(image.float() / 255, factor)
        torch.testing.assert_close(ours, expected, atol=0.1, rtol=0)


@pytest.mark.slow  # torchvision takes seconds to import
@pytest.mark.parametrize("kind", KINDS)
def test_all_changes_are_torchvisions_in_each_images_own_order(functional, kind):
    images = pictures(kind)
    chance = torch.Generator().manual_seed(1)
    factors = 0.6 + 0.8 * torch.rand(4, len(images), generator=chance)
    factors[3] = 0.4 * torch.rand(len(images), generator=chance) - 0.2
    order = torch.rand(len(images), 4, generator=chance).argsort(1)
    changed = change_colours(images, factors, order)
    for place, image in enumerate(images):
        exact, rounded = image.float() / 255, to_pil(image)
        for number in order[place].tolist():
            adjust = getattr(functional, CHANGES[ORDER[number]][1])
            exact = adjust(exact, float(factors[number, place]))
            rounded = adjust(rounded, float(factors[number, place]))
        assert apart(changed[place], (255 * exact).round()).max() <= 1
        differences = apart(changed[place], from_pil(rounded)).float()
        assert differences.mean() < 2.5  # PIL cuts off after each change, and hues have 256 values
        assert differences.quantile(0.9) <= 8


def test_jitter_keeps_to_its_strengths_and_leaves_out_what_has_none():
    grey = torch.full((400, 3, 4, 4), 100, dtype=torch.uint8)
    chance = torch.Generator().manual_seed(0)
    bright = jitter(grey, (0.4, 0.0, 0.0, 0.0), chance)[:, 0, 0, 0]
    assert (int(bright.min()), int(bright.max())) == (60, 140)
    assert len(bright.unique()) > 60  # each image has its own
    assert torch.equal(jitter(grey, (0.0, 0.4, 0.4, 0.2), chance), grey)  # an even grey has nothing to change


def test_jitter_comes_from_the_generator_alone():
    images = pictures("made")
    strengths = (0.4, 0.4, 0.4, 0.2)
    first, again, other = (
        jitter(images, strengths, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first != images).flatten(1).any(1).all()


def test_grey_images_have_no_colour_to_change():
    images = pictures("grey")
    assert torch.equal(jitter(images, (0.0, 0.0, 0.4, 0.2), torch.Generator().manual_seed(0)), images)
