"""The networks of DARTS: they cost what the closed form says, and equal architectures compute the same."""

import random

import pytest
import torch
from metering import build_on_meta, meta_cost
from slices import slices
from torch.utils.flop_counter import FlopCounterMode

from navarch.spaces import Cost, get_space
from navarch.spaces.darts import CellGenotype, Genotype
from navarch.spaces.darts.cell import OPERATIONS, OTHER_OPERATIONS, canonical_cell
from navarch.spaces.darts.cost import Macro, network_cost
from navarch.spaces.darts.network import Network

pytestmark = pytest.mark.usefixtures("one_thread")

SPACE = get_space("darts")
SMALL = {"width": 4, "layers": 3}
LARGE = {"width": 4, "layers": 4, "stem_stride": 4}
CIFAR = {"classes": 10}
IMAGENET = {"classes": 1000, "resolution": 224}
ODD = [
    {"classes": 7, "in_channels": 1, "resolution": 29, "skeleton": {"width": 5, "layers": 8}},
    {"classes": 1, "in_channels": 2, "resolution": 1, "skeleton": {"width": 1, "layers": 1}},
    {"classes": 3, "in_channels": 5, "resolution": 33, "skeleton": {"width": 3, "layers": 2}},
    {"classes": 9, "resolution": 75, "skeleton": {"width": 7, "layers": 5}},
    {"classes": 2, "resolution": 7, "skeleton": {"width": 1, "layers": 4, "stem_stride": 4}},
    {"classes": 11, "resolution": 97, "skeleton": {"width": 8, "layers": 6, "stem_stride": 1}},
    {"classes": 5, "resolution": 257, "skeleton": {"width": 2, "layers": 3}},
]


def build(arch, seed=0, **settings):
    torch.manual_seed(seed)
    return SPACE.build(arch, **{"classes": 5, "skeleton": SMALL, **settings}).double()


def blur(network):
    """Give every parameter and statistic a random value, as training would."""
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5) if "var" in name else tensor.normal_()
    return network


def count(arch, sizes):
    network = build_on_meta(SPACE, arch, **sizes)
    return meta_cost(network, sizes.get("in_channels", 3), sizes.get("resolution", SPACE.input.resolution))


def sample(number):
    rng = random.Random(number)
    return [SPACE.sample(rng) for _ in range(number)]


# --- Cost ---


@pytest.mark.usefixtures("only_counted_layers")
@pytest.mark.parametrize(
    ("sizes", "number"),
    [
        ({**CIFAR, "skeleton": {"layers": 3}}, 6),
        pytest.param({**CIFAR, "skeleton": {"layers": 3}}, 40, marks=pytest.mark.slow),
        pytest.param(CIFAR, 2, marks=pytest.mark.slow),
        (IMAGENET, 1),
    ],
    ids=["short", "many short", "small", "large"],
)
def test_the_closed_form_counts_what_the_built_network_has(sizes, number):
    for arch in sample(number):
        assert SPACE.cost(arch, **sizes) == count(arch, sizes), SPACE.code(arch)


@pytest.mark.usefixtures("only_counted_layers")
@pytest.mark.parametrize("part", slices(25))
@pytest.mark.parametrize(("sizes", "number"), [(CIFAR, 1000), (IMAGENET, 120)], ids=["small", "large"])
def test_the_closed_form_counts_what_many_built_networks_have(sizes, number, part):
    for arch in sample(number)[part::25]:
        assert SPACE.cost(arch, **sizes) == count(arch, sizes), SPACE.code(arch)


