"""Once-for-All's MobileNetV3 spaces against published facts: sizes, widths, costs, and the spread of costs."""

import json
import random
from dataclasses import replace
from itertools import product
from math import floor

import pytest

from navarch import NavarchError
from navarch.spaces import Architecture, Cost, get_space
from navarch.spaces.ofa.chain import STAGES, find_widths, make_divisible, stage_block
from navarch.spaces.ofa.cost import block_cost, output_size

NARROW, WIDE = get_space("ofa-mobilenetv3"), get_space("ofa-mobilenetv3-w1.2")
both = pytest.mark.parametrize("space", [NARROW, WIDE], ids=lambda space: space.name)
M = 1_000_000


def uniform(space, depth, kernel, expand, resolution=224):
    """Return the architecture with the same choices everywhere."""
    record = {"d": [depth] * 5, "ks": [kernel] * 20, "e": [expand] * 20, "r": resolution}
    return space.parse(record)


def cost(space, arch, **settings):
    return space.cost(arch, **{"classes": 1000, **settings})


# --- The spaces ---


@both
def test_the_size_is_the_published_one_at_five_resolutions(space):
    assert 9**2 + 9**3 + 9**4 == 7371
    assert space.size == 5 * 7371**5


@both
def test_the_dimensions_stand_stage_by_stage(space):
    names = ["resolution"]
    for stage in range(1, 6):
        names.append(f"depth_{stage}")
        names += [f"{choice}_{stage}_{block}" for block in range(1, 5) for choice in ("kernel", "expand")]
    assert list(space.names) == names
    assert len(names) == 46
    offered = {dimension.name.split("_")[0]: dimension.names for dimension in space.dimensions}
    assert offered == {
        "resolution": ("160", "176", "192", "208", "224"),
        "depth": ("2", "3", "4"),
        "kernel": ("3", "5", "7"),
        "expand": ("3", "4", "6"),
    }


def test_the_two_spaces_differ_in_name_title_and_width_alone():
    ours, theirs = NARROW.declaration, WIDE.declaration
    assert ours.title != theirs.title
    assert (dict(ours.skeleton), dict(theirs.skeleton)) == ({"width_percent": 100}, {"width_percent": 120})
    assert replace(theirs, name=ours.name, title=ours.title, skeleton=ours.skeleton) == ours
    assert (NARROW.siblings, WIDE.siblings) == ((WIDE.name,), (NARROW.name,))
    assert NARROW.digest(uniform(NARROW, 2, 3, 3)) != WIDE.digest(uniform(WIDE, 2, 3, 3))


@both
def test_what_a_model_may_see_names_neither_the_space_nor_its_source(space):
    seen = (json.dumps(space.describe()) + json.dumps(space.json_schema())).lower()
    for word in (space.name, space.title, "ofa", "once", "mobilenet", "mbv3", "supernet", "imagenet", "cai"):
        assert word.lower() not in seen


@both
def test_a_deeper_stage_brings_its_blocks_into_use(space):
    arch = uniform(space, 2, 3, 3)
    deeper = [near for near in space.neighbours(arch) if space.to_dict(near)["depth_2"] == "4"]
    changed = {name for name, value in space.to_dict(deeper[0]).items() if value != space.to_dict(arch)[name]}
    assert len(deeper) == 1
    assert changed == {"depth_2", "kernel_2_3", "expand_2_3", "kernel_2_4", "expand_2_4"}
    # four other resolutions, two other depths a stage, two other kernels and expansions of each of ten blocks
    assert len(space.neighbours(arch)) == 4 + 5 * 2 + 10 * 4


@both
def test_options_of_blocks_that_are_not_in_use_are_no_features(space):
    shallow, deep = uniform(space, 2, 7, 6), uniform(space, 4, 7, 6)
    assert sum(space.features(shallow)) == 1 + 5 + 5 * 2 * 2
    assert sum(space.features(deep)) == 46
    assert len(space.features(deep)) == 5 + 5 * 3 + 20 * 6


# --- Widths ---


def test_the_published_widths():
    assert find_widths(100) == (16, 16, (24, 40, 80, 112, 160), 960, 1280)
    assert find_widths(120) == (24, 24, (32, 48, 96, 136, 192), 1152, 1536)


