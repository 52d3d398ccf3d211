"""Trials that inherit weights: what they say, that they repeat, that the test split stays sealed, and bad files."""

import os
import shutil

import pytest
import torch

from navarch import NavarchError
from navarch.evaluation import (
    Fidelity,
    Job,
    SupernetEvaluator,
    TestFailedError,
    TestScore,
    find_supernet,
    get_task,
    supernet_task,
)
from navarch.evaluation.job import Request
from navarch.evaluation.supernet import worker
from navarch.evaluation.supernet.weights import read_weights, write_weights
from navarch.spaces import get_space


@pytest.fixture(scope="module")
def evaluator(trained):
    space = get_space("nas-bench-201")
    with SupernetEvaluator(find_supernet(trained, space), space, images=400, device="cpu") as made:
        yield made


def ask(evaluator, action="search", code="130010", seed=0):
    job = Job("t", get_space("nas-bench-201").parse(code), evaluator.task.fidelity("nas-bench-201"), seed)
    return evaluator._request(action, job)


def test_a_trial_is_complete_repeats_and_knows_its_size(evaluator, space, digits):
    fidelity = evaluator.task.fidelity("nas-bench-201")
    cell = space.parse("130010")
    first, second = (evaluator.evaluate(cell, fidelity, 0) for _ in range(2))
    assert (first.state, first.reason, first.cost.epochs) == ("complete", None, 0)
    assert first.objectives == second.objectives
    cost = space.cost(cell, classes=10, in_channels=1, resolution=12, skeleton={"width": 4, "cells": 1})
    assert (first.objectives["params"], first.objectives["macs"]) == (cost.params, cost.macs)
    assert 0 < first.cost.train_seconds <= first.cost.seconds


def test_the_task_follows_the_weights(trained, tmp_path, space):
    file = find_supernet(trained, space)
    task = supernet_task(file, images=400)
    assert (task.name, task.evaluator) == (f"supernet:digits@{file.digest[:8]}", "supernet")
    assert task.fidelity("nas-bench-201") == Fidelity(1, {"width": 4, "cells": 1})
    stored = read_weights(trained)
    other = {**stored.weights, "shared.classifier/bias": stored.weights["shared.classifier/bias"] + 1}
    write_weights(tmp_path / "other.pt", stored.about, other, {})
    digests = {
        supernet_task(find_supernet(path, space), images=images).digest
        for path, images in ((trained, 400), (trained, 500), (tmp_path / "other.pt", 400))
    }
    assert len(digests) == 3
    assert get_task("digits").digest not in digests


def test_the_test_split_is_read_by_the_final_test_alone(evaluator, tmp_path, monkeypatch):
    def spy(task, *, split):
        raise AssertionError("the sealed split was read during the search")

    monkeypatch.setattr(worker, "load_test_data", spy)
    request = ask(evaluator)
    worker.run_request(request, tmp_path)
    assert '"state": "complete"' in (tmp_path / "reply.json").read_text()
    worker.run_request(ask(evaluator, "test"), tmp_path)
    assert "the sealed split was read" in (tmp_path / "reply.json").read_text()


def test_the_final_test_gives_a_score_of_the_same_weights(evaluator, space):
    fidelity = evaluator.task.fidelity("nas-bench-201")
    cell = space.parse("333333")
    score = evaluator.test(cell, fidelity, 0, split="test")
    assert isinstance(score, TestScore)
    assert score.val_accuracy == evaluator.evaluate(cell, fidelity, 0).objectives["val_accuracy"]
    assert 0 < score.accuracy <= 100


@pytest.mark.slow
def test_weights_that_change_during_a_search_fail_its_trials_and_its_test(trained, tmp_path, space):
    path = tmp_path / "moving.pt"
    shutil.copy(trained, path)
    with SupernetEvaluator(find_supernet(path, space), space, images=400, device="cpu") as evaluator:
        stored = read_weights(path)
        write_weights(path, stored.about, {**stored.weights, "shared.classifier/bias": torch.zeros(10)}, {})
        fidelity, cell = evaluator.task.fidelity("nas-bench-201"), space.parse("130010")
        outcome = evaluator.evaluate(cell, fidelity, 0)
        assert (outcome.state, outcome.reason) == ("failed", "crashed")
        assert "has changed since the search began" in outcome.detail
        path.unlink()
        with pytest.raises(TestFailedError, match="cannot be read"):
            evaluator.test(cell, fidelity, 0, split="test")


def test_a_job_that_the_weights_do_not_fit_is_invalid(evaluator, space):
    fidelity = evaluator.task.fidelity("nas-bench-201")
    odd = evaluator.evaluate(space.parse("130010"), Fidelity(1, {"width": 5, "cells": 1}), 0)
    assert (odd.state, odd.reason) == ("failed", "invalid")
    assert "was trained with the skeleton" in odd.detail
    alien = evaluator.evaluate(get_space("nats-size").parse("8:8:8:8:8"), fidelity, 0)
    assert (alien.state, alien.reason) == ("failed", "invalid")


@pytest.mark.slow
def test_images_are_brought_to_the_resolution_of_the_training(trained, tmp_path, space):
    from dataclasses import replace

    stored = read_weights(trained)
    path = tmp_path / "larger.pt"
    write_weights(path, replace(stored.about, resolution=24), stored.weights, {})
    with SupernetEvaluator(find_supernet(path, space), space, images=200, device="cpu") as evaluator:
        fidelity, cell = evaluator.task.fidelity("nas-bench-201"), space.parse("333333")
        larger = evaluator.evaluate(cell, fidelity, 0)
    assert evaluator.task.resolution == 24
    small = space.cost(cell, classes=10, in_channels=1, resolution=12, skeleton={"width": 4, "cells": 1})
    assert larger.objectives["macs"] > 3 * small.macs


def test_the_worker_s_request_names_the_weights_and_travels(evaluator, trained):
    request = ask(evaluator)
    assert Request.from_dict(request.to_dict()) == request
    assert request.call["digest"] == read_weights(trained).digest
    assert os.path.isabs(request.call["path"])


@pytest.mark.parametrize("fault", ["other space", "unfinished", "other data", "no supernet"])
def test_weights_that_do_not_fit_are_one_sentence(trained, tmp_path, fault):
    from dataclasses import replace

    stored, space = read_weights(trained), get_space("nas-bench-201")
    path = tmp_path / "odd.pt"
    about, sentence = {
        "other space": (replace(stored.about, space="spos-shufflenetv2"), "use --space spos-shufflenetv2"),
        "unfinished": (replace(stored.about, done=0), "has 0 of 1 epochs"),
        "other data": (replace(stored.about, task_digest="f" * 16), "and that is now"),
        "no supernet": (stored.about, "has no supernet"),
    }[fault]
    write_weights(path, about, stored.weights, {})
    with pytest.raises(NavarchError, match=sentence):
        find_supernet(path, get_space("darts") if fault == "no supernet" else space)
