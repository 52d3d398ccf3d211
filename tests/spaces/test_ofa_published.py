"""The networks that Once-for-All published: read with image sizes that are no option, and cost what is published."""

import json

import pytest

from navarch.spaces import Cost, InvalidArchitecture, get_space
from navarch.spaces.ofa.chain import find_widths, stage_block

NARROW, WIDE = get_space("ofa-mobilenetv3"), get_space("ofa-mobilenetv3-w1.2")
RECORD = {
    "ks": [[3, 5], [5, 5, 5, 5], [7, 3, 3], [3, 7], [5, 3, 7, 7]],
    "e": [[3, 4], [4, 4, 4, 4], [6, 3, 3], [4, 3], [6, 6, 4, 3]],
    "d": [2, 4, 3, 2, 4],
}


@pytest.fixture
def records(shared_file):
    found = json.loads(shared_file("ground_truth/ofa_mbv3.json").read_text())["architectures"]
    assert len(found) >= 6
    return found


def space_of(record):
    return {1.0: NARROW, 1.2: WIDE}[record["encoding"]["width_mult"]]


# --- Records ---


def test_the_inner_channels_are_the_published_ones(records):
    for record in records:
        encoding = record["encoding"]
        widths = find_widths(round(100 * encoding["width_mult"]))
        for stage, (kernels, expansions) in enumerate(zip(encoding["ks"], encoding["e"], strict=True)):
            pairs = enumerate(zip(kernels, expansions, strict=True))
            blocks = [stage_block(widths, stage, i, kernel, expansion) for i, (kernel, expansion) in pairs]
            assert [block.c_mid for block in blocks] == encoding["mid"][stage]


def test_every_ground_truth_record_is_met_exactly(records):
    for record in records:
        space = space_of(record)
        arch, image_size = space.read_with_resolution(record["encoding"])
        found = space.cost(arch, classes=record["num_classes"], resolution=image_size)
        assert image_size == record["input"][-1]
        assert found == Cost(record["params"], record["macs"])


def test_the_cost_of_an_offered_image_size_needs_no_resolution(records):
    offered = [record for record in records if record["encoding"]["image_size"] in (160, 176, 192, 208, 224)]
    assert offered
    for record in offered:
        space = space_of(record)
        found = space.cost(space.parse(record["encoding"]), classes=1000)
        assert found == Cost(record["params"], record["macs"])


def test_the_published_costs_of_fine_tuned_networks(records):
    facts = {"flops-389M": (8_386_544, 389_487_856), "flops-482M": (9_066_368, 482_413_168)}
    facts["LG-G8_lat-24ms"] = (5_809_576, 229_846_296)
    met = 0
    for record in records:
        for start, expected in facts.items():
            if record["name"].startswith(start):
                arch, image_size = space_of(record).read_with_resolution(record["encoding"])
                assert space_of(record).cost(arch, classes=1000, resolution=image_size) == Cost(*expected)
                met += 1
    assert met == 3


def test_every_ground_truth_record_is_read_by_its_own_space_alone(records):
    for record in records:
        encoding = record["encoding"]
        own, other = (NARROW, WIDE) if encoding["width_mult"] == 1.0 else (WIDE, NARROW)
        arch, image_size = own.read_with_resolution(encoding)
        assert own.read_with_resolution(json.dumps(encoding)) == (arch, image_size)
        assert image_size == encoding["image_size"]
        written = json.loads(own.genotype(arch))
        for key in ("ks", "e"):
            by_stage = [written[key][4 * i : 4 * i + depth] for i, depth in enumerate(encoding["d"])]
            assert by_stage == encoding[key]
        for read in (other.parse, other.read_with_resolution):
            with pytest.raises(InvalidArchitecture, match=f"in the space {own.name}"):
                read(encoding)


# --- Image sizes that are no option ---


@pytest.mark.parametrize("space", [NARROW, WIDE], ids=lambda space: space.name)
@pytest.mark.parametrize("image_size", [32, 156, 176, 220, 224, 236, 260, 1024])
def test_the_image_size_of_a_published_network_is_read_beside_it(space, image_size):
    arch, found = space.read_with_resolution({**RECORD, "image_size": image_size})
    assert found == image_size
    assert arch == space.parse({**RECORD, "r": 224})


@pytest.mark.parametrize("image_size", [31, 1025, 0, -224, 220.5, "large", None, True, [220, 220], 10**400])
def test_an_image_size_out_of_bounds_is_refused(image_size):
    with pytest.raises(InvalidArchitecture, match=r"dimension resolution does not offer .* 32 to 1024"):
        NARROW.read_with_resolution({**RECORD, "image_size": image_size})


def test_a_record_without_an_image_size_names_none():
    assert NARROW.read_with_resolution(RECORD) == (NARROW.parse(RECORD), None)


def test_other_encodings_keep_the_resolution_of_the_architecture():
    arch = NARROW.parse({**RECORD, "r": 160})
    for raw in (NARROW.to_dict(arch), NARROW.code(arch), list(arch.values)):
        assert NARROW.read_with_resolution(raw) == (arch, None)


def test_what_parse_refuses_is_refused_beside_an_image_size_too():
    with pytest.raises(InvalidArchitecture) as caught:
        NARROW.read_with_resolution({**RECORD, "e": [5] + [3] * 19, "image_size": 5000})
    assert [p.dimension for p in caught.value.problems] == ["resolution", "expand_1_1"]
