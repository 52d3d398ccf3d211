"""The step on fixed tensors is the same training; on CUDA it is recorded and replayed."""

from dataclasses import replace

import pytest
import torch

from navarch.evaluation.captured import WARM_STEPS, CapturedStep
from navarch.evaluation.recipe import TrainRecipe
from navarch.evaluation.task_data import SearchData
from navarch.evaluation.train import train_network

CUDA_ONLY = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need CUDA")
SGD = TrainRecipe(
    batch_size=16, peak_lr=0.1, warmup=0.2, weight_decay=5e-4, crop_padding=4, flip=True, cutout=8
)
ADAMW = replace(SGD, optimizer="adamw", peak_lr=0.01, clip_norm=1.0)


@pytest.fixture(scope="module")
def noise():
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (100, 3, 8, 8), generator=chance, dtype=torch.uint8)
    return SearchData(images, torch.arange(100) % 10, images[:30], torch.arange(30) % 10)


def train(space, noise, recipe, *, graphs, device="cpu", code="341410"):
    torch.manual_seed(0)
    network = space.build(space.parse(code), classes=10, skeleton={"width": 4, "cells": 1})
    trained = train_network(
        network, noise, recipe, epochs=2, seed=1, device=torch.device(device), graphs=graphs
    )
    return trained.curve, network.state_dict()


@pytest.mark.parametrize("recipe", [SGD, ADAMW], ids=["sgd", "adamw"])
def test_on_fixed_tensors_training_is_the_same_but_for_the_rounding_of_the_rate(space, noise, recipe):
    (curve, weights), (other, fixed) = (train(space, noise, recipe, graphs=on) for on in (False, True))
    assert [point.train_loss for point in other] == pytest.approx([point.train_loss for point in curve])
    torch.testing.assert_close(weights, fixed)


def test_every_step_reads_the_same_places(noise):
    seen = []

    def learn(images, targets, rate, share):
        seen.append(
            (images.data_ptr(), targets.data_ptr(), rate.data_ptr(), rate.item(), images.sum().item())
        )
        return images.sum(), targets.sum()

    step = CapturedStep(learn)
    for rate in (0.5, 0.25):
        images = torch.full((2, 3, 4, 4), rate).contiguous(memory_format=torch.channels_last)
        loss, hits = step(images, torch.tensor([1, 2]), rate, 1.0)
        assert (loss.item(), hits.item()) == (96 * rate, 3)
    assert seen[0][:3] == seen[1][:3]
    assert [told[3] for told in seen] == [0.5, 0.25]
    with pytest.raises(ValueError, match="cannot mix images"):
        step(images, torch.tensor([1, 2]), rate, 0.5)


@CUDA_ONLY
@pytest.mark.parametrize("recipe", [SGD, ADAMW], ids=["sgd", "adamw"])
def test_replayed_steps_learn_what_plain_ones_learn(space, noise, recipe):
    full = replace(recipe, bf16=False)
    (curve, weights), (other, replayed) = (
        train(space, noise, full, graphs=on, device="cuda") for on in (False, True)
    )
    assert len(noise.train_images) // full.batch_size * 2 > WARM_STEPS + 1
    assert [point.train_loss for point in other] == pytest.approx(
        [point.train_loss for point in curve], rel=1e-2
    )
    for name in weights:
        torch.testing.assert_close(weights[name], replayed[name], rtol=1e-2, atol=1e-3)
