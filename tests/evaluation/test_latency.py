"""Tables of latencies: published and of a user's own, and the limit that they allow."""

import csv
import gzip
import json
from dataclasses import replace

import pytest

from navarch.evaluation import Limits, open_latency, static_check
from navarch.evaluation.tables.latency import devices_of
from navarch.evaluation.tables.layer_latency import network_keys
from navarch.evaluation.tables.opening import TableError
from navarch.spaces import get_space
from navarch.spaces.obfuscated import ObfuscatedSpace
from navarch.spaces.ofa.chain import find_widths, stage_blocks

WIDE = "ofa-mobilenetv3-w1.2"


@pytest.fixture
def write(tmp_path):
    def write(*lines):
        path = tmp_path / "latency.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.fixture(scope="module")
def phone(shared_file):
    return shared_file("data/ofa_note10_latency_lut.json.gz")


def test_an_index_is_the_architecture_of_the_table_of_accuracies(shared_file, space):
    path, accuracies = shared_file("data/nb201_latency.csv.gz"), shared_file("data/nb201.csv.gz")
    assert len(devices_of(path, space)) == 27
    latency = open_latency(path, space, "pixel3", accuracy_table=accuracies)
    assert latency.device == "pixel3"
    assert latency.of(space.parse("421211")) == 3.60585  # index 0
    assert latency.of(space.parse("334131")) == 17.2381  # index 1
    with pytest.raises(TableError, match="by index alone"):
        open_latency(path, space, "pixel3")


def test_an_unknown_device_is_named_with_close_matches(shared_file, space):
    path = shared_file("data/nb201_latency.csv.gz")
    with pytest.raises(TableError, match=r"device 'pixel4': did you mean 'pixel3' or 'pixel2'"):
        open_latency(path, space, "pixel4")
    with pytest.raises(TableError, match=r"device 'abacus': it has '1080ti_1'"):
        open_latency(path, space, "abacus")
    with pytest.raises(TableError, match=r"27 devices: choose one by --set limits\.device=NAME"):
        open_latency(path, space, None)


def test_a_phones_latency_is_the_sum_of_the_layers(phone):
    space = get_space(WIDE)
    with gzip.open(phone) as file:
        layers = json.load(file)
    smallest = space.parse({"ks": [3] * 20, "e": [3] * 20, "d": [2] * 5, "r": 160})
    largest = space.parse({"ks": [7] * 20, "e": [6] * 20, "d": [4] * 5, "r": 224})
    latency = open_latency(phone, space, None)
    assert latency.device == "note10"
    for architecture, side, depth in ((smallest, 160, 2), (largest, 224, 4)):
        blocks = [b for stage in stage_blocks(find_widths(120), architecture.values) for b in stage]
        keys = list(network_keys(find_widths(120), blocks, side))
        assert len(keys) == 1 + 1 + 5 * depth + 4
        assert latency.of(architecture) == pytest.approx(sum(layers[str(side)][key] for key in keys))
    assert 9 < latency.of(smallest) < 11 < 90 < latency.of(largest) < 95


def test_layers_of_another_width_are_refused(phone):
    with pytest.raises(TableError, match=f"layers of '{WIDE}', not of 'ofa-mobilenetv3'"):
        open_latency(phone, get_space("ofa-mobilenetv3"), None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tables: tables.pop("192"), ["resolution 192"]),
        (lambda tables: tables["176"].popitem(), ["no layer", "resolution 176"]),
        (lambda tables: tables["160"].update(dict.fromkeys(tables["160"], -1)), ["is -1", "resolution 160"]),
        (lambda tables: tables.update({"160": 3}), ["object for each resolution"]),
    ],
)
def test_what_is_wrong_with_a_table_of_layers_is_said(phone, tmp_path, change, words):
    with gzip.open(phone) as file:
        tables = json.load(file)
    change(tables)
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(tables))
    with pytest.raises(TableError) as refused:
        open_latency(path, get_space(WIDE), None)
    for word in ["bad.json", *words]:
        assert word in str(refused.value)


def test_rows_of_sampled_networks_are_read_where_the_space_offers_their_resolution(shared_file):
    path, space = shared_file("data/ofa_latency.csv.gz"), get_space(WIDE)
    latency = open_latency(path, space, "v100_1")
    with gzip.open(path, "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["r"] == "224"]
    assert len(rows) == 220
    for row in rows[::20]:
        lists = {key: [int(n) for n in row[key].split("-")] for key in ("ks", "e", "d")}
        assert latency.of(space.parse({**lists, "r": 224})) == float(row["v100_1"])
    assert latency.of(space.parse({"ks": [3] * 20, "e": [3] * 20, "d": [2] * 5, "r": 160})) is None


def test_a_table_of_ones_own_needs_no_device_when_it_has_one(write, space):
    latency = open_latency(write("architecture,my phone", "111111,2.5"), space, None)
    assert (latency.device, latency.of(space.parse("111111"))) == ("my phone", 2.5)
    assert latency.of(space.parse("222222")) is None


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["architecture,p", "111111,-1"], ["Row 1 (line 2)", "p = '-1'", "of at least 0"]),
        (["architecture,p", "111111,1", "222222,nan"], ["Row 2 (line 3)", "'nan'"]),
        (["architecture,p", "111111,inf"], ["Row 1", "'inf'"]),
        (["architecture,p", "111111,1", "111111,2"], ["Row 2", "repeats", "row 1"]),
        (["architecture,p", "64-41414-1_11_111,1"], ["Row 1", "no architecture of 'nas-bench-201'"]),
        (["architecture,val_accuracy", "111111,1"], ["no column of a device"]),
        (["architecture,p"], ["no latency of an architecture"]),
    ],
)
def test_what_is_wrong_with_a_table_of_latencies_is_said(write, space, lines, words):
    with pytest.raises(TableError) as refused:
        open_latency(write(*lines), space, None)
    for word in ["latency.csv", *words]:
        assert word in str(refused.value)


def test_the_limit_refuses_what_is_slower_or_unknown_also_in_a_hidden_space(write, space, digits):
    latency = open_latency(write("architecture,p", "111111,2.5", "222222,4"), space, "p")
    limits, fidelity = Limits(None, None, 3.0, latency), digits.fidelity(space.name)
    hidden = ObfuscatedSpace(space, 7)
    for shown, hide in ((space, lambda a: a), (hidden, hidden.hide)):
        fast, slow, unknown = (hide(space.parse(code)) for code in ("111111", "222222", "333333"))
        assert static_check(shown, fast, digits, fidelity, limits) is None
        over = static_check(shown, slow, digits, fidelity, limits)
        assert str(over) == "4.0 ms of latency, above the limit of 3.0"
        refused = static_check(shown, unknown, digits, fidelity, limits)
        assert refused.as_dict()["code"] == "too-much-latency"
        assert "not known" in str(refused)
        assert static_check(shown, unknown, digits, fidelity, replace(limits, max_latency_ms=None)) is None
    assert limits.admits(1, 1, 3.0)
    assert not limits.admits(1, 1, 3.1)
    assert not limits.admits(1, 1)
