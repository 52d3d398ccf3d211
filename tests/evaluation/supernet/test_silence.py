"""Inherited networks that are measured slowly, and such as fall silent while they are measured."""

import os
import time
from functools import partial
from pathlib import Path

import pytest

from navarch import NavarchError
from navarch.evaluation import Job, SupernetEvaluator, find_supernet
from navarch.evaluation.job import read_outcome, read_test_score
from navarch.evaluation.supernet import worker
from navarch.graph import inheriting
from navarch.graph.run import start_run
from navarch.graph.settings import load_settings
from navarch.memory import Memory

SILENT_S = 2.0
BATCHES = 8  # 400 training images and 1,200 to validate, 200 at a time


@pytest.fixture
def faulty(monkeypatch):
    """Let workers find the module that acts out faults."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=os.pathsep)
    return partial(SupernetEvaluator, images=400, device="cpu", silent_s=SILENT_S, fault_hook="faulty_worker")


@pytest.mark.slow
def test_a_scoring_that_is_slow_but_alive_is_kept(faulty, trained, space):
    with faulty(find_supernet(trained, space), space, fault="slow:600") as evaluator:
        outcome = evaluator.evaluate(space.parse("130010"), evaluator.task.fidelity(space.name), 0)
    assert (outcome.state, outcome.detail, outcome.cost.attempts) == ("complete", "", 1)
    assert outcome.cost.seconds > 2 * SILENT_S


@pytest.mark.slow
@pytest.mark.parametrize("stuck_at", [1, 5], ids=["statistics", "validation"])
def test_a_stuck_scoring_becomes_a_row_long_before_its_deadline(
    faulty, trained, tmp_path, monkeypatch, stuck_at
):
    monkeypatch.setattr(
        inheriting,
        "SupernetEvaluator",
        partial(SupernetEvaluator, fault_hook="faulty_worker", fault=f"stuck_at:{stuck_at}"),
    )
    own = {"path": trained, "images": 400, "silent_s": SILENT_S, "timeout_s": 600.0, "device": "cpu"}
    begun = time.monotonic()
    flags = {"evaluator": "supernet", "supernet": own, "workflow": "random", "budget": {"trials": 1}}
    start_run(load_settings(None, {**flags, "db": tmp_path / "runs.db"}))
    with Memory.open(tmp_path / "runs.db", create=False) as memory:
        (row,) = memory.trials(memory.get_run("latest").run_id)
    assert (row.state, row.reason, row.cost["attempts"]) == ("failed", "timeout", 2)
    assert "silent for 2 s, once again" in row.detail
    assert 2 * SILENT_S < time.monotonic() - begun < 300.0


@pytest.mark.slow
def test_every_batch_of_a_scoring_is_a_sign_of_life(trained, space, tmp_path, monkeypatch):
    beats = []
    monkeypatch.setattr(worker, "start_beating", lambda folder: lambda: beats.append(folder))
    evaluator = SupernetEvaluator(find_supernet(trained, space), space, images=400, device="cpu")
    job = Job("t", space.parse("130010"), evaluator.task.fidelity(space.name), 0)
    worker.run_request(evaluator._request("search", job), tmp_path)
    assert read_outcome(tmp_path, "1:t").state == "complete"
    assert beats == [tmp_path] * BATCHES
    worker.run_request(evaluator._request("test", job), tmp_path)
    assert read_test_score(tmp_path, "2:t").accuracy > 0
    assert len(beats) == 2 * BATCHES + 6  # 1,191 test images


def test_a_silence_that_makes_no_sense_is_refused(trained, space):
    with pytest.raises(NavarchError, match="silence allowed to a trial is 0 seconds; give more than 0"):
        SupernetEvaluator(find_supernet(trained, space), space, silent_s=0)
