"""Published recipes say what the papers say, and every part of a recipe changes the training."""

import math
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from navarch import NavarchError
from navarch.evaluation.augment import crop, cut_out, resized_crop, shuffled_batches
from navarch.evaluation.optimizer import AdamW, Sgd, clip_gradients
from navarch.evaluation.recipe import TrainRecipe, find_recipe, published_recipes
from navarch.evaluation.schedule import learning_rate
from navarch.evaluation.task_data import SearchData
from navarch.evaluation.train import train_network
from navarch.spaces import get_space

SPACES = Path(__file__).resolve().parents[2] / ".." / "shared" / "SPACES.md"
SAID = tomllib.loads((Path(__file__).parent / "recipe_sentences.toml").read_text())


@pytest.mark.parametrize("name", published_recipes())
def test_a_recipe_says_what_the_specification_says(name):
    if not SPACES.is_file():
        pytest.skip("the specification of the spaces is not here")
    text = SPACES.read_text()
    text = " ".join(text[text.index(SAID[name]["after"]) :].split())
    parts = re.split(r"\{(\w+)\}", SAID[name]["says"])
    pattern = "".join(
        rf"(?P<{part}>[\d.e-]*\d)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
    )
    found = re.search(pattern, text)
    assert found, pattern
    for field, value in found.groupdict().items():
        assert getattr(find_recipe(name), field) == float(value), field


def test_an_unknown_recipe_is_refused_with_the_known_names():
    with pytest.raises(NavarchError, match=r"'nb201'.*nb201-12, nb201-200"):
        find_recipe("nb201")


@pytest.mark.parametrize("name", published_recipes())
def test_the_rate_rises_to_the_peak_and_falls_to_the_last(name):
    recipe = find_recipe(name)
    epochs, steps = recipe.epochs, recipe.epochs * 10
    rates = [learning_rate(step, steps, recipe, epochs=epochs) for step in range(steps)]
    assert all(math.isfinite(rate) and 0 < rate <= recipe.peak_lr + 1e-12 for rate in rates)
    assert max(rates) > 0.8 * recipe.peak_lr
    few = [learning_rate(step, 500, recipe, epochs=5) for step in range(500)]
    assert max(few) == pytest.approx(max(rates), rel=0.05)  # fewer epochs warm up in proportion
    top = round(steps * (recipe.warmup or recipe.warmup_epochs / epochs))
    assert rates[:top] == sorted(rates[:top])
    assert rates[max(1, top) :] == sorted(rates[max(1, top) :], reverse=True)


def test_adamw_does_what_torchs_does():
    torch.manual_seed(0)
    ours, theirs = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    mine = AdamW(list(ours.parameters()), weight_decay=0.05, decay="all")
    other = torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0.05)
    for _ in range(5):
        x = torch.randn(4, 3)
        for network in (ours, theirs):
            network(x).square().sum().backward()
        mine.step(0.01)
        other.step()
        other.zero_grad()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


@pytest.mark.parametrize("decay", ["matrices", "all"])
def test_a_bias_decays_only_where_all_parameters_do(decay):
    bias = torch.ones(2, requires_grad=True)
    optimizer = Sgd([bias], momentum=0.9, weight_decay=0.5, nesterov=False, decay=decay)
    bias.grad = torch.zeros(2)
    optimizer.step(1.0)
    assert bias.tolist() == ([0.5, 0.5] if decay == "all" else [1.0, 1.0])


def test_clipping_scales_all_gradients_together():
    a, b, idle = (torch.ones(2, requires_grad=True) for _ in range(3))
    a.grad, b.grad = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])
    clip_gradients([a, b, idle], 10.0)
    assert a.grad.tolist() == [3.0, 0.0]
    clip_gradients([a, b, idle], 1.0)
    assert torch.stack([a.grad, b.grad]).norm().item() == pytest.approx(1.0, abs=1e-5)


def test_every_image_of_a_crop_is_a_window_of_its_own_image():
    images = torch.arange(1, 1 + 64 * 16, dtype=torch.int64).view(64, 1, 4, 4)
    cropped = crop(images, 1, torch.Generator().manual_seed(0))
    framed = torch.nn.functional.pad(images, (1, 1, 1, 1))
    moves = set()
    for image, whole in zip(cropped, framed, strict=True):
        places = [
            (down, right) for down in range(3) for right in range(3)
            if torch.equal(image, whole[:, down : down + 4, right : right + 4])
        ]  # fmt: skip
        assert len(places) == 1
        moves.add(places[0])
    assert len(moves) == 9


def test_a_cut_out_is_one_square_of_zeros_at_most():
    cut = cut_out(torch.ones(200, 2, 8, 8), 4, torch.Generator().manual_seed(0))
    zeros = (cut == 0).sum((1, 2, 3))
    assert zeros.max() == 2 * 16
    assert zeros.min() < 2 * 16  # its centre may lie at a border
    assert torch.equal(cut[:, 0], cut[:, 1])


def test_a_resized_crop_of_an_even_image_is_even():
    even = torch.full((16, 3, 8, 8), 7, dtype=torch.uint8)
    assert torch.equal(resized_crop(even, torch.Generator().manual_seed(0)), even)


def test_images_are_flipped_each_on_its_own():
    images = torch.arange(8, dtype=torch.uint8).expand(256, 1, 8, 8)
    recipe = TrainRecipe(batch_size=256, peak_lr=0.1, weight_decay=0.0, flip=True)
    labels = torch.zeros(256, dtype=torch.int64)
    ((batch, _),) = shuffled_batches(images, labels, 256, recipe, torch.Generator().manual_seed(0))
    flipped = int((batch[:, 0, 0, 0] == 7).sum())
    assert 80 < flipped < 176


DARTS = "darts"
TINY = {"width": 4, "layers": 3, "stem_stride": 1}
BASE = TrainRecipe(batch_size=8, peak_lr=0.05, weight_decay=1e-4, bf16=False)
CHANGES = {
    "drop-path": {"drop_path": 0.5},
    "auxiliary": {"auxiliary": 0.4},
    "cutout": {"cutout": 16},
    "crop": {"crop_padding": 4},
    "resized": {"resized_crop": True},
    "flip": {"flip": True},
    "clip": {"clip_norm": 0.01},
    "adamw": {"optimizer": "adamw"},
    "smoothing": {"label_smoothing": 0.1},
    "momentum": {"nesterov": False},
}


def trained_loss(**changes):
    import random

    recipe = replace(BASE, **changes)
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (24, 3, 8, 8), generator=chance, dtype=torch.uint8)
    labels = torch.arange(24) % 2
    space = get_space(DARTS)
    torch.manual_seed(0)
    own = {"auxiliary": True} if recipe.auxiliary else {}
    arch = space.sample(random.Random(1))
    network = space.build(arch, classes=2, skeleton=TINY, **own)
    data = SearchData(images, labels, images[:8], labels[:8])
    trained = train_network(network, data, recipe, epochs=2, seed=0, device=torch.device("cpu"))
    assert trained.diverged is None
    return [point.train_loss for point in trained.curve]


@pytest.mark.slow
def test_every_part_of_a_recipe_changes_the_training_and_none_breaks_it():
    plain = trained_loss()
    assert trained_loss() == plain
    for change in CHANGES.values():
        assert trained_loss(**change) != plain, change
