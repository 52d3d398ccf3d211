import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from navarch.evaluation.augment import shuffled_batches
from navarch.evaluation.measuring import measure_outputs
from navarch.evaluation.optimizer import Sgd
from navarch.evaluation.recipe import TrainRecipe
from navarch.evaluation.scaling import Scaling
from navarch.evaluation.schedule import learning_rate, val_epochs
from navarch.evaluation.task_data import SearchData
from navarch.evaluation.train import train_network

RECIPE = TrainRecipe(
    batch_size=16,
    peak_lr=0.1,
    warmup=0.2,
    momentum=0.9,
    weight_decay=5e-4,
    label_smoothing=0.1,
    shift=1,
    val_points=3,
    bf16=True,
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def bars():
    """Two classes that any network can tell apart: a bright upper or a bright lower half."""
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 64, (64, 1, 8, 8), generator=chance, dtype=torch.uint8)
    labels = torch.arange(64) % 2
    images[labels == 0, :, :4] += 128
    images[labels == 1, :, 4:] += 128
    return SearchData(images, labels, images[:32], labels[:32])


def make_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 2))


def train(bars, *, seed=0, epochs=6, network=None):
    return train_network(network or make_network(seed), bars, RECIPE, epochs=epochs, seed=seed, device=CPU)


def test_training_learns_what_is_easy(bars):
    assert train(bars).curve[-1].val_accuracy == 100.0


def test_the_same_seed_gives_the_same_curve_bit_for_bit(bars):
    assert train(bars, seed=3).curve == train(bars, seed=3).curve


def test_another_seed_gives_another_curve(bars):
    assert train(bars, seed=3).curve != train(bars, seed=4).curve


def test_the_curve_ends_at_the_last_epoch(bars):
    assert [point.epoch for point in train(bars, epochs=7).curve] == [2, 5, 7]


class Watched(nn.Module):
    """Remember the last images of training and of validation."""

    def __init__(self):
        super().__init__()
        self.network, self.seen = make_network(), {}

    def forward(self, images):
        self.seen[self.training] = images.detach()
        return self.network(images)


def test_images_are_read_as_the_recipe_says_in_training_and_in_validation(bars):
    network = Watched()
    images = torch.full_like(bars.train_images, 200)
    images[:, :, 2:6, 2:6] = 10
    data = SearchData(images, bars.train_labels, images, bars.train_labels)
    recipe = replace(RECIPE, input="bgr", val_centre=0.5, erasing=1.0, shift=0)
    train_network(network, data, recipe, epochs=1, seed=0, device=CPU)
    assert (network.seen[False] == 10).all()  # the middle alone, and nothing at random
    assert network.seen[True].max() == 200
    erased = (network.seen[True] != images[:1]).flatten(1).any(1)
    assert erased.float().mean() > 0.8


def test_training_on_mixed_images_learns_what_is_easy(bars):
    recipe = replace(RECIPE, mixup=0.8, cutmix=1.0)
    trained = train_network(make_network(), bars, recipe, epochs=8, seed=0, device=CPU)
    assert trained.curve[-1].val_accuracy == 100.0


def test_a_loss_that_is_no_number_stops_training_with_the_epoch(bars):
    network = make_network()
    nn.init.constant_(network[0].weight, math.nan)
    trained = train(bars, network=network)
    assert "epoch 1 of 6" in (trained.diverged or "")
    assert trained.curve == ()


def test_outputs_that_are_no_numbers_have_no_accuracy(bars):
    network = make_network()
    nn.init.constant_(network[3].bias, math.inf)
    scale = Scaling.of(bars.train_images)
    measured = measure_outputs(network, bars.val_images, bars.val_labels, scale, mixed=False)
    assert math.isnan(measured.accuracy)


def test_the_learning_rate_warms_up_and_falls_to_nearly_zero():
    rates = [learning_rate(step, 100, RECIPE) for step in range(100)]
    assert rates[0] < rates[10] < rates[19]
    assert max(rates) <= RECIPE.peak_lr
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[-1] < 1e-4


@pytest.mark.parametrize("epochs", range(1, 30))
def test_the_last_epoch_is_always_validated(epochs):
    chosen = val_epochs(epochs, 4)
    assert max(chosen) == epochs
    assert len(chosen) == min(4, epochs)
    assert min(chosen) >= 1


def test_an_epoch_shows_every_image_once_at_most(bars):
    images = torch.arange(50, dtype=torch.uint8).view(50, 1, 1, 1).expand(50, 1, 4, 4)
    labels = torch.arange(50)
    seen = list(
        shuffled_batches(images, labels, 16, replace(RECIPE, shift=0), torch.Generator().manual_seed(1))
    )
    shown = torch.cat([targets for _, targets in seen])
    assert len(shown) == len(set(shown.tolist())) == 48
    assert all(torch.equal(batch[:, 0, 0, 0].long(), targets) for batch, targets in seen)


def test_a_shift_keeps_the_shape_and_moves_the_picture(bars):
    chance = torch.Generator().manual_seed(5)
    moved, _ = next(
        shuffled_batches(bars.train_images, bars.train_labels, 64, replace(RECIPE, shift=2), chance)
    )
    assert moved.shape == bars.train_images.shape


def test_two_steps_of_the_optimizer_are_as_worked_out_by_hand():
    bias, matrix = torch.tensor([1.0], requires_grad=True), torch.tensor([[1.0]], requires_grad=True)
    optimizer = Sgd([bias, matrix], momentum=0.5, weight_decay=0.1)
    for _ in range(2):
        (2.0 * bias.sum() + 2.0 * matrix.sum()).backward()
        optimizer.step(0.1)
    # bias: gradient 2, velocity 2 then 3, steps 0.1 * (2 + 1) and 0.1 * (2 + 1.5)
    assert bias.item() == pytest.approx(1.0 - 0.30 - 0.35)
    # matrix: gradients 2.1 and 2.0 + 0.1 * 0.685, velocity 2.1 then 3.1185
    assert matrix.item() == pytest.approx(1.0 - 0.315 - 0.1 * (2.0685 + 0.5 * 3.1185))


@pytest.mark.slow
def test_the_optimizer_does_what_torchs_nesterov_does():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    mine = Sgd(list(ours.parameters()), momentum=0.9, weight_decay=0.01)
    groups = [{"params": [theirs.weight], "weight_decay": 0.01}, {"params": [theirs.bias]}]
    other = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
    for _ in range(5):
        x = torch.randn(4, 3)
        for network in (ours, theirs):
            network(x).square().sum().backward()
        mine.step(0.1)
        other.step()
        other.zero_grad()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


def test_parameters_without_a_gradient_stay():
    used, idle = torch.ones(2, 2, requires_grad=True), torch.ones(2, 2, requires_grad=True)
    optimizer = Sgd([used, idle], momentum=0.9, weight_decay=0.1)
    used.sum().backward()
    optimizer.step(0.1)
    assert torch.equal(idle, torch.ones(2, 2))
    assert not torch.equal(used, torch.ones(2, 2))
