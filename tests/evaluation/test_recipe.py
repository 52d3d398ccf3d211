"""Published recipes say what the papers say, and every part of a recipe changes the training."""

import math
import random
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from navarch import NavarchError
from navarch.evaluation.augment import augment, crop, draw_side, prepare, resized_crop, shuffled_batches
from navarch.evaluation.optimizer import AdamW, Sgd, clip_gradients
from navarch.evaluation.recipe import TrainRecipe, find_recipe, published_recipes
from navarch.evaluation.scaling import Scaling, resize
from navarch.evaluation.schedule import learning_rate
from navarch.evaluation.task_data import SearchData
from navarch.evaluation.train import has_one_side, train_network
from navarch.spaces import get_space

SPACES = Path(__file__).resolve().parents[2] / ".." / "shared" / "SPACES.md"
SAID = tomllib.loads((Path(__file__).parent / "recipe_sentences.toml").read_text())


@pytest.mark.parametrize("name", published_recipes())
def test_a_recipe_says_what_the_specification_says(name):
    if not SPACES.is_file():
        pytest.skip("the specification of the spaces is not here")
    text = SPACES.read_text()
    text = " ".join(text[text.index(SAID[name]["after"]) :].split())
    for sentence in (SAID[name]["says"], *SAID[name].get("and", ())):
        parts = re.split(r"\{(\w+)\}", sentence)
        pattern = "".join(
            rf"(?P<{part}>[\d.e-]*\d)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
        )
        found = re.search(pattern, text)
        assert found, pattern
        for field, value in found.groupdict().items():
            assert value_of(find_recipe(name), field) == float(value), field
    text = SAID[name].get("input", "normalized")
    assert find_recipe(name).input == text


def value_of(recipe, field):
    """Return a field of a recipe, or with a number behind it an item of one."""
    name, _, place = field.rpartition("_")
    return getattr(recipe, name)[int(place)] if place.isdecimal() else getattr(recipe, field)


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


def test_repeated_images_stand_in_a_row_and_an_epoch_is_as_long_as_others():
    images = torch.arange(50, dtype=torch.uint8).view(50, 1, 1, 1).expand(50, 1, 4, 4)
    recipe = replace(BASE, repeats=3)
    shown = torch.cat(
        [seen for _, seen in shuffled_batches(images, torch.arange(50), 10, recipe, torch.Generator())]
    )
    assert len(shown) == 50
    assert torch.equal(shown[:48:3], shown[1:48:3])
    assert torch.equal(shown[:48:3], shown[2:48:3])
    assert len(shown.unique()) == 17


def test_a_repeated_image_is_changed_anew_each_time():
    images = torch.randint(0, 256, (32, 3, 16, 16), dtype=torch.uint8)
    recipe = replace(BASE, repeats=3, resized_crop=True)
    ((batch, labels),) = shuffled_batches(images, torch.arange(32), 32, recipe, torch.Generator())
    assert labels[0] == labels[1]
    assert not torch.equal(batch[0], batch[1])


@pytest.mark.parametrize(("side", "lowest", "highest"), [(224, 128, 224), (32, 18, 32), (7, 4, 7)])
def test_the_side_of_a_batch_is_drawn_in_proportion_to_the_images(side, lowest, highest):
    chance = torch.Generator().manual_seed(0)
    drawn = {draw_side((128, 224, 4), side, chance) for _ in range(400)}
    assert (min(drawn), max(drawn)) == (lowest, highest)
    if side == 224:
        assert drawn == set(range(128, 225, 4))


def test_a_network_of_one_side_keeps_it():
    recipe = replace(BASE, sides=(128, 224, 4))
    chance = torch.Generator().manual_seed(0)
    batch = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    sides = {prepare(batch, torch.Tensor.float, recipe, chance)[0].shape[-1] for _ in range(20)}
    assert len(sides) > 5
    kept, share = prepare(batch, torch.Tensor.float, recipe, chance, keeps_side=True)
    assert (kept.shape[-1], share) == (32, 1.0)
    autoformer = get_space("autoformer-tiny")
    assert has_one_side(
        autoformer.build(autoformer.sample(random.Random(0)), classes=2, resolution=32, skeleton={"patch": 8})
    )
    assert not has_one_side(torch.nn.Flatten())


