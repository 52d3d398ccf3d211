import json
import math

import pytest

from navarch.evaluation import CurvePoint, Evaluated, Feedback, History, make_feedback
from navarch.evaluation.feedback import describe_curve


def evaluated(space, number, code, accuracy, **changes):
    values = {
        "number": number,
        "architecture": space.parse(code),
        "digest": code,
        "state": "complete" if accuracy is not None else "failed",
        "reason": None if accuracy is not None else "timeout",
        "detail": "",
        "val_accuracy": accuracy,
        "params": 100,
        "macs": 200,
        "curve": (),
        "seconds": 1.0,
    }
    return Evaluated(**{**values, **changes})


def curve(*points):
    return tuple(CurvePoint(epoch, 1.0, train, val) for epoch, train, val in points)


@pytest.fixture
def history(space):
    return History(
        space,
        [
            evaluated(space, 1, "333333", 70.0),
            evaluated(space, 2, "333330", 60.0),
            evaluated(space, 3, "111111", None),
            evaluated(space, 4, "000000", 10.0),
        ],
    )


def test_a_new_best_has_rank_one_and_a_positive_margin(space, history):
    feedback = make_feedback(evaluated(space, 5, "333331", 72.5), history)
    assert (feedback.rank, feedback.margin_to_best) == (1, 2.5)


def test_a_lesser_trial_has_its_rank_and_a_negative_margin(space, history):
    feedback = make_feedback(evaluated(space, 5, "333331", 65.0), history)
    assert (feedback.rank, feedback.margin_to_best) == (2, -5.0)


def test_the_first_trial_has_no_margin(space):
    feedback = make_feedback(evaluated(space, 1, "333331", 65.0), History(space))
    assert (feedback.rank, feedback.margin_to_best, feedback.neighbours) == (1, None, ())


def test_a_failed_trial_has_no_rank_but_its_reason(space, history):
    feedback = make_feedback(evaluated(space, 5, "333331", None), history)
    assert (feedback.rank, feedback.margin_to_best, feedback.reason) == (None, None, "timeout")


def test_the_record_itself_is_not_its_own_neighbour(space, history):
    record = evaluated(space, 5, "333331", 65.0)
    before = make_feedback(record, history)
    history.add(record)
    assert make_feedback(record, history) == before


def test_the_nearest_neighbours_come_first_with_what_differs(space, history):
    feedback = make_feedback(evaluated(space, 5, "333331", 65.0), history)
    nearest, second = feedback.neighbours[:2]
    assert (nearest.trial, nearest.distance, nearest.margin) == (2, 1, 5.0)  # of equally near ones the newer
    assert nearest.differences == (("edge_2_3", "none", "skip_connect"),)
    assert (second.trial, second.margin) == (1, -5.0)


def test_a_failed_neighbour_has_no_margin(space, history):
    feedback = make_feedback(evaluated(space, 5, "111110", 65.0), history)
    assert (feedback.neighbours[0].trial, feedback.neighbours[0].margin) == (3, None)


@pytest.mark.parametrize(
    ("points", "shape"),
    [
        ((), "none"),
        (((1, 10, 10),), "none"),
        (((3, 30, 30), (6, 50, 50), (9, 70, 60), (12, 80, 70)), "rising"),
        (((3, 30, 30), (6, 50, 50), (9, 70, 69.5), (12, 80, 70)), "flat"),
        (((3, 30, 30), (6, 50, 60), (9, 70, 58), (12, 99, 55)), "overfitting"),
        (((1, 30, 30), (2, 50, 60)), "rising"),
    ],
)
def test_the_shape_of_a_curve_is_named(points, shape):
    assert describe_curve(curve(*points)) == shape


def test_a_curve_that_ends_in_no_number_is_diverged():
    assert describe_curve((CurvePoint(1, math.nan, 10.0, 10.0),)) == "diverged"
    assert describe_curve((), "diverged") == "diverged"


def test_feedback_survives_json(space, history):
    feedback = make_feedback(evaluated(space, 5, "333331", 65.0), history)
    assert Feedback.from_dict(json.loads(json.dumps(feedback.to_dict()))) == feedback


@pytest.mark.parametrize("change", [{"neighbours": None}, {"curve_shape": "round"}, {"odd": 1}])
def test_data_that_is_no_feedback_is_refused(space, history, change):
    data = make_feedback(evaluated(space, 5, "333331", 65.0), history).to_dict()
    with pytest.raises(ValueError, match=r".+"):
        Feedback.from_dict({**data, **change})


def test_the_noise_of_an_accuracy_is_that_of_so_many_images(space, history):
    feedback = make_feedback(evaluated(space, 5, "333331", 50.0), history, val_images=2500)
    assert feedback.val_error == pytest.approx(1.0)
    assert Feedback.from_dict(feedback.to_dict()) == feedback
    assert make_feedback(evaluated(space, 5, "333331", None), history, val_images=2500).val_error is None
    assert make_feedback(evaluated(space, 5, "333331", 50.0), history).val_error is None


def test_a_record_of_an_earlier_version_without_noise_is_read(space, history):
    data = make_feedback(evaluated(space, 5, "333331", 65.0), history, val_images=100).to_dict()
    del data["val_error"]
    assert Feedback.from_dict(data).val_error is None


def test_where_the_noise_is_known_the_margin_is_told_in_units_of_it(space, history):
    record = evaluated(space, 5, "333331", 65.0)
    feedback = make_feedback(record, history, noise=2.0)
    assert (feedback.margin_to_best, feedback.margin_in_noise) == (-5.0, -2.5)
    assert Feedback.from_dict(json.loads(json.dumps(feedback.to_dict()))) == feedback


def test_where_the_noise_is_not_known_the_record_does_not_mention_it(space, history):
    record = make_feedback(evaluated(space, 5, "333331", 65.0), history)
    assert "margin_in_noise" not in record.to_dict()
    assert Feedback.from_dict(record.to_dict()) == record


def test_the_first_trial_has_no_margin_in_units_of_the_noise_either(space):
    assert (
        make_feedback(evaluated(space, 1, "333331", 65.0), History(space), noise=2.0).margin_in_noise is None
    )
