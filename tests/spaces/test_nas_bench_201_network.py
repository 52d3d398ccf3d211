"""The network of NAS-Bench-201: it costs what the closed form says, and equal cells compute the same."""

import random

import pytest
import torch
from slices import slices
from torch.utils.flop_counter import FlopCounterMode

from navarch.spaces import Cost, get_space

pytestmark = pytest.mark.usefixtures("one_thread")

SPACE = get_space("nas-bench-201")
SMALL = {"width": 4, "cells": 1}
SWAP = {"edge_0_1": "edge_0_2", "edge_0_2": "edge_0_1", "edge_1_3": "edge_2_3", "edge_2_3": "edge_1_3"}
SETTINGS = [
    {"classes": 10, "in_channels": 3, "resolution": 32, "skeleton": None},
    {"classes": 100, "in_channels": 3, "resolution": 32, "skeleton": {"width": 8, "cells": 1}},
    {"classes": 120, "in_channels": 3, "resolution": 16, "skeleton": {"width": 16, "cells": 1}},
    {"classes": 10, "in_channels": 1, "resolution": 29, "skeleton": {"width": 8, "cells": 1}},
    {"classes": 100, "in_channels": 1, "resolution": 29, "skeleton": {"width": 4, "cells": 2}},
]


def build(code, **settings):
    torch.manual_seed(0)
    return SPACE.build(SPACE.parse(code), **{"classes": 10, "skeleton": SMALL, **settings})


def build_on_meta(cell, sizes):
    with torch.device("meta"):
        network = SPACE.build(
            cell, classes=sizes["classes"], in_channels=sizes["in_channels"], skeleton=sizes["skeleton"]
        )
    return network.eval()


def image_on_meta(sizes):
    return torch.empty(1, sizes["in_channels"], sizes["resolution"], sizes["resolution"], device="meta")


def count(network, image):
    """Count by module: every weight of a convolution or linear layer works once per output position."""
    macs = 0

    def add(module, _, output):
        nonlocal macs
        macs += module.weight.numel() * output.numel() // output.shape[1]

    for module in network.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.register_forward_hook(add)
    with torch.no_grad():
        network(image)
    return Cost(sum(p.numel() for p in network.parameters()), macs)


def blur(network):
    """Give every parameter and statistic a random value, as training would."""
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5) if "var" in name else tensor.normal_()
    return network


def published_cell(cell, operations, x):
    """Compute a cell as the paper words it: every node sums over all nodes before it, zeros included."""
    nodes = [x]
    for target in (1, 2, 3):
        total = torch.zeros_like(x)
        for source in range(target):
            name = f"edge_{source}_{target}"
            total = total + (0 * x if operations[name] == "none" else cell.edges[name](nodes[source]))
        nodes.append(total)
    return nodes[3]


@pytest.mark.parametrize("part", [None, *slices(20)])
def test_the_closed_form_counts_what_the_built_network_has(only_counted_layers, part):
    rng = random.Random(part or 0)
    for i in range(30 if part is None else 50):
        cell, sizes = SPACE.sample(rng), SETTINGS[i % len(SETTINGS)]
        counted = count(build_on_meta(cell, sizes), image_on_meta(sizes))
        assert SPACE.cost(cell, **sizes) == counted, (SPACE.code(cell), sizes)


@pytest.mark.parametrize("sizes", SETTINGS)
def test_the_closed_form_is_half_of_what_the_operation_counter_of_torch_finds(sizes):
    for code in ("321432", "030130"):  # the second has idle edges
        cell = SPACE.parse(code)
        network = build_on_meta(cell, sizes)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(image_on_meta(sizes))
        assert counter.get_total_flops() == 2 * SPACE.cost(cell, **sizes).macs


