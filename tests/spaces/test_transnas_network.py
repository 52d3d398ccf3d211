"""The networks of TransNAS-Bench-101: they cost what the closed form says, and equal cells compute the same."""

import random

import pytest
import torch
from metering import build_on_meta, meta_cost
from slices import slices
from torch.nn import functional

from navarch.spaces import get_space
from navarch.spaces.nas_bench_201.cell import live_edges
from navarch.spaces.transnas.network import Cell, FactorizedReduce
from navarch.spaces.transnas.outline import Block

pytestmark = pytest.mark.usefixtures("one_thread")

MICRO = get_space("transnas-micro")
MACRO = get_space("transnas-macro")
SPACES = pytest.mark.parametrize("space", [MICRO, MACRO], ids=lambda space: space.name)
SHAPES = pytest.mark.parametrize("shape", [Block(4, 8, 2), Block(4, 4, 1)], ids=["changing", "keeping"])
SMALL = {"width": 4, "cells": 2}
SWAP = {"edge_0_1": "edge_0_2", "edge_0_2": "edge_0_1", "edge_1_3": "edge_2_3", "edge_2_3": "edge_1_3"}


def build(space, text, **settings):
    torch.manual_seed(0)
    return space.build(space.parse(text), **{"classes": 10, "skeleton": SMALL, **settings})


def blur(network):
    """Give every parameter and statistic a random value, as training would."""
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5) if "var" in name else tensor.normal_()
    return network


def assert_counted(space, arch, **sizes):
    network = build_on_meta(space, arch, **sizes)
    image = space.input
    counted = meta_cost(
        network, sizes.get("in_channels", image.channels), sizes.get("resolution", image.resolution)
    )
    assert space.cost(arch, **sizes) == counted, (space.code(arch), sizes)


def odd_sizes(i):
    """Return settings of which few are even, published or divisible by anything."""
    return {
        "classes": 1 + 7 * i,
        "in_channels": 1 + i % 4,
        "resolution": 1 + 13 * i,
        "skeleton": {"width": 1 + i % 9, "cells": 1 + i % 3},
    }


def make_cell(arch, shape):
    """Return one cell with random parameters and statistics, as training would leave them."""
    is_live = dict(zip(MICRO.names, live_edges(arch.values), strict=True))
    return blur(Cell(MICRO.to_dict(arch), is_live, shape)).double().eval()


def published_cell(cell, operations, x, shape):
    """Compute a cell as the paper words it: every node sums over all nodes before it, zeros included."""
    small = [(side + shape.stride - 1) // shape.stride for side in x.shape[2:]]
    nodes = [x]
    for target in (1, 2, 3):
        total = torch.zeros(x.shape[0], shape.c_out, *small, dtype=x.dtype)
        for source in range(target):
            name = f"edge_{source}_{target}"
            fed = source == 0 or nodes[source].any()  # an edge that receives only zeros is left out
            if operations[name] != "none" and fed:
                total = total + cell.edges[name](nodes[source])
        nodes.append(total)
    return nodes[3]


# --- Cost ---


@SPACES
def test_the_closed_form_counts_what_the_published_network_has(space, only_counted_layers):
    rng = random.Random(0)
    for _ in range(20):
        assert_counted(space, space.sample(rng), classes=75)


@SPACES
def test_the_closed_form_counts_what_networks_of_odd_sizes_have(space, only_counted_layers):
    rng = random.Random(1)
    for i in range(20):
        assert_counted(space, space.sample(rng), **odd_sizes(i))


@pytest.mark.parametrize("text", ["130200", "011130", "000000", "313000"])
def test_idle_edges_are_counted(text):
    assert_counted(MICRO, MICRO.parse(text), classes=75)
    assert_counted(MICRO, MICRO.parse(text), **odd_sizes(5))


@pytest.mark.parametrize("part", slices(20))
@SPACES
def test_the_closed_form_counts_what_a_thousand_networks_have(space, part, only_counted_layers):
    rng = random.Random(2 + part)
    for i in range(50):
        assert_counted(space, space.sample(rng), classes=(75, 47, 9)[i % 3])
    for i in range(10):
        assert_counted(space, space.sample(rng), **odd_sizes(i))


def test_the_encoder_delivers_what_the_records_say(shared_file):
    with torch.device("meta"):
        network = build_on_meta(MICRO, MICRO.parse("64-41414-1_02_333"), classes=75)
        features = network.eval().blocks(network.stem(torch.empty(1, 3, 224, 224)))
    assert features.shape == (1, 512, 7, 7)


# --- Function ---


@SHAPES
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (1, 1), (2, 1)])
def test_a_cell_adds_up_its_edges_as_published(shape, size):
    rng = random.Random(1)
    x = torch.randn(2, shape.c_in, *size, dtype=torch.float64)
    for _ in range(15):
        arch = MICRO.sample(rng)
        cell = make_cell(arch, shape)
        torch.testing.assert_close(cell(x), published_cell(cell, MICRO.to_dict(arch), x, shape))