def test_channels_are_rounded_as_the_reference_words_it():
    def reference(v):
        n = max(8, floor(v + 4) // 8 * 8)
        return n + 8 if n < 0.9 * v else n

    assert [make_divisible(n) for n in range(1, 2000)] == [reference(n) for n in range(1, 2000)]
    for percent in range(10, 300):
        widths = find_widths(percent)
        found = [widths.stem, *widths.stages, widths.head, widths.neck]
        assert found == [reference(n * percent / 100) for n in (16, 24, 40, 80, 112, 160, 960, 1280)]


# --- Costs ---


@pytest.mark.parametrize(
    ("space", "choices", "resolution", "params", "macs"),
    [
        (NARROW, (4, 7, 6), 224, 7_664_760, 566_170_656),
        (NARROW, (2, 3, 3), 224, 3_410_792, 121_278_672),
        (NARROW, (2, 3, 3), 128, 3_410_792, 41_476_224),
        (WIDE, (4, 7, 6), 224, 10_701_632, 843_101_040),
        (WIDE, (2, 3, 3), 224, 4_602_456, 193_078_200),
    ],
)
def test_the_largest_and_the_smallest_network_cost_what_is_published(
    space, choices, resolution, params, macs
):
    assert cost(space, uniform(space, *choices), resolution=resolution) == Cost(params, macs)


@both
def test_the_resolution_of_the_architecture_counts_unless_another_is_given(space):
    small, large = uniform(space, 3, 5, 4, 160), uniform(space, 3, 5, 4, 224)
    assert cost(space, small).macs < cost(space, large).macs
    assert cost(space, small).params == cost(space, large).params
    assert cost(space, small, resolution=224) == cost(space, large) == cost(space, large, resolution=224)
    assert cost(space, large, resolution=160) == cost(space, small)


@both
def test_the_width_of_one_space_makes_the_cost_of_the_other(space):
    other = WIDE if space is NARROW else NARROW
    skeleton = {"width_percent": other.skeleton["width_percent"]}
    assert cost(space, uniform(space, 3, 5, 6), skeleton=skeleton) == cost(other, uniform(other, 3, 5, 6))


def test_no_size_is_too_large_to_count():
    arch = uniform(NARROW, 2, 3, 3)
    huge = cost(
        NARROW, arch, classes=10**9, in_channels=10**9, resolution=10**9, skeleton={"width_percent": 10**400}
    )
    assert huge.macs > huge.params > 10**800


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": 0}, "classes must be an integer of at least 1, not 0"),
        ({"in_channels": 1.5}, r"in_channels must be an integer of at least 1, not 1\.5"),
        ({"resolution": 0}, "resolution must be an integer of at least 1, not 0"),
        ({"skeleton": {"width_percent": 0}}, "width_percent must be an integer of at least 1, not 0"),
        ({"skeleton": {"width": 16}}, "has no size 'width' in its skeleton: known sizes are width_percent"),
    ],
)
def test_impossible_sizes_are_refused_before_anything_is_made(settings, message):
    for make in (NARROW.cost, NARROW.build):
        with pytest.raises(NavarchError, match=message):
            make(uniform(NARROW, 2, 3, 3), **{"classes": 10, **settings})


def test_an_architecture_of_the_sibling_is_refused():
    arch = uniform(WIDE, 2, 3, 3)
    for use in (NARROW.cost, NARROW.build):
        with pytest.raises(NavarchError, match=r"'ofa-mobilenetv3-w1\.2' was given to .* 'ofa-mobilenetv3'"):
            use(arch, classes=10)
    for use in (NARROW.genotype, NARROW.sketch):
        with pytest.raises(NavarchError, match="was given to"):
            use(Architecture(WIDE.name, arch.values))


@pytest.mark.parametrize(
    ("space", "published"), [(NARROW, (126, 203, 310)), (WIDE, (194, 310, 470))], ids=["1.0", "1.2"]
)
def test_uniform_samples_cost_what_is_published(space, published):
    rng = random.Random(0)
    macs = sorted(cost(space, space.sample(rng)).macs / M for _ in range(6_000))
    found = [macs[int(len(macs) * quantile)] for quantile in (0.05, 0.5, 0.95)]
    assert found == pytest.approx(published, rel=0.02)


