"""The closed forms of TransNAS-Bench-101 against the published counts."""

import json
import random

import pytest

from navarch import NavarchError
from navarch.spaces import Cost, get_space

MICRO = get_space("transnas-micro")
MACRO = get_space("transnas-macro")
SPACES = pytest.mark.parametrize("space", [MICRO, MACRO], ids=lambda space: space.name)

MICRO_BACKBONES = {
    "64-41414-3_33_333": (41_411_616, 6_484_746_240),
    "64-41414-1_02_333": (22_520_608, 3_511_115_776),
    "64-41414-2_22_222": (4_645_920, 781_541_376),
    "64-41414-1_11_111": (540_960, 126_443_520),
    "64-41414-0_00_000": (19_488, 68_640_768),
}


@pytest.mark.parametrize("text", MICRO_BACKBONES)
def test_the_cells_cost_as_published(text):
    params, macs = MICRO_BACKBONES[text]
    cell = MICRO.parse(text)
    others = MICRO.other_costs(cell, classes=75)
    assert (others["backbone_params"], others["backbone_macs"]) == (params, macs)
    assert MICRO.cost(cell, classes=75) == Cost(params + 513 * 75, macs + 512 * 75)


def test_the_outlines_cost_as_published():
    costs = {
        digits: MACRO.other_costs(MACRO.parse(f"64-{digits}-basic"), classes=75)
        for digits in ("1234", "2311", "4111")
    }
    assert costs["1234"]["backbone_params"] == 3_400_224
    assert costs["1234"]["backbone_macs"] == 3_061_538_816
    assert costs["2311"]["backbone_params"] == 2_334_240
    assert costs["4111"]["backbone_params"] == 2_317_600
    assert costs["4111"]["backbone_macs"] == 1_866_948_608


def test_the_networks_of_all_tasks_have_the_published_parameters():
    cell = MICRO.parse("64-41414-3_33_333")
    classified = [MICRO.cost(cell, classes=classes).params for classes in (75, 47, 9)]
    assert classified == [41_450_091, 41_435_727, 41_416_233]
    others = MICRO.other_costs(cell, classes=75)
    assert others["jigsaw_params"] == 46_020_616
    assert others["segmentation_params"] == 52_435_793
    assert others["normal_params"] == others["autoencoder_params"] == 64_283_475


def test_the_jigsaw_head_reads_the_channels_of_the_last_module():
    others = MACRO.other_costs(MACRO.parse("64-2311-basic"), classes=75)
    assert others["jigsaw_params"] - others["backbone_params"] == 9 * 128 * 1_000 + 1_000


def test_decoders_have_no_parameters_to_name_at_another_width():
    others = MICRO.other_costs(MICRO.parse("333333"), classes=75, skeleton={"width": 32})
    assert sorted(others) == ["backbone_macs", "backbone_params", "jigsaw_params"]


def test_every_ground_truth_record_is_met_exactly(shared_file):
    records = json.loads(shared_file("ground_truth/transnasbench101.json").read_text())["architectures"]
    assert len(records) > 10
    for record in records:
        cell = MICRO.parse(record["encoding"])
        _, in_channels, resolution, _ = record["input"]
        sizes = {"in_channels": in_channels, "resolution": resolution}
        if record["structure"] == "full":
            cost = MICRO.cost(cell, classes=record["num_classes"], **sizes)
        else:
            others = MICRO.other_costs(cell, classes=1, **sizes)
            cost = Cost(others["backbone_params"], others["backbone_macs"])
        assert cost == Cost(record["params"], record["macs"])


@SPACES
def test_the_published_input_is_the_default(space):
    arch = space.sample(random.Random(0))
    default = space.cost(arch, classes=75)
    assert default == space.cost(arch, classes=75, in_channels=3, resolution=224)
    assert default == space.cost(arch, classes=75, skeleton={"width": 64, "cells": 2})
    assert (space.input.classes, space.input.channels, space.input.resolution) == (75, 3, 224)


@SPACES
@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"classes": 0}, "classes must be an integer of at least 1, not 0"),
        ({"in_channels": 0}, "in_channels must be an integer of at least 1, not 0"),
        ({"skeleton": {"width": 0}}, "width must be an integer of at least 1, not 0"),
        ({"skeleton": {"depth": 2}}, "has no size 'depth' in its skeleton: known sizes are width, cells"),
    ],
)
def test_impossible_sizes_are_refused(space, sizes, message):
    arch = space.sample(random.Random(0))
    for method in (space.cost, space.other_costs, space.build):
        with pytest.raises(NavarchError, match=message):
            method(arch, **{"classes": 75, **sizes})
    with pytest.raises(NavarchError, match="resolution must be an integer of at least 1, not 0"):
        space.cost(arch, classes=75, resolution=0)
