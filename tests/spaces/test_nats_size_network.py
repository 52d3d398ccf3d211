"""The network of the NATS-Bench size search space: it costs what the closed form says, block by block."""

import random

import pytest
import torch
from metering import check_against_the_built_network
from slices import slices

from navarch import NavarchError
from navarch.spaces import get_space
from navarch.spaces.nats_size.network import Cell, Reduction

pytestmark = pytest.mark.usefixtures("one_thread")

SPACE = get_space("nats-size")
ODD = [
    {"classes": 100, "in_channels": 1, "resolution": 29},
    {"classes": 120, "in_channels": 3, "resolution": 16},
    {"classes": 7, "in_channels": 4, "resolution": 33},
    {"classes": 1, "in_channels": 2, "resolution": 1},
]


def build(text, **settings):
    torch.manual_seed(0)
    return SPACE.build(SPACE.parse(text), **{"classes": 10, **settings})


@pytest.mark.usefixtures("only_counted_layers")
@pytest.mark.parametrize("sizes", ODD)
def test_the_closed_form_holds_at_odd_settings(sizes):
    rng = random.Random(1)
    for _ in range(5):
        check_against_the_built_network(SPACE, SPACE.sample(rng), **sizes)


@pytest.mark.usefixtures("only_counted_layers")
def test_the_closed_form_counts_what_the_built_network_has():
    rng = random.Random(2)
    for _ in range(8):  # the slow test has a thousand
        check_against_the_built_network(SPACE, SPACE.sample(rng), classes=10, in_channels=3, resolution=32)


@pytest.mark.usefixtures("only_counted_layers")
@pytest.mark.parametrize("seed", slices(20))
def test_the_closed_form_counts_what_a_thousand_built_networks_have(seed):
    rng = random.Random(seed)
    for i in range(50):
        check_against_the_built_network(SPACE, SPACE.sample(rng), classes=10, in_channels=3, resolution=32)
        if i % 20 == 0:
            check_against_the_built_network(SPACE, SPACE.sample(rng), **ODD[i // 20 % len(ODD)])


def test_the_skip_is_a_convolution_without_relu_only_where_the_channels_change():
    assert isinstance(Cell(8, 8).edges["0_3"], torch.nn.Identity)
    conv, norm = Cell(8, 16).edges["0_3"]
    assert (conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.bias) == (
        8,
        16,
        (1, 1),
        (1, 1),
        None,
    )
    assert isinstance(norm, torch.nn.BatchNorm2d)


@pytest.mark.parametrize("channels", [(8, 8), (8, 24)])
def test_a_cell_adds_up_its_edges_as_published(channels):
    """Every node sums over all nodes before it; every edge but the skip is ReLU, convolution, normalisation."""
    c_in, c_out = channels
    cell = Cell(c_in, c_out).double().eval()
    x = torch.randn(2, c_in, 5, 7, dtype=torch.float64)
    nodes = [x]
    for target in (1, 2, 3):
        nodes.append(sum(cell.edges[f"{source}_{target}"](nodes[source]) for source in range(target)))
    torch.testing.assert_close(cell(x), nodes[3])
    for name, edge in cell.edges.items():
        if name != "0_3":
            relu, conv, norm = edge
            assert isinstance(relu, torch.nn.ReLU)
            assert isinstance(norm, torch.nn.BatchNorm2d)
            assert (conv.kernel_size, conv.out_channels, conv.bias) == ((3, 3), c_out, None)
            assert conv.in_channels == (c_in if name.startswith("0") else c_out)


def test_even_resolutions_are_reduced_as_published_and_odd_ones_rounded_up():
    reduction = Reduction(8, 16).double().eval()
    x = torch.randn(2, 8, 6, 8, dtype=torch.float64)
    pooled = torch.nn.functional.avg_pool2d(x, 2)
    torch.testing.assert_close(reduction(x), reduction.main(x) + reduction.shortcut[1](pooled))
    assert reduction(x[:, :, :5, :7]).shape == (2, 16, 3, 4)


def test_the_blocks_follow_one_another_as_published():
    blocks = build("8:16:24:32:40").blocks
    assert [type(block) for block in blocks] == [Cell, Reduction, Cell, Reduction, Cell]
    x = torch.randn(2, 8, 8, 8)
    shapes = []
    for block in blocks:
        x = block(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(8, 8, 8), (16, 4, 4), (24, 4, 4), (32, 2, 2), (40, 2, 2)]


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 29, 31), (3, 1, 1), (1, 28, 28)])
def test_images_of_any_size_are_classified(shape):
    logits = build("8:16:8:24:8", in_channels=shape[0], classes=7).eval()(torch.randn(2, *shape))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


def test_every_parameter_learns():
    network = build("8:16:8:8:24")
    torch.nn.functional.cross_entropy(network(torch.randn(4, 3, 9, 9)), torch.tensor([0, 1, 2, 3])).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in network.parameters())


def test_there_is_no_skeleton_to_replace():
    for make in (SPACE.cost, SPACE.build):
        with pytest.raises(NavarchError, match="no size 'width' in its skeleton: known sizes are none"):
            make(SPACE.parse("8:8:8:8:8"), classes=10, skeleton={"width": 16})
