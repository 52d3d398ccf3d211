"""Once-for-All's accuracy predictor against the published outputs, and what is wrong with its file."""

import csv
import gzip
import json

import numpy as np
import pytest

from navarch import NavarchError
from navarch.evaluation import TableEvaluator, get_task
from navarch.evaluation.tables.ofa_predictor import AccuracyPredictor
from navarch.evaluation.tables.opening import TableError
from navarch.spaces import get_space

TASK = get_task("ofa-imagenet")
NARROW, WIDE = "ofa-mobilenetv3", "ofa-mobilenetv3-w1.2"


@pytest.fixture(scope="module")
def weights(shared_file):
    return shared_file("data/ofa_acc_predictor.npz")


@pytest.fixture(scope="module")
def predictor(weights):
    return AccuracyPredictor(weights)


def test_predictions_are_those_of_the_published_predictor(shared_file, predictor):
    expected = json.loads(shared_file("ground_truth/ofa_accuracy_predictor.json").read_text())["named"]
    networks = json.loads(shared_file("ground_truth/ofa_mbv3.json").read_text())["architectures"]
    encodings = {network["name"]: network["encoding"] for network in networks}
    compared = 0
    for record in expected:
        if record["name"] in encodings:
            space = get_space(WIDE if record["width_mult"] == 1.2 else NARROW)
            architecture, size = space.read_with_resolution(encodings[record["name"]])
            assert size == record["image_size"]
            predicted = predictor.predict(architecture.values, size)
            assert predicted == pytest.approx(100 * record["predicted_top1"], abs=1e-4)
            compared += 1
    assert compared >= 3


def test_predictions_are_those_of_5000_sampled_networks(shared_file, predictor):
    space = get_space(WIDE)
    with gzip.open(shared_file("data/ofa_latency.csv.gz"), "rt") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5_000
    for row in rows[::10]:
        record = {key: [int(n) for n in row[key].split("-")] for key in ("ks", "e", "d")}
        architecture, size = space.read_with_resolution({**record, "r": int(row["r"])})
        assert predictor.predict(architecture.values, size) == pytest.approx(
            100 * float(row["acc_pred"]), abs=1e-3
        )


@pytest.mark.parametrize("name", [NARROW, WIDE])
def test_an_outcome_is_a_prediction_with_exact_costs_and_no_test(weights, predictor, name):
    space = get_space(name)
    table = TableEvaluator(weights, TASK, space)
    architecture = space.parse({"ks": [3] * 20, "e": [6] * 20, "d": [4] * 5, "r": 224})
    outcome = table.evaluate(architecture, TASK.fidelity(name), 0)
    assert outcome.objectives["val_accuracy"] == predictor.predict(architecture.values, 224)
    assert outcome.objectives["macs"] == space.cost(architecture, classes=1000).macs
    assert table.test(architecture, TASK.fidelity(name), 0, split="test") is None
    assert "predictions" in table.notes[0]
    assert any(WIDE in note for note in table.notes) == (name == NARROW)


def test_another_space_is_refused_with_both_widths(tmp_path):
    with pytest.raises(NavarchError, match=f"'{NARROW}' or '{WIDE}', not of 'darts'"):
        TableEvaluator(tmp_path / "x.npz", TASK, get_space("darts"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found.pop("w2"), ["w2"]),
        (lambda found: found.update(b1=np.zeros(3)), ["'b1'", "(3,)", "(400,)"]),
        (lambda found: found.update(b3=np.array([np.nan])), ["'b3'", "nan"]),
        (lambda found: found.update(b3=np.array([{}], dtype=object)), ["predictor"]),
    ],
)
def test_what_is_wrong_with_the_weights_is_said(weights, tmp_path, change, words):
    with np.load(weights) as stored:
        found = dict(stored)
    change(found)
    np.savez(tmp_path / "bad.npz", **found)
    with pytest.raises(TableError) as refused:
        AccuracyPredictor(tmp_path / "bad.npz")
    for word in ["bad.npz", *words]:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    "damage", [lambda raw: b"", lambda raw: raw[:5000], lambda raw: b"PK" + raw[:90], None]
)
def test_a_damaged_or_missing_file_is_one_sentence(weights, tmp_path, damage):
    path = tmp_path / "bad.npz"
    if damage is not None:
        path.write_bytes(damage(weights.read_bytes()))
    with pytest.raises(TableError, match=r"bad\.npz"):
        AccuracyPredictor(path)
