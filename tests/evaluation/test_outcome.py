import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.evaluation import CurvePoint, Outcome, TrialCost, failed, judge

COST = TrialCost(2.0, 1.5, 300.0, "cpu", 3, 1.9)
CURVE = (CurvePoint(1, 2.0, 30.0, 25.0), CurvePoint(3, 1.0, 60.0, 55.0))
GOOD = Outcome("complete", None, "", {"val_accuracy": 55.0, "params": 10.0, "macs": 20.0}, CURVE, COST)


def test_a_good_outcome_passes_unchanged():
    assert judge(GOOD) is GOOD


@pytest.mark.parametrize("accuracy", [math.nan, math.inf, -math.inf, -0.1, 100.1])
def test_an_accuracy_that_cannot_be_is_diverged_and_keeps_curve_and_cost(accuracy):
    judged = judge(replace(GOOD, objectives={**GOOD.objectives, "val_accuracy": accuracy}))
    assert (judged.state, judged.reason, judged.objectives) == ("failed", "diverged", {})
    assert (judged.curve, judged.cost) == (CURVE, COST)


@pytest.mark.parametrize("name", ["val_accuracy", "params", "macs"])
def test_a_missing_objective_is_diverged_and_named(name):
    kept = {key: value for key, value in GOOD.objectives.items() if key != name}
    assert name in judge(replace(GOOD, objectives=kept)).detail


def test_a_curve_with_a_number_that_cannot_be_is_diverged():
    assert judge(replace(GOOD, curve=(CurvePoint(1, math.nan, 10.0, 10.0),))).reason == "diverged"


def test_a_failed_outcome_without_a_reason_is_crashed():
    assert judge(replace(GOOD, state="failed")).reason == "crashed"


def test_a_long_detail_keeps_its_tail():
    assert failed("crashed", "a" * 9_000 + "the end").detail.endswith("the end")
    assert len(failed("crashed", "a" * 9_000).detail) == 4_000


@given(
    loss=st.floats(),
    accuracy=st.floats(),
    state=st.sampled_from(["complete", "pruned", "failed"]),
)
def test_what_is_judged_complete_has_only_finite_numbers(loss, accuracy, state):
    curve = (CurvePoint(1, loss, accuracy, accuracy),)
    judged = judge(Outcome(state, None, "", {**GOOD.objectives, "val_accuracy": accuracy}, curve, COST))
    if judged.state == "complete":
        assert 0.0 <= judged.objectives["val_accuracy"] <= 100.0
        json.dumps(judged.to_dict(), allow_nan=False)
    else:
        assert judged.state == "pruned" or judged.objectives == {}


def test_an_outcome_survives_json():
    assert Outcome.from_dict(json.loads(json.dumps(GOOD.to_dict(), allow_nan=False))) == GOOD


def test_a_curve_that_diverged_survives_json():
    curve = (CurvePoint(1, math.inf, 10.0, 10.0),)
    text = json.dumps(failed("diverged", "", curve=curve).to_dict(), allow_nan=False)
    assert math.isnan(Outcome.from_dict(json.loads(text)).curve[0].train_loss)


@pytest.mark.parametrize("field", ["state", "reason", "detail", "objectives", "curve", "cost"])
@pytest.mark.parametrize("value", [3, "odd", [1], {"a": "b"}])
def test_data_that_is_no_outcome_is_refused(field, value):
    data = GOOD.to_dict()
    if (field, value) == ("detail", "odd"):
        return
    with pytest.raises(ValueError, match=r".+"):
        Outcome.from_dict({**data, field: value})
