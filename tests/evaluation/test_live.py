"""What a running trial tells of its epochs, and that nothing odd in the file stops whoever reads it."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.evaluation import Job
from navarch.evaluation.job import Request
from navarch.evaluation.live import Live, begin_live, end_live, read_live, teller
from navarch.evaluation.trial import run_request


def test_epochs_are_read_as_they_were_told(tmp_path):
    path = tmp_path / "3.jsonl"
    begin_live(path, 3)
    tell = teller(str(path))
    tell(1, 2.5, 20.0, None)
    tell(2, math.nan, 40.0, 35.5)
    live = read_live(path)
    assert (live.epochs, live.epoch, live.share) == (3, 2, 2 / 3)
    points = [
        (point.epoch, point.train_loss, point.train_accuracy, point.val_accuracy) for point in live.points
    ]
    assert points == [(1, 2.5, 20.0, None), (2, None, 40.0, 35.5)]
    assert live.began <= live.points[0].at <= live.points[1].at


def test_a_training_that_begins_anew_begins_its_curve_anew(tmp_path):
    path = tmp_path / "3.jsonl"
    begin_live(path, 4)
    tell = teller(str(path))
    for epoch in (1, 2, 1):
        tell(epoch, 1.0, 10.0 * epoch, None)
    assert [point.epoch for point in read_live(path).points] == [1]


def test_what_was_given_up_does_not_come_back(tmp_path):
    path = tmp_path / "3.jsonl"
    begin_live(path, 4)
    end_live(path)
    teller(str(path))(1, 1.0, 10.0, None)
    assert not path.exists()
    assert read_live(path) is None
    end_live(path)  # twice is fine


def test_a_folder_that_is_not_there_costs_nothing_but_the_view(tmp_path):
    begin_live(tmp_path / "no" / "3.jsonl", 4)
    teller("")(1, 1.0, 10.0, None)
    assert list(tmp_path.iterdir()) == []


def test_the_time_that_is_left_is_that_of_the_epochs_that_are_left():
    live = Live(4, 100.0)
    assert live.seconds_left(130.0) is None
    told = json.dumps({"epoch": 1, "at": 110.0, "train_loss": 1, "train_accuracy": 1, "val_accuracy": None})
    point = _read(f'{{"epochs": 4, "began": 100.0}}\n{told}\n'.encode())
    assert point.seconds_left(112.0) == 28.0
    assert point.seconds_left(400.0) == 0.0


def test_epochs_of_the_weights_that_a_trial_goes_on_from_are_none_of_its_own():
    head = '{"epochs": 9, "began": 100.0, "start": 3}'
    assert _read(f"{head}\n".encode()).share == 0.0
    live = _read(f'{head}\n{{"epoch": 4, "at": 110.0}}\n'.encode())
    assert (live.trained, live.share) == (1, 1 / 6)
    assert live.seconds_left(110.0) == pytest.approx(50.0)
    anew = _read(f'{head}\n{{"epoch": 1, "at": 110.0}}\n'.encode())  # the weights were lost
    assert (anew.trained, anew.share) == (1, 1 / 9)


def _read(content, folder=None):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "live"
        path.write_bytes(content)
        return read_live(path)


LINES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.fixed_dictionaries(
            {
                "epoch": st.integers(-1, 5) | st.text(max_size=2) | st.integers(10**400, 10**400 + 1),
                "at": st.floats() | st.integers(10**400, 10**400 + 1) | st.none() | st.booleans(),
                "val_accuracy": st.floats() | st.none() | st.text(max_size=2),
            }
        ).map(lambda data: json.dumps(data).encode()),
    ),
    max_size=6,
)


@given(
    head=st.sampled_from(
        [b"", b"{}", b"[", b'{"epochs": 4, "began": 1.5, "start": 2}', b'{"epochs": 0, "began": 1}']
    ),
    lines=LINES,
)
def test_whatever_is_in_the_file_is_read_or_passed_over(head, lines):
    live = _read(b"\n".join([head, *lines]))
    if live is None:
        assert b"began" not in head
        return
    assert 0.0 <= live.share <= 1.0
    epochs = [point.epoch for point in live.points]
    assert epochs == sorted(set(epochs))
    left = live.seconds_left(2.0)
    assert left is None or left >= 0.0
    assert all(point.val_accuracy is None or math.isfinite(point.val_accuracy) for point in live.points)


@pytest.mark.slow
def test_a_trial_tells_every_epoch_and_its_reply_is_the_same_without(tmp_path, space, digits, tiny):
    from navarch.evaluation import Fidelity
    from navarch.evaluation.job import read_outcome

    path = tmp_path / "1.jsonl"
    begin_live(path, 2)
    curves = []
    for live in (str(path), ""):
        folder = tmp_path / f"work{len(curves)}"
        folder.mkdir()
        job = Job("t", space.parse("130010"), Fidelity(2, tiny.skeleton), 0, live=live)
        request = Request.from_dict(json.loads(Request("search", "1:t", "digits", "cpu", job).encode()))
        assert request.job.live == live
        run_request(request, folder)
        curves.append(read_outcome(folder, "1:t").curve)
    assert curves[0] == curves[1]
    told = read_live(path).points
    assert [point.epoch for point in told] == [1, 2]
    assert {point.epoch: point.val_accuracy for point in told if point.val_accuracy is not None} == {
        point.epoch: point.val_accuracy for point in curves[0]
    }