@pytest.mark.usefixtures("only_counted_layers")
@pytest.mark.parametrize("number", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sizes", ODD)
def test_the_closed_form_holds_at_odd_sizes(sizes, number):
    for arch in sample(number):
        assert SPACE.cost(arch, **sizes) == count(arch, sizes), SPACE.code(arch)


@pytest.mark.usefixtures("only_counted_layers")
@pytest.mark.parametrize(
    "sizes", [{**CIFAR, "skeleton": {"layers": 3}}, {**IMAGENET, "skeleton": {"layers": 3}}, *ODD]
)
def test_the_closed_form_knows_the_auxiliary_head(sizes):
    (arch,) = sample(1)
    network = build_on_meta(SPACE, arch, auxiliary=True, **sizes).train()
    resolution = sizes.get("resolution", 32)
    images = torch.empty(2, sizes.get("in_channels", 3), resolution, resolution, device="meta")
    with FlopCounterMode(display=False) as counter:
        network(images)
    params = sum(p.numel() for p in network.parameters())
    assert SPACE.other_costs(arch, **sizes) == {
        "params_with_auxiliary_head": params,
        "macs_with_auxiliary_head": counter.get_total_flops() // 4,
    }


@pytest.mark.parametrize("number", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("stem_stride", [1, 4])
@pytest.mark.parametrize("resolution", [32, 43])
def test_the_closed_form_holds_for_general_genotypes(stem_stride, resolution, number):
    rng = random.Random(resolution)
    names = OPERATIONS + OTHER_OPERATIONS
    for _ in range(number):
        cells = []
        for nodes in (rng.randint(1, 6), rng.randint(1, 6)):
            edges = tuple((rng.choice(names), rng.randrange(2 + i // 2)) for i in range(2 * nodes))
            concat = tuple(rng.sample(range(2, 2 + nodes), rng.randint(1, nodes)))
            cells.append(CellGenotype(edges, concat))
        genotype, sizes = Genotype(*cells), {"width": 6, "layers": 4, "stem_stride": stem_stride}
        with torch.device("meta"):
            network = Network(genotype, classes=4, in_channels=3, **sizes)
        macro = Macro(classes=4, in_channels=3, resolution=resolution, **sizes)
        assert network_cost(genotype, macro) == meta_cost(network, 3, resolution)


# --- Networks ---


@pytest.mark.parametrize(
    ("shape", "skeleton"),
    [
        ((3, 32, 32), SMALL),
        ((3, 29, 33), SMALL),
        ((1, 7, 10), {"width": 3, "layers": 8}),
        ((3, 1, 1), {"width": 1, "layers": 1}),
        ((3, 65, 97), LARGE),
        ((2, 3, 5), {"width": 1, "layers": 2, "stem_stride": 4}),
    ],
)
def test_images_of_any_size_are_classified(shape, skeleton):
    for arch in sample(2):
        network = build(arch, in_channels=shape[0], skeleton=skeleton, auxiliary=True)
        images = torch.randn(2, *shape, dtype=torch.float64)
        logits = network.eval()(images)
        assert logits.shape == (2, 5)
        both = network.train()(images)
        assert [part.shape for part in both] == [(2, 5), (2, 5)]
        assert all(part.isfinite().all() for part in (logits, *both))


def test_the_reductions_stand_at_a_third_and_two_thirds_of_the_depth():
    (arch,) = sample(1)
    network = build_on_meta(SPACE, arch, classes=10)
    widths = [cell.out_channels for cell in network.cells]
    assert widths == [144] * 6 + [288] * 7 + [576] * 7


@pytest.mark.parametrize("skeleton", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_the_canonical_form_computes_the_same_once_channels_are_reordered(training, skeleton):
    moved = 0
    for place, arch in enumerate(sample(4)):
        canonical = SPACE.canonical(arch)
        settings = {"skeleton": {**skeleton, "layers": 5}, "auxiliary": place == 0}
        ours, theirs = blur(build(arch, **settings)), build(canonical, **settings)
        theirs.load_state_dict(reorder(ours, theirs, arch))
        images = torch.randn(3, 3, 11, 11, dtype=torch.float64)
        expected, found = (network.train(training)(images) for network in (ours, theirs))
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)
        moved += arch != canonical
    assert moved >= 3


def reorder(ours, theirs, arch):
    """Return the weights of a network as its canonical form has them.

    The operations of a cell move with their edges, and the weights that read the output of a cell are reordered
    by nodes.
    """
    genotype, state, copied = SPACE.to_genotype(arch), dict(ours.state_dict()), {}
    kinds = ["reduce" if place in (5 // 3, 10 // 3) else "normal" for place in range(5)]
    orders, edges = {}, {}
    for kind in ("normal", "reduce"):
        own = getattr(genotype, kind).edges
        _, order = canonical_cell(tuple((source, OPERATIONS.index(name)) for name, source in own))
        number = {0: 0, 1: 1, **{node: 2 + place for place, node in enumerate(order)}}
        orders[kind] = order
        edges[kind] = [
            edge
            for node in order
            for edge in sorted((2 * node - 4, 2 * node - 3), key=lambda edge: number[own[edge][1]])
        ]
    readers = {"classifier.weight": kinds[-1], "auxiliary.features.0.weight": "reduce"}
    for place in range(5):
        for adapter, before in (("adapt_0", place - 2), ("adapt_1", place - 1)):
            if before >= 0:
                readers |= {
                    key: kinds[before]
                    for key in state
                    if key.startswith(f"cells.{place}.{adapter}.") and state[key].dim() == 4
                }
    for key in theirs.state_dict():
        parts = key.split(".")
        if parts[0] == "cells" and parts[2] == "edges":
            parts[3] = str(edges[kinds[int(parts[1])]][int(parts[3])])
        copied[key] = state[".".join(parts)]
        if key in readers:
            blocks = copied[key].chunk(4, dim=1)
            copied[key] = torch.cat([blocks[node - 2] for node in orders[readers[key]]], dim=1)
    return copied


def test_cost_and_network_agree_on_the_smallest_network():
    (arch,) = sample(1)
    sizes = {"classes": 1, "in_channels": 1, "skeleton": {"width": 1, "layers": 1}}
    network = build(arch, **sizes)
    assert SPACE.cost(arch, resolution=1, **sizes).params == sum(p.numel() for p in network.parameters())
    assert isinstance(SPACE.cost(arch, resolution=1, **sizes), Cost)
