"""The network of SPOS: it costs what the closed form says, and its blocks split and join as published."""

import random

import pytest
import torch
from metering import build_on_meta, check_against_the_built_network
from slices import slices

from navarch import NavarchError
from navarch.spaces import get_space
from navarch.spaces.spos.layout import Block
from navarch.spaces.spos.network import ShuffleBlock

pytestmark = pytest.mark.usefixtures("one_thread")

SPACE = get_space("spos-shufflenetv2")
PATH = "21012020202300003233"
SMALL = {"stem": 4, "stage_1": 8, "stage_2": 12, "stage_3": 16, "stage_4": 24, "head": 20}
ODD = [
    {"classes": 10, "in_channels": 1, "resolution": 33, "skeleton": None},
    {"classes": 7, "in_channels": 3, "resolution": 225, "skeleton": SMALL},
    {"classes": 1000, "in_channels": 5, "resolution": 97, "skeleton": {"stem": 5, "head": 33}},
    {"classes": 1, "in_channels": 2, "resolution": 1, "skeleton": SMALL},
]


def build(code, **settings):
    torch.manual_seed(0)
    return SPACE.build(SPACE.parse(code), **{"classes": 10, "skeleton": SMALL, **settings})


@pytest.mark.usefixtures("only_counted_layers")
@pytest.mark.parametrize("sizes", ODD)
def test_the_closed_form_holds_at_odd_settings(sizes):
    check_against_the_built_network(SPACE, SPACE.sample(random.Random(1)), **sizes)  # the slow test has fifty


@pytest.mark.usefixtures("only_counted_layers")
def test_the_closed_form_counts_what_the_built_network_has():
    rng = random.Random(2)
    for _ in range(4):  # the slow test has a thousand
        check_against_the_built_network(SPACE, SPACE.sample(rng), classes=1000, in_channels=3, resolution=224)


@pytest.mark.usefixtures("only_counted_layers")
@pytest.mark.parametrize("seed", slices(20))
def test_the_closed_form_counts_what_a_thousand_built_networks_have(seed):
    rng = random.Random(seed)
    for i in range(50):
        check_against_the_built_network(SPACE, SPACE.sample(rng), classes=1000, in_channels=3, resolution=224)
        if i % 20 == 0:
            check_against_the_built_network(SPACE, SPACE.sample(rng), **ODD[i // 20 % len(ODD)])


@pytest.mark.parametrize("digit", "0123")
def test_a_block_that_keeps_the_resolution_splits_even_from_odd_channels(digit):
    """The published split: channels in pairs, the first of each pair passes, the second is worked on."""
    block = build(digit * 20).eval().blocks[1]
    x = torch.randn(2, 8, 5, 7)
    passed, read = x.reshape(2 * 8 // 2, 2, 5 * 7).permute(1, 0, 2).reshape(2, 2, 4, 5, 7)
    assert block.projection is None
    torch.testing.assert_close(block(x), torch.cat((passed, block.main(read)), dim=1))


@pytest.mark.parametrize("digit", "0123")
def test_a_block_that_halves_the_resolution_reads_everything_in_both_branches(digit):
    block = build(digit * 20).eval().blocks[4]
    x = torch.randn(2, 8, 5, 7)
    y = block(x)
    assert y.shape == (2, 12, 3, 4)
    torch.testing.assert_close(y, torch.cat((block.projection(x), block.main(x)), dim=1))
    assert block.main(x).shape[1] == 4


def layers_of(sequence):
    """Return what a branch is made of: convolutions as (kernel, stride, is depthwise), others by name."""
    return [
        (m.kernel_size[0], m.stride[0], m.groups > 1) if isinstance(m, torch.nn.Conv2d) else type(m).__name__
        for m in sequence
    ]


@pytest.mark.parametrize(
    ("operation", "kernel"), [("shuffle_3x3", 3), ("shuffle_5x5", 5), ("shuffle_7x7", 7)]
)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_shuffle_block_is_narrow_deep_narrow(operation, kernel, stride):
    block = ShuffleBlock(Block(1, stride, 8 // stride, 8), operation)
    norm, relu = "BatchNorm2d", "ReLU"
    point = [(1, 1, False), norm, relu]
    depth = [(kernel, stride, True), norm]
    assert layers_of(block.main) == [*point, *depth, *point]
    if stride == 2:
        assert layers_of(block.projection) == [*depth, *point]


@pytest.mark.parametrize("stride", [1, 2])
def test_an_xception_block_repeats_depthwise_and_pointwise_three_times(stride):
    block = ShuffleBlock(Block(1, stride, 8 // stride, 8), "xception")
    point = [(1, 1, False), "BatchNorm2d", "ReLU"]
    first, depth = [(3, stride, True), "BatchNorm2d"], [(3, 1, True), "BatchNorm2d"]
    assert layers_of(block.main) == [*first, *point, *depth, *point, *depth, *point]
    if stride == 2:
        assert layers_of(block.projection) == [*first, *point]


def test_the_ends_of_the_network_are_as_published():
    network = build_on_meta(SPACE, SPACE.parse(PATH), classes=1000)
    assert layers_of(network.stem) == [(3, 2, False), "BatchNorm2d", "ReLU"]
    assert layers_of(network.head) == [(1, 1, False), "BatchNorm2d", "ReLU"]
    assert (network.classifier.in_features, network.classifier.bias) == (1024, None)
    assert [layer.p for layer in network.modules() if isinstance(layer, torch.nn.Dropout)] == [0.1]
    assert all(layer.affine for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d))
    assert all(layer.bias is None for layer in network.modules() if isinstance(layer, torch.nn.Conv2d))


@pytest.mark.parametrize("shape", [(3, 64, 64), (3, 33, 47), (3, 1, 1), (1, 28, 28)])
def test_images_of_any_size_are_classified(shape):
    logits = build(PATH, in_channels=shape[0], classes=7).eval()(torch.randn(2, *shape))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()


def test_every_parameter_learns():
    network = build(PATH)
    torch.nn.functional.cross_entropy(
        network(torch.randn(4, 3, 65, 65)), torch.tensor([0, 1, 2, 3])
    ).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in network.parameters())


@pytest.mark.parametrize(
    ("skeleton", "message"),
    [
        ({"stage_2": 161}, "stage_2 must be an even number of channels above the 64 before it, not 161"),
        ({"stage_1": 16}, "stage_1 must be an even number of channels above the 16 before it, not 16"),
        ({"width": 3}, "no size 'width' in its skeleton"),
        ({"head": 0}, "head must be an integer of at least 1, not 0"),
    ],
)
def test_widths_that_no_block_can_have_are_refused(skeleton, message):
    for make in (SPACE.cost, SPACE.build):
        with pytest.raises(NavarchError, match=message):
            make(SPACE.parse(PATH), classes=10, skeleton=skeleton)
