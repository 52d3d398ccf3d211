"""A path through a supernet is the stand-alone network with the same weights, and only its weights learn."""

import random

import pytest
import torch

from navarch.evaluation.supernet.choices import ChoiceSupernet
from navarch.evaluation.supernet.net import Frame
from navarch.evaluation.supernet.scoring import recalibrate
from navarch.spaces import get_space

SIZES = {
    "nas-bench-201": {"width": 4, "cells": 1},
    "spos-shufflenetv2": {
        "stem": 4,
        "stage_1": 8,
        "stage_2": 12,
        "stage_3": 16,
        "stage_4": 20,
        "head": 24,
    },
}


@pytest.fixture(params=list(SIZES))
def supernet(request):
    torch.manual_seed(0)
    frame = Frame(get_space(request.param), 5, 2, 32, SIZES[request.param])
    return ChoiceSupernet(frame).double()


def copy_by_hand(supernet, architecture):
    """Return the stand-alone network, every weight found by the words of its name."""
    network = supernet.frame.build(architecture).double()
    chosen = supernet.frame.space.to_dict(architecture)
    held = {
        name.removeprefix("shared.").replace("/", "."): value for name, value in supernet.state_dict().items()
    }
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parts = name.split(".")
            option = None
            if parts[0] == "blocks" and "edges" in parts:
                option = chosen[parts[3]]
            elif parts[0] == "blocks" and supernet.frame.space.name == "spos-shufflenetv2":
                option = list(chosen.values())[int(parts[1])]
            key = name if option is None else f"{name}@{option}"
            if key in held:
                parameter.copy_(held[key])
            else:  # a normalisation without scale and shift
                assert parameter.eq(1.0 if name.endswith("weight") else 0.0).all()
    return network


def some_architectures(space, count=6):
    rng = random.Random(3)
    return [space.sample(rng) for _ in range(count)]


def test_an_inherited_subnet_computes_what_the_stand_alone_network_with_its_weights_does(supernet):
    torch.manual_seed(1)
    images = torch.randn(8, 2, 32, 32, dtype=torch.float64)
    for architecture in some_architectures(supernet.frame.space):
        alone, inherited = copy_by_hand(supernet, architecture), supernet.inherit(architecture)
        for network in (alone, inherited):
            for module in network.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0
        assert (alone.train()(images) - inherited.train()(images)).abs().max() < 1e-12
        recalibrate(alone, images, lambda x: x)
        recalibrate(inherited, images, lambda x: x)
        assert (alone(images) - inherited(images)).abs().max() < 1e-12
        torch.manual_seed(2)
        path = supernet.train()(images, architecture)
        torch.manual_seed(2)
        for module in alone.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.1
        assert (path - alone.train()(images)).abs().max() < 1e-12


def test_only_the_weights_of_the_path_learn(supernet):
    architecture = some_architectures(supernet.frame.space, 1)[0]
    supernet(torch.randn(4, 2, 32, 32, dtype=torch.float64), architecture).square().sum().backward()
    used = {id(value) for value in supernet.weights(architecture).values()}
    learned = [value for value in supernet.parameters() if value.grad is not None]
    assert learned
    assert {id(value) for value in learned} <= used


def test_gradients_of_a_path_are_those_of_the_stand_alone_network(supernet):
    architecture = some_architectures(supernet.frame.space, 1)[0]
    images = torch.randn(4, 2, 32, 32, dtype=torch.float64)
    alone = copy_by_hand(supernet, architecture)
    for seed, network in ((5, lambda x: supernet(x, architecture)), (5, alone)):
        torch.manual_seed(seed)
        network(images).square().sum().backward()
    shared = supernet.weights(architecture)
    for name, parameter in alone.named_parameters():
        if name in shared and parameter.grad is not None:
            assert (
                parameter.grad - shared[name].grad
            ).abs().max() <= 1e-10 * parameter.grad.abs().max().clamp(1.0)


def test_a_choice_has_no_scale_and_shift_and_all_options_of_all_edges_are_there():
    supernet = ChoiceSupernet(Frame(get_space("nas-bench-201"), 10, 3, 32, {}))
    stand_alone = 73_306  # SPACES.md: the network without a convolution on any edge
    conv3, conv1 = 243_040, 28_000  # of one edge in fifteen cells, normalisations included
    scales = 2 * 2 * 5 * (16 + 32 + 64)  # scale and shift of 3x3 and 1x1 on one edge, in fifteen cells
    assert sum(value.numel() for value in supernet.parameters()) == stand_alone + 6 * (conv3 + conv1 - scales)


def test_recalibration_sets_the_mean_over_batches_and_leaves_the_weights():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(3))
    network[0].momentum = 0.9
    images = torch.randn(400, 3, 4, 4) * 3 + 1
    recalibrate(network, images, lambda x: x)
    halves = images.view(2, 200, 3, 4, 4)
    assert torch.allclose(network[0].running_mean, halves.mean((1, 3, 4)).mean(0), atol=1e-5)
    expected = halves.transpose(1, 2).flatten(2).var(2).mean(0)
    assert torch.allclose(network[0].running_var, expected, rtol=1e-5)
    assert not network.training
