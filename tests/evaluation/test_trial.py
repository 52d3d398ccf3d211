"""What a trial's process does with what goes wrong inside it."""

import weakref
from dataclasses import replace

import pytest

from navarch.evaluation import Job, trial
from navarch.evaluation.job import BadReplyError, Request, read_outcome, read_test_score, write_reply


@pytest.fixture
def request_of(space, tiny):
    def make(action="search"):
        return Request(action, "1:t", "digits", "cpu", Job("t", space.parse("130010"), tiny, 0))

    return make


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "oom"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), "oom"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "oom"),
        (OSError(12, "Cannot allocate memory"), "oom"),
        (trial.BuildError("odd"), "build"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "crashed"),
        (ValueError("out of memory"), "crashed"),
    ],
)
def test_an_exception_has_one_reason(error, reason):
    assert trial.name_reason(error) == reason


def test_an_error_that_came_of_too_little_memory_is_out_of_memory():
    def record():
        try:
            raise MemoryError
        finally:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    with pytest.raises(RuntimeError) as caught:
        record()
    assert trial.name_reason(caught.value) == "oom"


def test_a_network_that_cannot_be_built_fails_as_build(request_of, tmp_path, monkeypatch):
    class Broken:
        def input_side(self, _architecture, side):
            return side

        def build(self, *_args, **_kwargs):
            raise ValueError("no such operation")

    monkeypatch.setattr(trial, "get_space", lambda name: Broken())
    trial.run_request(request_of(), tmp_path)
    outcome = read_outcome(tmp_path, "1:t")
    assert (outcome.reason, outcome.detail) == ("build", "ValueError: no such operation")


@pytest.mark.parametrize(("failures", "state"), [(1, "complete"), (2, "failed")])
def test_a_trial_out_of_memory_is_trained_once_more_with_half_the_batch(
    request_of, tmp_path, monkeypatch, failures, state
):
    batches, original = [], trial.train_network

    def train(network, data, recipe, **settings):
        batches.append((recipe.batch_size, recipe.peak_lr))
        if len(batches) <= failures:
            raise MemoryError
        return original(network, data, recipe, **settings)

    monkeypatch.setattr(trial, "train_network", train)
    trial.run_request(request_of(), tmp_path)
    outcome = read_outcome(tmp_path, "1:t")
    assert batches == [(25, 0.15), (12, 0.075)]
    assert (outcome.state, outcome.reason) == (state, None if failures == 1 else "oom")
    assert failures == 2 or "out of memory with batches of 25 images: trained with 12" in outcome.detail


def test_a_second_training_finds_nothing_of_the_first_network_in_memory(request_of, tmp_path, monkeypatch):
    first, original = [], trial.train_network

    def train(network, data, recipe, **settings):
        if not first:
            first.extend(weakref.ref(tensor) for tensor in (*network.parameters(), *network.buffers()))
            raise MemoryError
        assert [tensor() for tensor in first if tensor() is not None] == []
        return original(network, data, recipe, **settings)

    monkeypatch.setattr(trial, "train_network", train)
    trial.run_request(request_of(), tmp_path)
    assert first
    assert read_outcome(tmp_path, "1:t").state == "complete"


def test_a_set_smaller_than_a_batch_is_halved_itself(request_of, tmp_path, monkeypatch):
    sizes, data = [], trial.load_search_data(trial.get_task("digits"))
    few = replace(data, train_images=data.train_images[:10], train_labels=data.train_labels[:10])
    monkeypatch.setattr(trial, "shared_data", lambda _task: few)

    def train(_network, _data, recipe, **_settings):
        sizes.append(recipe.batch_size)
        raise MemoryError

    monkeypatch.setattr(trial, "train_network", train)
    trial.run_request(request_of(), tmp_path)
    assert sizes == [25, 5]


def test_the_images_are_read_once_for_all_forks(request_of, tmp_path, monkeypatch):
    read, original = [], trial.load_search_data
    monkeypatch.setattr(trial, "load_search_data", lambda task: read.append(task.name) or original(task))
    trial.shared_data.cache_clear()
    trial.warm_up("digits")
    trial.run_request(request_of("test"), tmp_path)
    assert read == ["digits"]


def test_the_final_test_gives_signs_of_life_too(request_of, tmp_path, monkeypatch):
    beats, original = [], trial.load_test_data

    def load(task, *, split):
        beats.clear()  # those of the training
        return original(task, split=split)

    monkeypatch.setattr(trial, "start_beating", lambda folder: lambda: beats.append(folder))
    monkeypatch.setattr(trial, "load_test_data", load)
    trial.run_request(request_of("test"), tmp_path)
    assert read_test_score(tmp_path, "1:t").accuracy > 0
    assert len(beats) == 6  # 1,191 images, 200 at a time


def test_a_test_that_fails_leaves_an_outcome_instead_of_a_score(request_of, tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise MemoryError

    monkeypatch.setattr(trial, "shared_data", refuse)
    trial.run_request(request_of("test"), tmp_path)
    assert read_test_score(tmp_path, "1:t").reason == "oom"


def test_a_request_survives_json(request_of):
    import json

    request = request_of()
    assert Request.from_dict(json.loads(request.encode())) == request


def test_a_request_that_is_too_large_is_refused(space, tiny):
    request = Request("search", "x" * 70_000, "digits", "cpu", Job("t", space.parse("130010"), tiny, 0))
    with pytest.raises(ValueError, match="65536"):
        request.encode()


def test_a_reply_is_whole_or_not_there(tmp_path):
    write_reply(tmp_path, "1:t", {"accuracy": 1.0, "val_accuracy": 2.0, "seconds": 3.0})
    assert [path.name for path in tmp_path.iterdir()] == ["reply.json"]
    assert read_test_score(tmp_path, "1:t").val_accuracy == 2.0


@pytest.mark.parametrize("body", [{}, {"accuracy": "x", "val_accuracy": 1, "seconds": 1}, {"accuracy": 1.0}])
def test_a_reply_that_is_no_score_is_refused(tmp_path, body):
    write_reply(tmp_path, "1:t", body)
    with pytest.raises(BadReplyError, match="test score"):
        read_test_score(tmp_path, "1:t")