def test_the_far_tail_of_the_costs_is_sampled_without_endless_rejection():
    asked = 0

    def macs(arch):
        nonlocal asked
        asked += 1
        return cost(NARROW, arch).macs

    rng = random.Random(0)
    drawn = [NARROW.sample_within(rng, macs, 400 * M, 500 * M) for _ in range(5)]
    assert all(400 * M <= cost(NARROW, arch).macs <= 500 * M for arch in drawn)
    assert len(set(drawn)) == len(drawn)
    assert asked < 5 * 2_000


# --- What the rules say ---


@pytest.fixture(params=[100, 120])
def blocks(request):
    """Return the cost of a block at 224 pixels by stage, block, kernel and expansion, all from 1 or by value."""
    widths, costs = find_widths(request.param), {}
    for number, size in enumerate((112, 56, 28, 14, 14)):
        for place, kernel, expansion in product((0, 1), (3, 5, 7), (3, 4, 6)):
            block = stage_block(widths, number, place, kernel, expansion)
            entering = size if place == 0 else output_size(size, STAGES[number].stride)
            costs[number + 1, place + 1, kernel, expansion] = block_cost(block, entering)
    return costs


def test_a_larger_kernel_costs_what_the_rules_say(blocks):
    for place, expansion in product((1, 2), (3, 4, 6)):
        early, late = (
            blocks[stage, place, 7, expansion].macs / blocks[stage, place, 3, expansion].macs - 1
            for stage in (1, 5)
        )
        assert 0.29 < early < 0.71
        assert 0.05 < late < 0.12


def test_the_stages_share_the_cost_as_the_rules_say(blocks):
    for kernel, expansion in product((3, 5, 7), (3, 4, 6)):
        for place in (1, 2):
            first, last = (blocks[stage, place, kernel, expansion].params for stage in (1, 5))
            assert 30 < last / first < 90
        fourth = blocks[4, 2, kernel, expansion].macs
        for stage in (2, 3, 5):
            assert 1.45 < fourth / blocks[stage, 2, kernel, expansion].macs < 2.1


@both
def test_the_extremes_and_the_resolution_cost_what_the_rules_say(space):
    large, small = cost(space, uniform(space, 4, 7, 6)), cost(space, uniform(space, 2, 3, 3))
    assert 4 < large.macs / small.macs < 5
    assert 2 < large.params / small.params < 2.4
    assert (
        0.5
        < cost(space, uniform(space, 3, 5, 4, 160)).macs / cost(space, uniform(space, 3, 5, 4)).macs
        < 0.55
    )


# --- The drawing ---


@both
def test_the_table_has_a_row_for_every_block_in_use(space):
    depths = [2, 3, 4, 2, 3]
    arch = space.parse({"d": depths, "ks": [3, 5, 7, 5] * 5, "e": [6, 4, 3, 6] * 5, "r": 176})
    (table,) = space.sketch(arch)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    names = [f"{stage}.{block}" for stage, depth in enumerate(depths, 1) for block in range(1, depth + 1)]
    assert [row["block"] for row in rows] == ["stem", "first", *names, "head", "pool", "neck", "classifier"]
    blocks = [row for row in rows if row["block"] in names]
    assert [row["kernel"] for row in blocks[:5]] == ["3", "5", "3", "5", "7"]
    assert [row["expand"] for row in blocks[:5]] == ["6", "4", "6", "4", "3"]
    assert [row["stride"] for row in blocks if row["block"].endswith(".1")] == ["2", "2", "2", "1", "2"]
    sizes = {row["block"]: row["output"] for row in rows}
    ends = ["stem", "1.2", "2.3", "3.4", "4.2", "5.3"]
    assert [sizes[name] for name in ends] == ["88", "44", "22", "11", "11", "6"]
    channels = [row["channels"] for row in blocks if row["block"].endswith(".1")]
    assert channels == [str(n) for n in find_widths(space.skeleton["width_percent"]).stages]
    assert "176" in table.title