def test_bytes_as_they_are_are_read_blue_first():
    images = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 3, 1, 1)
    assert Scaling.of(images, kind="bgr")(images).flatten().tolist() == [30.0, 20.0, 10.0]
    grey = images[:, :1]
    assert Scaling.of(grey, kind="bgr")(grey).flatten().tolist() == [10.0]


def test_the_middle_of_an_image_is_enlarged_to_the_whole():
    images = torch.full((1, 1, 32, 32), 9, dtype=torch.uint8)
    images[:, :, 2:30, 2:30] = torch.arange(28, dtype=torch.uint8)
    whole = Scaling.of(images, kind="bgr")
    middle = replace(whole, centre=find_recipe("spos").val_centre)(images)
    torch.testing.assert_close(middle, resize(images[:, :, 2:30, 2:30].float(), 32))
    assert torch.equal(replace(whole, centre=1.0)(images), images.float())


def test_a_step_that_is_not_done_does_not_make_another_task():
    older = BASE.facts()
    assert not {"jitter", "mixup", "repeats", "sides", "input"} & set(older)
    assert replace(BASE, mixup=0.8).facts() == {**older, "mixup": 0.8}
    assert replace(BASE, source="a paper", left_out=("much",)).facts() == older


def test_the_page_tells_of_every_recipe_that_leaves_something_out_how_its_authors_do_it():
    page = (Path(__file__).resolve().parents[2] / "docs" / "evaluators.md").read_text(encoding="utf-8")
    rows = page.split("| recipe | in the authors' code | here |\n")[1].split("\n\n")[0]
    told = set(re.findall(r"^\| `([^`]+)`", rows, re.MULTILINE))
    assert told == {name for name, recipe in published_recipes().items() if recipe.left_out}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", published_recipes())
def test_every_recipe_takes_images_of_one_and_of_three_channels(name, channels):
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (12, channels, 9, 9), generator=chance, dtype=torch.uint8)
    recipe = find_recipe(name)
    scale = Scaling.of(images, kind=recipe.input)
    changed, share = prepare(augment(images, recipe, chance, scale.mean), scale, recipe, chance)
    assert changed.shape[:2] == images.shape[:2]
    assert changed.isfinite().all()
    assert 0 <= share <= 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("name", published_recipes())
def test_a_gpu_draws_what_a_cpu_draws_and_needs_nothing_that_is_not_deterministic(name):
    recipe = replace(find_recipe(name), erasing=0.0)  # its noise is drawn on the device
    images = torch.randint(0, 256, (64, 3, 32, 32), dtype=torch.uint8)
    made, states = [], []
    torch.use_deterministic_algorithms(True)
    try:
        for device in ("cpu", "cuda"):
            chance = torch.Generator().manual_seed(0)
            scale = Scaling.of(images, kind=recipe.input).on(torch.device(device))
            changed = augment(images.to(device), recipe, chance, scale.mean)
            made.append(prepare(changed, scale, recipe, chance)[0].cpu())
            states.append(chance.get_state())
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(*states)
    assert (made[0] - made[1]).abs().quantile(0.99) < 0.05 * made[0].std()


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
    "jitter": {"jitter": (0.4, 0.4, 0.4, 0.2)},
    "randaugment": {"rand_magnitude": 9.0, "rand_deviation": 0.5},
    "erasing": {"erasing": 0.25},
    "mixup": {"mixup": 0.8},
    "cutmix": {"cutmix": 1.0},
    "repeats": {"repeats": 3},
    "sides": {"sides": (128, 224, 4)},
    "bgr": {"input": "bgr"},
}


def trained_loss(**changes):
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
