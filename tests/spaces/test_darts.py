"""DARTS against its published facts: size, cost of published genotypes, and which cells are equal."""

import json
import random
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navarch import NavarchError
from navarch.spaces import Cost, get_space
from navarch.spaces.darts import CellGenotype, Genotype
from navarch.spaces.darts.cell import canonical_cell
from navarch.spaces.darts.cost import Macro, network_cost

SPACE = get_space("darts")
CIFAR, IMAGENET = {"classes": 10}, {"classes": 1000, "resolution": 224}
generators = st.builds(random.Random, st.integers(0, 2**32))
architectures = generators.map(SPACE.sample)

PUBLISHED = {  # compact code: parameters and multiply-accumulates on CIFAR-10, and on ImageNet
    "DARTS_V1": (
        "1c0c0s1c0s1c0c2s0m1m2s0m0m2s2s0a",
        (3_169_414, 500_987_520),
        (4_510_432, 505_864_704),
    ),
    "PC_DARTS_image": (
        "1s0c0c1s1c3c1c4D0c1s2D1m2c1c0C3c",
        (3_721_510, 570_466_944),
        (5_342_464, 581_627_328),
    ),
    "all separable 3x3": ("0c1c" * 8, (4_701_718, 711_665_280), (6_548_320, 712_012_800)),
    "all separable 5x5": ("0C1C" * 8, (5_144_086, 817_833_600), (6_966_112, 786_674_688)),
    "all skips": ("0s1s" * 8, (1_580_950, 248_505_984), (2_800_480, 294_297_600)),
}
AMOEBANET_A = Genotype(
    CellGenotype(
        (
            *(("avg_pool_3x3", 0), ("max_pool_3x3", 1)),
            *(("sep_conv_3x3", 0), ("sep_conv_5x5", 2)),
            *(("sep_conv_3x3", 0), ("avg_pool_3x3", 3)),
            *(("sep_conv_3x3", 1), ("skip_connect", 1)),
            *(("skip_connect", 0), ("avg_pool_3x3", 1)),
        ),
        (4, 5, 6),
    ),
    CellGenotype(
        (
            *(("avg_pool_3x3", 0), ("sep_conv_3x3", 1)),
            *(("max_pool_3x3", 0), ("sep_conv_7x7", 2)),
            *(("sep_conv_7x7", 0), ("avg_pool_3x3", 1)),
            *(("max_pool_3x3", 0), ("max_pool_3x3", 1)),
            *(("conv_7x1_1x7", 0), ("sep_conv_3x3", 5)),
        ),
        (3, 4, 6),
    ),
)


def renumber(arch, rng):
    """Return an equal architecture: other numbers for the nodes, the inputs of each node in another order."""
    code = SPACE.code(arch)
    cells = []
    for cell in (code[:16], code[16:]):
        inputs = {node: cell[4 * node - 8 : 4 * node - 4] for node in range(2, 6)}
        number = {"0": "0", "1": "1"}
        while len(number) < 6:
            ready = [
                node
                for node, (s, _, t, _) in inputs.items()
                if s in number and t in number and str(node) not in number
            ]
            number[str(rng.choice(ready))] = str(len(number))
        parts = []
        for node in sorted(inputs, key=lambda node: number[str(node)]):
            s, o, t, p = inputs[node]
            pair = [number[s] + o, number[t] + p]
            rng.shuffle(pair)
            parts += pair
        cells.append("".join(parts))
    return SPACE.parse("".join(cells))


def test_a_cell_has_1037664180_forms_and_the_space_their_square():
    assert SPACE.size == 1_037_664_180**2
    assert SPACE.structure.size == 2**8 * SPACE.size  # every node with its two inputs in either order


def test_the_dimensions_follow_the_order_of_a_genotype():
    names = [
        f"{cell}_{node}_{edge}_{choice}"
        for cell in ("normal", "reduce")
        for node in range(2, 6)
        for edge in "ab"
        for choice in ("source", "op")
    ]
    assert list(SPACE.names) == names
    sources = [dimension for dimension in SPACE.dimensions if dimension.name.endswith("source")]
    assert all(d.names == tuple("01234"[: int(d.name.split("_")[1])]) for d in sources)


def test_what_a_model_reads_names_neither_paper_nor_data_set():
    text = json.dumps(SPACE.describe()).lower()
    assert not any(word in text for word in ("darts", "cifar", "imagenet", "nasnet", "amoeba"))


