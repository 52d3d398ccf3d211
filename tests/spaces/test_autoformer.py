"""AutoFormer against its published facts: sizes, subnets, encodings, exact costs and the reference code's count."""

import json
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch import NavarchError
from navarch.spaces import Cost, get_space
from navarch.spaces.autoformer import AutoFormer
from navarch.spaces.autoformer.cost import Sizes, Subnet, network_cost, official_complexity
from navarch.spaces.declaration import read_declaration
from navarch.spaces.spec import INACTIVE

NAMES = ("autoformer-tiny", "autoformer-small", "autoformer-base", "autoformer-tiny-r3")
TINY, SMALL, BASE, R3 = SPACES = tuple(get_space(name) for name in NAMES)
OF_LETTER = {"T": R3, "S": SMALL, "B": BASE}
PUBLISHED = Sizes(classes=1000, in_channels=3, resolution=224, patch=16, head_dim=64, max_distance=14)
SUBNET = {"depth": 12, "mlp_ratio": [3.5, 4] * 6, "num_heads": [3, 4, 4] * 4, "embed_dim": 216}

archs = st.sampled_from(SPACES).flatmap(
    lambda space: st.integers(0, 10**6).map(lambda seed: (space, space.sample(random.Random(seed))))
)


@pytest.fixture
def records(shared_file):
    return json.loads(shared_file("ground_truth/autoformer.json").read_text())["architectures"]


def uniform(embed_dim, heads, ratio, depth):
    return Subnet(embed_dim, (heads,) * depth, (ratio,) * depth)


# --- The declared spaces ---


def test_the_spaces_have_their_published_sizes():
    assert [space.size for space in SPACES] == [
        3 * sum(pairs**depth for depth in depths)
        for pairs, depths in ((4, (12, 13, 14)), (9, (12, 13, 14)), (9, (14, 15, 16)), (6, (12, 13, 14)))
    ]
    assert [f"{space.size:.2e}" for space in SPACES] == ["1.06e+09", "7.71e+13", "6.25e+15", "2.81e+11"]


def test_the_dimensions_are_width_depth_and_two_for_every_block():
    for space, longest in zip(SPACES, (14, 14, 16, 14), strict=True):
        blocks = [f"{name}_{block}" for block in range(1, longest + 1) for name in ("mlp_ratio", "heads")]
        assert list(space.names) == ["embed_dim", "depth", *blocks]


def test_a_block_that_not_every_depth_has_is_in_use_only_where_the_depth_reaches_it():
    for space in SPACES:
        depths = space.dimensions[1].names
        for dimension in space.dimensions[2:]:
            reaching = tuple(depth for depth in depths if int(depth) >= int(dimension.name.split("_")[-1]))
            assert [(c.dimension, c.options) for c in dimension.when] == (
                [] if reaching == depths else [("depth", reaching)]
            )


def test_the_spaces_differ_in_their_options_alone():
    assert len({(space.summary, space.rules, space.input) for space in SPACES}) == 1
    assert all(space.skeleton == TINY.skeleton for space in SPACES)
    for i in range(4):
        assert len({space.dimensions[i].meaning for space in SPACES}) == 1


def test_what_a_model_may_see_never_names_paper_or_space():
    for space in SPACES:
        seen = (json.dumps(space.describe()) + json.dumps(space.json_schema())).lower()
        for word in ("autoformer", "supernet", "imagenet", "collm", space.title.lower()):
            assert word not in seen


def test_other_dimensions_than_the_four_are_refused():
    option = [{"name": "12", "code": "2", "meaning": "twelve"}]
    dimensions = [{"name": name, "meaning": name, "options": option} for name in ("embed_dim", "depth")]
    data = {"name": "short", "title": "Short", "summary": "Two.", "dimensions": dimensions}
    with pytest.raises(NavarchError, match=r"short must declare .* heads, not embed_dim, depth"):
        AutoFormer(read_declaration("here", data))


@given(archs, st.integers(0, 1000))
def test_moves_keep_blocks_in_use_as_the_depth_says(drawn, seed):
    space, arch = drawn
    rng = random.Random(seed)
    near = space.neighbours(arch)
    for other in (rng.choice(near), near[2], near[3], space.crossover(arch, rng.choice(near), rng)):
        end = 2 + 2 * int(other.values[1])
        assert INACTIVE not in other.values[:end]
        assert set(other.values[end:]) <= {INACTIVE}
        assert space.parse(space.to_dict(other)) == other


@given(archs)
def test_an_architecture_is_its_own_canonical_form(drawn):
    space, arch = drawn
    assert space.canonical(arch) == arch


# --- Costs ---


def test_every_ground_truth_record_is_met_exactly(records):
    for record in records:
        space = OF_LETTER[record["encoding"]["space"]]
        arch = space.parse(record["encoding"])
        assert space.cost(arch, classes=record["num_classes"]) == Cost(record["params"], record["macs_total"])
        assert space.other_costs(arch, classes=1000) == {
            "official_complexity": record["official_get_complexity"]
        }


