"""What follows from a declaration alone: schema, prompt data, sampling, neighbours, features, digests."""

import json
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch import NavarchError
from navarch.spaces import Architecture, InvalidArchitecture, find_differences, get_space

SPACE = get_space("nas-bench-201")
cells = st.text(alphabet="01234", min_size=6, max_size=6).map(SPACE.parse)


def test_the_size_is_the_product_of_the_options(nb201, toy):
    assert (nb201.size, toy.size) == (15_625, 6)


def test_a_space_of_other_dimensions_needs_no_other_code(toy):
    arch = toy.parse("s7")
    assert toy.to_dict(arch) == {"first": "small", "second": "7"}
    assert toy.parse({"first": "small", "second": "7"}) == arch
    assert toy.code(arch) == toy.genotype(arch) == "s7"
    assert toy.features(arch) == (1.0, 0.0, 0.0, 0.0, 1.0)
    assert [toy.code(other) for other in toy.neighbours(arch)] == ["l7", "s3", "s5"]
    assert toy.canonical(arch) == arch
    assert toy.diversity_label(arch) == toy.digest(arch)


def test_the_schema_has_one_required_enum_per_dimension_and_no_prose(toy):
    assert toy.json_schema() == {
        "type": "object",
        "properties": {
            "first": {"type": "string", "enum": ["small", "large"]},
            "second": {"type": "string", "enum": ["3", "5", "7"]},
        },
        "required": ["first", "second"],
        "additionalProperties": False,
    }


def test_the_description_is_plain_data(toy):
    described = toy.describe()
    assert json.loads(json.dumps(described)) == described
    assert described["summary"] == "Two choices."
    assert described["size"] == 6
    assert described["code_example"] == "s5"
    assert described["dimensions"][0] == {
        "name": "first",
        "meaning": "the first choice",
        "options": [
            {"name": "small", "code": "s", "meaning": "little"},
            {"name": "large", "code": "l", "meaning": "much"},
        ],
        "when": [],
    }


def test_what_a_model_may_see_never_names_the_benchmark(nb201):
    seen = (json.dumps(nb201.describe()) + json.dumps(nb201.json_schema())).lower()
    for word in (
        nb201.name,
        nb201.title,
        "nas-bench",
        "nasbench",
        "nb201",
        "201",
        "nats",
        "cifar",
        "imagenet",
    ):
        assert word.lower() not in seen


def test_the_code_example_is_an_architecture(nb201, toy):
    for space in (nb201, toy):
        assert space.parse(space.describe()["code_example"])


def test_samples_are_uniform_and_repeat_with_the_seed(nb201):
    rng = random.Random(0)
    drawn = [nb201.sample(rng) for _ in range(5_000)]
    again = random.Random(0)
    assert drawn[:50] == [nb201.sample(again) for _ in range(50)]
    for i in range(6):
        counts = Counter(arch.values[i] for arch in drawn)
        assert len(counts) == 5
        assert all(850 < count < 1_150 for count in counts.values())  # 1,000 +- 5 standard deviations


@given(cells)
def test_the_neighbours_of_a_cell_are_the_24_others_at_distance_one(cell):
    near = SPACE.neighbours(cell)
    assert len(set(near)) == len(near) == 24
    assert {SPACE.distance(cell, other) for other in near} == {1}
    assert near == SPACE.neighbours(cell)


@given(cells, cells, st.integers(0, 1000))
def test_a_child_takes_every_dimension_from_a_parent(a, b, seed):
    child = SPACE.crossover(a, b, random.Random(seed))
    assert all(
        value in pair for value, pair in zip(child.values, zip(a.values, b.values, strict=True), strict=True)
    )
    assert SPACE.distance(a, child) + SPACE.distance(child, b) == SPACE.distance(a, b)


def test_children_take_from_both_parents(nb201):
    a, b = nb201.parse("000000"), nb201.parse("333333")
    rng = random.Random(0)
    taken = Counter(value for _ in range(500) for value in nb201.crossover(a, b, rng).values)
    assert 1_300 < taken["none"] < 1_700


@given(cells, cells)
def test_the_differences_lead_from_one_cell_to_the_other(a, b):
    differences = find_differences(a, b, SPACE)
    assert len(differences) == SPACE.distance(a, b)
    changed = SPACE.to_dict(a)
    for dimension, before, after in differences:
        assert changed[dimension] == before
        changed[dimension] = after
    assert SPACE.parse(changed) == b


@given(cells)
def test_features_are_the_one_hot_code_of_the_canonical_form(cell):
    features = SPACE.features(cell)
    assert len(features) == 30
    assert [features[5 * i : 5 * i + 5].index(1.0) for i in range(6)] == [
        int(code) for code in SPACE.code(SPACE.canonical(cell))
    ]
    assert sum(features) == 6


def test_digests_are_stable_across_versions(nb201, toy):
    assert nb201.digest(nb201.parse("333132")) == "0ae40c222f748393"
    assert toy.digest(toy.parse("s7")) == "f0b3c01b8d8c98b0"


def test_an_option_that_a_dimension_lacks_has_no_index(nb201):
    with pytest.raises(InvalidArchitecture, match="dimension edge_0_1 does not offer 'conv'"):
        nb201.dimensions[0].index("conv")


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        (Architecture("toy", ("small", "7")), "an architecture of 'toy' was given to .* 'nas-bench-201'"),
        (Architecture("nas-bench-201", ("none",)), "a list of 1 items does not hold one option name"),
        (Architecture("nas-bench-201", ("3",) * 6), "a list of 6 items does not hold one option name"),
    ],
)
@pytest.mark.parametrize(
    "method", ["code", "genotype", "to_dict", "canonical", "digest", "neighbours", "features"]
)
def test_an_architecture_of_elsewhere_is_refused(nb201, method, arch, message):
    with pytest.raises(NavarchError, match=message):
        getattr(nb201, method)(arch)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            {"skeleton": {"depth": 3}},
            "nas-bench-201 has no size 'depth' in its skeleton: known sizes are width, cells",
        ),
        ({"skeleton": {"width": 0}}, "width must be an integer of at least 1, not 0"),
        ({"skeleton": {"cells": True}}, "cells must be an integer of at least 1, not True"),
        ({"skeleton": {"cells": 1.5}}, "cells must be an integer of at least 1, not 1.5"),
        ({"classes": 0}, "classes must be an integer of at least 1, not 0"),
        ({"in_channels": -1}, "in_channels must be an integer of at least 1, not -1"),
    ],
)
def test_impossible_sizes_are_refused_before_anything_is_made(nb201, sizes, message):
    for make in (nb201.cost, nb201.build):
        with pytest.raises(NavarchError, match=message):
            make(nb201.parse("333132"), **{"classes": 10, **sizes})


def test_an_impossible_resolution_is_refused(nb201):
    with pytest.raises(NavarchError, match="resolution must be an integer of at least 1, not 0"):
        nb201.cost(nb201.parse("333132"), classes=10, resolution=0)


def test_a_part_of_the_skeleton_leaves_the_rest_as_published(nb201):
    cell = nb201.parse("333132")
    assert nb201.cost(cell, classes=10, skeleton={"cells": 5}) == nb201.cost(cell, classes=10)
    assert nb201.cost(cell, classes=10, skeleton={}) == nb201.cost(cell, classes=10)