def test_every_ground_truth_record_is_met_exactly(shared_file):
    records = json.loads(shared_file("ground_truth/darts.json").read_text())["architectures"]
    assert {record["setting"] for record in records} == {"cifar10", "cifar10_search_size", "imagenet"}
    for record in records:
        cells = (
            CellGenotype(
                tuple((operation, source) for operation, source in record["genotype"][name]),
                tuple(record["genotype"][f"{name}_concat"]),
            )
            for name in ("normal", "reduce")
        )
        genotype, (_, channels, resolution, _) = Genotype(*cells), record["input"]
        stem = 4 if record["setting"] == "imagenet" else 1
        macro = Macro(record["num_classes"], channels, resolution, record["C"], record["layers"], stem)
        assert network_cost(genotype, macro) == Cost(record["params"], record["macs"])
        assert network_cost(genotype, macro, auxiliary=True).params == record["params_with_aux_head"]


def test_the_ground_truth_is_met_through_the_space_or_refused_with_a_reason(shared_file):
    records = json.loads(shared_file("ground_truth/darts.json").read_text())["architectures"]
    for record in records:
        if record["name"] == "NASNet":
            with pytest.raises(NavarchError, match="expected 8 pairs"):
                SPACE.parse(record["genotype"])
            continue
        arch = SPACE.parse(record["genotype"])
        sizes = {"classes": record["num_classes"], "resolution": record["input"][2]}
        if record["setting"] == "cifar10_search_size":
            sizes["skeleton"] = {"width": 16, "layers": 8}
        assert SPACE.cost(arch, **sizes) == Cost(record["params"], record["macs"])
        others = SPACE.other_costs(arch, **sizes)
        assert others["params_with_auxiliary_head"] == record["params_with_aux_head"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_architectures_cost_what_is_known_of_them(name):
    code, cifar, imagenet = PUBLISHED[name]
    assert SPACE.cost(SPACE.parse(code), **CIFAR) == Cost(*cifar)
    assert SPACE.cost(SPACE.parse(code), **IMAGENET) == Cost(*imagenet)


def test_amoebanet_costs_what_is_known_of_it():
    assert network_cost(AMOEBANET_A, Macro(10, 3, 32, 36, 20, 1)) == Cost(3_145_078, 488_931_552)
    assert network_cost(AMOEBANET_A, Macro(1000, 3, 224, 48, 14, 4)) == Cost(4_627_360, 526_746_624)


@pytest.mark.parametrize(("sizes", "params"), [(CIFAR, 476_426), (IMAGENET, 1_260_776)])
def test_the_auxiliary_head_adds_its_published_parameters(sizes, params):
    arch = SPACE.sample(random.Random(0))
    others = SPACE.other_costs(arch, **sizes)
    assert others["params_with_auxiliary_head"] - SPACE.cost(arch, **sizes).params == params


def test_images_of_64_pixels_and_more_get_the_network_for_large_images():
    arch = SPACE.sample(random.Random(0))
    small = {"width": 36, "layers": 20, "stem_stride": 1}
    large = {"width": 48, "layers": 14, "stem_stride": 4}
    for resolution, skeleton in ((63, small), (64, large)):
        published = SPACE.cost(arch, classes=10, resolution=resolution)
        assert published == SPACE.cost(arch, classes=10, resolution=resolution, skeleton=skeleton)


def test_the_cost_of_absurd_sizes_is_still_a_closed_form():
    arch = SPACE.sample(random.Random(0))
    sizes = {"width": 10**9, "layers": 10**9}
    cost = SPACE.cost(arch, classes=10**9, in_channels=10**9, resolution=10**9, skeleton=sizes)
    assert cost.params > 10**27


@pytest.mark.parametrize(
    "skeleton", [{"stem_stride": 2}, {"width": 0}, {"layers": -1}, {"layers": 2.0}, {"cells": 3}]
)
def test_sizes_that_do_not_exist_are_refused_by_name(skeleton):
    (name,) = skeleton
    for method in (SPACE.cost, SPACE.build):
        with pytest.raises(NavarchError, match=name):
            method(SPACE.sample(random.Random(0)), classes=10, skeleton=skeleton)


@given(architectures, generators)
def test_equal_architectures_share_canonical_form_digest_features_and_cost(arch, rng):
    twin = renumber(arch, rng)
    canonical = SPACE.canonical(arch)
    assert SPACE.canonical(twin) == canonical == SPACE.canonical(canonical)
    assert SPACE.digest(twin) == SPACE.digest(arch)
    assert SPACE.features(twin) == SPACE.features(arch)
    assert SPACE.cost(twin, **CIFAR) == SPACE.cost(arch, **CIFAR) == SPACE.cost(canonical, **CIFAR)
    assert SPACE.parse(SPACE.code(canonical)) == canonical


def test_the_canonical_form_parts_the_180_wirings_as_exchanging_neighbours_does():
    """Any two orders of the nodes are linked by exchanges of consecutive nodes that do not read one another."""
    wirings = list(product(*(combinations(range(node), 2) for node in range(2, 6))))
    assert len(wirings) == 180
    group = {wiring: wiring for wiring in wirings}

    def find(wiring):
        while group[wiring] != wiring:
            wiring = group[wiring]
        return wiring

    for wiring in wirings:
        for low in (2, 3, 4):
            if low not in wiring[low + 1 - 2]:
                swap = {low: low + 1, low + 1: low}
                moved = list(wiring)
                moved[low - 2], moved[low - 1] = moved[low - 1], moved[low - 2]
                twin = tuple(tuple(sorted(swap.get(source, source) for source in pair)) for pair in moved)
                group[find(twin)] = find(wiring)
    classes = {
        find(wiring): canonical_cell(tuple((s, 0) for pair in wiring for s in pair))[0] for wiring in wirings
    }
    for wiring in wirings:
        assert canonical_cell(tuple((s, 0) for pair in wiring for s in pair))[0] == classes[find(wiring)]
    assert len(set(classes.values())) == len(classes)


@pytest.mark.parametrize(
    ("arch", "canonical"),
    [
        ("1c0s" * 8, "0s1c" * 8),  # the inputs of a node are sorted
        ("0s1s" * 3 + "0c1c" + "0s1s" * 4, "0s1s" * 3 + "0c1c" + "0s1s" * 4),  # nothing to do
        ("0c1c" + "0s1s" * 7, "0s1s" * 3 + "0c1c" + "0s1s" * 4),  # the first node becomes the last
        ("0s1s" + "2c1c" + "0m1m" + "4c0c" + "0s1s" * 4, "0m1m" + "0s1s" + "0c2c" + "1c3c" + "0s1s" * 4),
    ],
)
def test_known_canonical_forms(arch, canonical):
    assert SPACE.code(SPACE.canonical(SPACE.parse(arch))) == canonical


@settings(max_examples=20)
@given(architectures)
def test_neighbours_change_one_choice_and_are_96_operations_and_24_sources(arch):
    near = SPACE.neighbours(arch)
    assert len(set(near)) == len(near) == 16 * 6 + 2 * (0 + 2 + 4 + 6)
    for other in near:
        assert SPACE.distance(arch, other) == 1
        assert SPACE.parse(other.values) == other


@given(architectures, architectures, generators)
def test_a_child_of_two_architectures_takes_every_choice_from_one_of_them(a, b, rng):
    child = SPACE.crossover(a, b, rng)
    assert SPACE.parse(child.values) == child
    assert all(c in pair for c, *pair in zip(child.values, a.values, b.values, strict=True))


def test_the_drawing_shows_both_cells():
    normal, reduction = SPACE.sketch(SPACE.parse(PUBLISHED["DARTS_V1"][0]))
    assert (normal.title, reduction.title) == ("normal cell", "reduction cell")
    assert normal.nodes == ("cell k-2", "cell k-1", "node 2", "node 3", "node 4", "node 5", "output")
    assert normal.edges[:2] == ((1, 2, "sep_conv_3x3"), (0, 2, "sep_conv_3x3"))
    assert [edge for edge in reduction.edges if edge[1] == 6] == [(n, 6, "concat") for n in range(2, 6)]


@pytest.mark.parametrize(
    ("edges", "concat", "reason"),
    [
        ((("skip_connect", 0),), (2,), "two edges for each node"),
        ((("none", 0), ("skip_connect", 1)), (2,), "unknown operation 'none'"),
        ((("skip_connect", 0), ("skip_connect", 2)), (2,), "reads state 2"),
        ((("skip_connect", 0), ("skip_connect", -1)), (2,), "reads state -1"),
        ((("skip_connect", 0), ("skip_connect", 1)), (2, 3), "some of the nodes 2 to 2"),
        ((("skip_connect", 0), ("skip_connect", 1)), (), "some of the nodes 2 to 2"),
    ],
)
def test_general_cells_that_are_no_graphs_are_refused(edges, concat, reason):
    with pytest.raises(NavarchError, match=reason):
        CellGenotype(edges, concat)