@pytest.mark.parametrize(
    ("subnet", "params"),
    [
        (uniform(256, 4, 4, 14), 11_669_224),
        (uniform(448, 7, 4, 14), 34_790_440),
        (uniform(640, 10, 4, 16), 80_160_360),
    ],
    ids=["T", "S", "B"],
)
def test_the_supernets_have_their_published_parameters(subnet, params):
    assert network_cost(subnet, PUBLISHED).params == params


@pytest.mark.parametrize(
    ("space", "smallest", "largest"),
    [
        (TINY, 5_366_056, 10_517_272),
        (SMALL, 13_057_320, 34_790_440),
        (BASE, 39_792_856, 76_882_264),
    ],
    ids=["T", "S", "B"],
)
def test_the_smallest_and_the_largest_subnets_have_their_published_parameters(space, smallest, largest):
    embed_dim, depth, ratio, heads = ([float(n) for n in d.names] for d in space.dimensions[:4])
    for end, params in ((0, smallest), (-1, largest)):
        block = (int(heads[end]), ratio[end], int(depth[end]))
        subnet = uniform(int(embed_dim[end]), *block)
        assert network_cost(subnet, PUBLISHED).params == params
        flat = [block[2], *subnet.mlp_ratio, *subnet.num_heads, subnet.embed_dim]
        assert space.cost(space.parse(flat), classes=1000).params == params


@given(archs, st.integers(1, 1500), st.integers(1, 9))
def test_classes_and_channels_change_the_ends_alone(drawn, classes, in_channels):
    space, arch = drawn
    one = space.cost(arch, classes=1, in_channels=1)
    width = int(arch.values[0])
    assert space.cost(arch, classes=classes, in_channels=in_channels) == one + Cost(
        params=(classes - 1) * (width + 1) + 256 * (in_channels - 1) * width,
        macs=(classes - 1) * width + 196 * 256 * (in_channels - 1) * width,
    )


@given(archs, st.integers(16, 400))
def test_pixels_beyond_the_last_whole_patch_cost_nothing(drawn, resolution):
    space, arch = drawn
    whole = resolution // 16 * 16
    for count in (space.cost, space.other_costs):
        assert count(arch, classes=7, resolution=resolution) == count(arch, classes=7, resolution=whole)


def test_an_image_without_a_whole_patch_is_refused():
    arch = TINY.parse(SUBNET)
    for count in (TINY.cost, TINY.other_costs, TINY.build):
        with pytest.raises(NavarchError, match="resolution must be at least one patch of 16 pixels, not 15"):
            count(arch, classes=10, resolution=15)
        with pytest.raises(NavarchError, match="at least one patch of 225 pixels, not 224"):
            count(arch, classes=10, skeleton={"patch": 225})


@pytest.mark.parametrize("wrong", [{"classes": 0}, {"in_channels": 1.5}, {"skeleton": {"head_dim": 0}}])
def test_impossible_sizes_are_refused(wrong):
    with pytest.raises(NavarchError, match="must be an integer of at least 1"):
        TINY.cost(TINY.parse(SUBNET), **{"classes": 10, **wrong})


@given(archs, st.integers(16, 300), st.integers(1, 50))
def test_the_count_of_the_reference_code_is_exact_for_odd_numbers_of_tokens_too(drawn, resolution, classes):
    space, arch = drawn
    patches, blocks = (resolution // 16) ** 2, int(arch.values[1])
    n, width = patches + 2, int(arch.values[0])
    total = (
        width + patches * 768 * width + Fraction((patches + 1) * width, 2) + (patches + 1) * width * classes
    )
    for i in range(blocks):
        q, f = 64 * int(arch.values[3 + 2 * i]), int(width * float(arch.values[2 + 2 * i]))
        total += 2 * n * width + n * 3 * q * width + 2 * n**2 * q + n * q * width + 28 * n**2
        total += Fraction(n**2, 2) + Fraction(n * q, 2) + 2 * n * width * f
    counted = space.other_costs(arch, classes=classes, resolution=resolution)["official_complexity"]
    assert counted == total
    assert isinstance(counted, int) == (total.denominator == 1)


def test_the_count_of_the_reference_code_is_what_the_papers_print(records):
    printed = {"published_T": "1.3440", "published_S": "4.8921", "published_B": "11.2369"}
    for record in records:
        if record["name"] in printed:
            encoding = record["encoding"]
            subnet = Subnet(encoding["embed_dim"], tuple(encoding["num_heads"]), tuple(encoding["mlp_ratio"]))
            assert f"{official_complexity(subnet, PUBLISHED) / 1e9:.4f}" == printed[record["name"]]


# --- Drawing ---


def test_the_drawing_has_a_row_for_every_block():
    (table,) = TINY.sketch(TINY.parse(SUBNET))
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert [row[0] for row in table.rows] == ["patches", *map(str, range(1, 13)), "classifier"]
    assert table.rows[1] == ("1", "attention, MLP", "3", "192", "3.5", "756", "197 x 216")
    assert table.rows[2][2:6] == ("4", "256", "4", "864")