@pytest.mark.parametrize("shape", [(8, 8), (7, 9), (1, 1), (2, 5)])
def test_a_reducing_skip_sees_even_positions_and_those_after_them(shape):
    torch.manual_seed(0)
    skip = blur(FactorizedReduce(3, 6)).double().eval()
    x = torch.randn(2, 3, *shape, dtype=torch.float64)
    padded = functional.pad(torch.relu(x), (0, 1, 0, 1))
    halves = [
        torch.einsum("oi,bihw->bohw", conv.weight[:, :, 0, 0], pixels)
        for conv, pixels in (
            (skip.even, torch.relu(x)[:, :, ::2, ::2]),
            (skip.odd, padded[:, :, 1::2, 1::2]),
        )
    ]
    torch.testing.assert_close(skip(x), skip.norm(torch.cat(halves, dim=1)))


@SHAPES
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_the_canonical_form_of_a_cell_computes_the_same_function(shape, training):
    rng = random.Random(2)
    codes = ["320132", "310132", "130120", "033102", "313000", "111300"]
    swapped = 0
    for arch in [*map(MICRO.parse, codes), *(MICRO.sample(rng) for _ in range(40))]:
        canonical = MICRO.canonical(arch)
        same = all(value in ("none", own) for value, own in zip(canonical.values, arch.values, strict=True))
        swapped += not same
        ours, theirs = make_cell(arch, shape), make_cell(canonical, shape)
        names, state = {} if same else SWAP, ours.state_dict()
        theirs.load_state_dict(
            {
                key: state[".".join(names.get(part, part) for part in key.split("."))]
                for key in theirs.state_dict()
            }
        )
        x = torch.randn(3, shape.c_in, 5, 8, dtype=torch.float64)
        expected = ours.train(training)(x)
        torch.testing.assert_close(theirs.train(training)(x), expected, rtol=1e-9, atol=1e-9)
    assert swapped >= 5


def test_a_skip_from_the_input_cannot_be_contracted():
    """In a cell that changes the shape, a skip and then a convolution is not that convolution alone."""
    both, alone = (build(MICRO, code) for code in ("100030", "000300"))
    assert sum(p.numel() for p in both.parameters()) > sum(p.numel() for p in alone.parameters())


def test_a_shortcut_is_the_identity_exactly_where_the_shape_stays():
    network = build(MACRO, "64-1234-basic")
    found = [isinstance(block.shortcut, torch.nn.Identity) for block in network.blocks]
    assert found == [True, True, False, True, False, True, False, True]


def test_a_block_adds_its_shortcut_to_two_convolutions():
    block = blur(build(MACRO, "64-4111-basic")).double().eval().blocks[0]
    x = torch.randn(2, 4, 7, 10, dtype=torch.float64)
    (_, first, norm), (_, second, last) = block.main
    conv, shortcut_norm = block.shortcut
    inner = norm(functional.conv2d(torch.relu(x), first.weight, stride=2, padding=1))
    outer = last(functional.conv2d(torch.relu(inner), second.weight, padding=1))
    shortcut = shortcut_norm(functional.conv2d(x, conv.weight, stride=2))
    torch.testing.assert_close(block(x), outer + shortcut)


@SPACES
@pytest.mark.parametrize("shape", [(3, 64, 64), (3, 29, 29), (3, 7, 10), (3, 1, 1), (1, 28, 28), (2, 33, 17)])
def test_images_of_any_size_are_classified(space, shape):
    text = {MICRO: "103213", MACRO: "64-424331-basic"}[space]
    logits = build(space, text, in_channels=shape[0], classes=7).eval()(torch.randn(2, *shape))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (1, 1)])
def test_a_cell_without_a_path_delivers_zeros_of_its_shape_and_can_still_be_trained(size):
    network = build(MICRO, "313000")
    changing, keeping = network.blocks[:2]
    zeros = changing(torch.randn(2, 4, *size))
    assert zeros.shape == (2, 8, (size[0] + 1) // 2, (size[1] + 1) // 2)
    assert not zeros.any()
    assert keeping(zeros).shape == zeros.shape
    functional.cross_entropy(network(torch.randn(2, 3, *size)).float(), torch.tensor([0, 1])).backward()
    assert network.classifier.bias.grad.abs().sum() > 0


def test_every_live_parameter_learns_and_no_dead_one_does():
    network = build(MICRO, "330130", skeleton={"width": 4, "cells": 1})  # edge 0->2 leads nowhere
    images = torch.randn(4, 3, 33, 33)
    functional.cross_entropy(network(images), torch.tensor([0, 1, 2, 3])).backward()
    idle = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    assert idle
    assert all(".edges.edge_0_2." in name for name in idle)


@SPACES
def test_bfloat16_autocast_and_channels_last_run(space):
    network = space.build(space.sample(random.Random(0)), classes=5, skeleton=SMALL)
    x = torch.randn(2, 3, 33, 32)
    network.eval()
    last = network.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, network(x))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(x).isfinite().all()


@SPACES
def test_convolutions_have_no_bias_and_the_stem_quarters_the_image(space):
    network = build(space, {MICRO: "111111", MACRO: "64-4111-basic"}[space])
    assert all(m.bias is None for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    kinds = [type(m).__name__ for m in network.stem.modules() if not isinstance(m, torch.nn.Sequential)]
    assert kinds == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d"]
    assert network.stem(torch.randn(2, 3, 224, 30)).shape == (2, 4, 56, 8)