@pytest.mark.parametrize("number", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_a_cell_adds_up_its_edges_as_published(number):
    rng = random.Random(1)
    x = torch.randn(2, 4, 7, 7, dtype=torch.float64)
    for _ in range(number):
        arch = SPACE.sample(rng)
        cell = build(SPACE.code(arch)).double().eval().blocks[0]
        torch.testing.assert_close(cell(x), published_cell(cell, SPACE.to_dict(arch), x))


@pytest.mark.parametrize(("number", "exchanged"), [(10, 1), pytest.param(60, 5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_the_canonical_form_of_a_cell_computes_the_same_function(training, number, exchanged):
    rng = random.Random(2)
    codes = [
        "320132",
        "340141",
        "033102",
        "313000",
        "343112",
        *(SPACE.code(SPACE.sample(rng)) for _ in range(number)),
    ]
    swapped = 0
    for code in codes:
        cell = SPACE.parse(code)
        canonical = SPACE.canonical(cell)
        ours, theirs = blur(build(code).double()), build(SPACE.code(canonical)).double()
        same = all(value in ("none", own) for value, own in zip(canonical.values, cell.values, strict=True))
        swapped += not same
        names = {} if same else SWAP
        state = ours.state_dict()
        copied = {}
        for key in theirs.state_dict():
            parts = key.split(".")
            source = (
                ".".join([*parts[:3], names.get(parts[3], parts[3]), *parts[4:]]) if "edges" in parts else key
            )
            copied[key] = state[source]
        theirs.load_state_dict(copied)
        x = torch.randn(3, 3, 9, 9, dtype=torch.float64)
        torch.testing.assert_close(theirs.train(training)(x), ours.train(training)(x), rtol=1e-9, atol=1e-9)
    assert swapped >= exchanged


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 29, 29), (3, 7, 10), (3, 1, 1), (1, 28, 28), (1, 33, 17)])
def test_images_of_any_size_are_classified(shape):
    logits = build("321432", in_channels=shape[0], classes=7).eval()(torch.randn(2, *shape))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


def test_even_resolutions_are_reduced_as_published():
    reduction = build("000000").double().eval().blocks[1]
    x = torch.randn(2, 4, 6, 8, dtype=torch.float64)
    pooled = torch.nn.functional.avg_pool2d(x, 2)
    torch.testing.assert_close(reduction(x), reduction.main(x) + reduction.shortcut[1](pooled))


def test_the_border_does_not_dim_the_mean_of_a_window():
    cell = build("000400").blocks[0]
    torch.testing.assert_close(cell(torch.ones(1, 4, 5, 5)), torch.ones(1, 4, 5, 5))


def test_a_cell_without_a_path_delivers_zeros_and_can_still_be_trained():
    network = build("343000")
    x = torch.randn(2, 3, 8, 8)
    assert not network.blocks[0](torch.randn(2, 4, 8, 8)).any()
    torch.nn.functional.cross_entropy(network(x), torch.tensor([0, 1])).backward()
    assert network.classifier.bias.grad.abs().sum() > 0


def test_every_live_parameter_learns_and_no_dead_one_does():
    network = build("330130")  # edge 0->2 leads nowhere
    torch.nn.functional.cross_entropy(network(torch.randn(4, 3, 8, 8)), torch.tensor([0, 1, 2, 3])).backward()
    idle = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    assert idle
    assert all(".edges.edge_0_2." in name for name in idle)


def test_the_image_layout_of_the_input_is_kept_through_the_cells():
    network = build("321432").to(memory_format=torch.channels_last)
    x = torch.randn(2, 3, 8, 8).to(memory_format=torch.channels_last)
    assert network.blocks(network.stem(x)).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(network.eval()(x), network(x.contiguous()))


def test_bfloat16_autocast_runs():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert build("321432")(torch.randn(2, 3, 8, 8)).isfinite().all()


def test_the_same_seed_builds_the_same_weights():
    first, second = build("321432").state_dict(), build("321432").state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_convolutions_have_no_bias_and_operations_start_with_a_relu():
    network = build("321432")
    assert all(m.bias is None for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    for name, kernel in (("edge_0_1", 3), ("edge_0_2", 1)):
        relu, conv, norm = network.blocks[0].edges[name]
        assert isinstance(relu, torch.nn.ReLU)
        assert not relu.inplace
        assert conv.kernel_size == (kernel, kernel)
        assert norm.affine
