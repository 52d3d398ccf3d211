"""A training that goes on from kept weights is the one that was never interrupted; a bad file is no error."""

import os
from dataclasses import replace

import pytest
import torch
from torch import nn

from navarch.evaluation import Fidelity, Job, tensor_file, trial
from navarch.evaluation.continuation import find_start, keep_state
from navarch.evaluation.evaluator import Continuation
from navarch.evaluation.job import Request, read_outcome
from navarch.evaluation.recipe import TrainRecipe
from navarch.evaluation.task_data import SearchData
from navarch.evaluation.train import train_network

SGD = TrainRecipe(
    batch_size=16, peak_lr=0.1, weight_decay=5e-4, warmup=0.2, shift=1, val_points=4, bf16=False
)
RECIPES = {
    "sgd": SGD,
    "adamw": replace(SGD, optimizer="adamw", peak_lr=0.01, clip_norm=1.0, flip=True, cutout=8),
    "drop-path": replace(SGD, drop_path=0.5, drop_path_ramps=True, crop_padding=4),
    "step": replace(SGD, schedule="step", lr_factor=0.5, warmup=0.0, warmup_epochs=1.0, epochs=4),
}
CPU = torch.device("cpu")
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")),
]
SMALL = {"width": 4, "cells": 1}


class Noisy(nn.Module):
    """A network with statistics that draws chance itself, as drop-path and dropout do."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(256, 2)
        self.drop_path = 0.0

    def forward(self, images):
        hidden = self.body(images)
        if self.training and self.drop_path:
            hidden = hidden * (torch.rand(len(hidden), 1, device=hidden.device) > self.drop_path)
        return self.head(hidden)


@pytest.fixture(scope="module")
def data():
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (64, 1, 8, 8), generator=chance, dtype=torch.uint8)
    return SearchData(images, torch.arange(64) % 2, images[:32], torch.arange(32) % 2)


def train(data, recipe, epochs, *, start=None, device=CPU):
    torch.manual_seed(7)
    network = Noisy()
    if start is not None:
        torch.manual_seed(99)  # what a process has drawn before it goes on must not matter
    trained = train_network(
        network, data, recipe, epochs=epochs, planned_epochs=4, seed=3, device=device, start=start
    )
    return network, trained


def copied(state):
    return replace(
        state,
        network={name: value.clone() for name, value in state.network.items()},
        optimizer=[value.clone() for value in state.optimizer],
    )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", RECIPES)
def test_two_epochs_and_two_more_are_the_same_as_four(data, name, device):
    device, recipe = torch.device(device), RECIPES[name]
    whole, trained = train(data, recipe, 4, device=device)
    _, first = train(data, recipe, 2, device=device)
    going_on, second = train(data, recipe, 4, start=copied(first.state), device=device)
    assert (second.start_epochs, second.epochs) == (2, 2)
    if device.type == "cpu":
        assert second.curve == trained.curve
        for key, value in whole.state_dict().items():
            assert torch.equal(going_on.state_dict()[key], value), key
        assert all(map(torch.equal, trained.state.optimizer, second.state.optimizer))
        assert torch.equal(trained.state.chance["order"], second.state.chance["order"])
    else:
        for key, value in whole.state_dict().items():
            torch.testing.assert_close(going_on.state_dict()[key], value)


def test_a_lower_rung_follows_the_schedule_of_the_whole(data):
    _, own = train(data, SGD, 4)
    _, cut = train(data, SGD, 2)
    assert cut.curve == own.curve[:2]
    assert [point.epoch for point in train(data, replace(SGD, val_points=1), 3)[1].curve] == [3]


def test_a_fidelity_says_what_its_schedule_is_planned_for():
    assert Fidelity(2).key() == '{"epochs":2,"skeleton":{}}'
    planned = Fidelity(2, {"width": 8}, 4)
    assert Fidelity.from_dict(planned.to_dict()) == planned
    assert (planned.planned_epochs, Fidelity(2).planned_epochs) == (4, 2)
    for wrong in (2, 1, True, 4.0):
        with pytest.raises(ValueError, match="schedule_epochs"):
            Fidelity(2, {}, wrong)


@pytest.fixture
def job(space, tmp_path):
    def make(epochs, *, load="", save="", seed=0, code="130010"):
        course = Continuation(
            str(tmp_path / load) if load else "", 1, 1, str(tmp_path / save) if save else ""
        )
        planned = None if epochs == 3 else 3
        return Job("t", space.parse(code), Fidelity(epochs, SMALL, planned), seed, course)

    return make


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Carry a job out in this process, on few images, as a worker does."""
    found = trial.load_search_data(trial.get_task("digits"))
    few = SearchData(found.train_images[:50], found.train_labels[:50], found.val_images, found.val_labels)
    monkeypatch.setattr(trial, "shared_data", lambda _task: few)

    def carry_out(job):
        trial.run_request(Request("search", "1:t", "digits", "cpu", job), tmp_path)
        return read_outcome(tmp_path, "1:t")

    return carry_out


def test_a_trial_goes_on_from_the_file_of_another_and_counts_its_own_epochs(job, run, tmp_path):
    whole = run(job(3))
    low = run(job(1, save="t1.pt"))
    high = run(job(3, load="t1.pt", save="t2.pt"))
    assert high.objectives == whole.objectives
    assert [point for point in high.curve if point in whole.curve] == list(whole.curve)
    assert (low.cost.epochs, low.cost.start_epochs, low.cost.continued_from) == (1, 0, None)
    assert (high.cost.epochs, high.cost.start_epochs, high.cost.continued_from) == (2, 1, 1)
    assert high.detail == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alive", "reply.json", "t1.pt", "t2.pt"]


def gone(path):
    path.unlink()


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-200])


def flipped(path):
    content = torch.load(path, weights_only=True)
    content["network"][next(iter(content["network"]))].view(-1)[0] += 1
    torch.save(content, path)


def a_folder(path):
    path.unlink()
    path.mkdir()


SPOILT = [gone, cut_short, flipped, a_folder]


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_file_that_cannot_be_used_means_training_anew_and_a_note(job, run, tmp_path, spoil):
    whole = run(job(3))
    run(job(1, save="t1.pt"))
    spoil(tmp_path / "t1.pt")
    outcome = run(job(3, load="t1.pt"))
    assert (outcome.state, outcome.objectives, outcome.curve) == ("complete", whole.objectives, whole.curve)
    assert (outcome.cost.epochs, outcome.cost.start_epochs, outcome.cost.continued_from) == (3, 0, None)
    assert outcome.detail.startswith("the weights of trial 1 cannot be used (")
    assert outcome.detail.endswith("): trained anew")


@pytest.mark.parametrize("other", [{"seed": 1}, {"code": "130011"}])
def test_weights_of_another_training_are_not_gone_on_from(job, run, other):
    run(job(1, save="t1.pt", **other))
    assert "(it is of another training)" in run(job(3, load="t1.pt")).detail


def test_weights_that_do_not_fit_the_network_or_torch_are_not_used(job, space, tmp_path, data):
    task, small = trial.get_task("digits"), trial.training_recipe(trial.get_task("digits"))
    _, trained = train(data, SGD, 1)
    asked = job(3, load="t1.pt", save="t1.pt")
    for state, why in (
        (replace(trained.state, network={"x": torch.ones(1)}), "it is of another network"),
        (replace(trained.state, optimizer=trained.state.optimizer[1:]), "it is of another network"),
        (replace(trained.state, chance={"order": torch.ones(3), "torch": torch.ones(3)}), "Error"),
        (replace(trained.state, epoch=3), "it has 3 epochs"),
    ):
        assert keep_state(asked, task.digest, state, is_halved=False) == ""
        start = find_start(asked, task.digest, Noisy(), small)
        assert (start.state, why in start.note) == (None, True), start.note


def test_weights_that_cannot_be_kept_cost_a_note_and_not_the_trial(job, run, monkeypatch):
    outcomes = [run(job(1, save="nowhere/t1.pt"))]
    monkeypatch.setattr(tensor_file, "digest_of", lambda _: bytearray(2**62))  # more than there is
    outcomes.append(run(job(1, save="t1.pt")))
    assert [outcome.state for outcome in outcomes] == ["complete"] * 2
    said = "its weights could not be kept "
    assert [outcome.detail for outcome in outcomes] == [
        said + "(No such file or directory)",
        said + "(MemoryError)",
    ]


def test_a_trial_that_had_to_halve_its_batch_goes_on_so(job, run, tmp_path, monkeypatch):
    batches, original = [], trial.train_network

    def once_too_large(network, data, recipe, **settings):
        batches.append(recipe.batch_size)
        if len(batches) == 1:
            raise MemoryError
        return original(network, data, recipe, **settings)

    monkeypatch.setattr(trial, "train_network", once_too_large)
    run(job(1, save="t1.pt"))
    outcome = run(job(3, load="t1.pt"))
    assert batches == [25, 12, 12]
    assert outcome.cost.start_epochs == 1
    assert "trained with 12" in outcome.detail


def test_a_continuation_that_runs_out_of_memory_begins_anew_with_half_the_batch(job, run, monkeypatch):
    starts, original = [], trial.train_network

    def too_large(network, data, recipe, *, start, **settings):
        starts.append(None if start is None else start.epoch)
        if start is not None:
            raise MemoryError
        return original(network, data, recipe, start=start, **settings)

    run(job(1, save="t1.pt"))
    monkeypatch.setattr(trial, "train_network", too_large)
    outcome = run(job(3, load="t1.pt"))
    assert starts == [1, None]
    assert (outcome.state, outcome.cost.epochs, outcome.cost.start_epochs) == ("complete", 3, 0)


def test_a_bar_that_is_missed_stops_a_trial_and_one_that_is_met_does_not(job, run, tmp_path):
    whole = run(job(3))
    reached = whole.curve[0].val_accuracy
    met = run(replace(job(3), bars=((1, reached),)))
    assert (met.state, met.curve) == ("complete", whole.curve)
    stopped = run(replace(job(3, save="t1.pt"), bars=((1, reached + 0.5), (3, 100.0))))
    assert (stopped.state, stopped.reason, stopped.curve) == ("pruned", None, whole.curve[:1])
    assert set(stopped.objectives) == {"params", "macs"}
    assert stopped.cost.epochs == 1
    assert stopped.detail == (
        f"stopped after epoch 1 of 3: its best validation accuracy was {reached:.2f} %, "
        f"and trials before it set the bar at {reached + 0.5:.2f} %"
    )
    assert not (tmp_path / "t1.pt").exists()


def test_a_bar_on_the_last_epoch_stops_nothing(job, run):
    assert run(replace(job(3), bars=((3, 100.0),))).state == "complete"


@pytest.mark.slow
def test_real_processes_hand_their_weights_on(rig, tmp_path):
    def evaluate(epochs, planned, /, **course):
        outcomes = []
        asked = Job(
            "t",
            rig.space.parse("130010"),
            Fidelity(epochs, {"width": 4, "cells": 1}, planned),
            0,
            Continuation(**course),
        )
        rig.evaluator._fault = ""
        rig.evaluator.evaluate_many(
            [asked],
            on_start=lambda job: None,
            on_outcome=lambda job, outcome: outcomes.append(outcome),
            should_stop=lambda: False,
        )
        return outcomes[0]

    whole = evaluate(2, None)
    low = evaluate(1, 2, save=str(tmp_path / "t1.pt"))
    high = evaluate(2, None, load=str(tmp_path / "t1.pt"), trial=1, epochs=1)
    assert low.curve[0] == whole.curve[0]
    assert (high.curve, high.objectives) == (whole.curve, whole.objectives)
    assert (high.cost.epochs, high.cost.continued_from) == (1, 1)
    assert os.listdir(tmp_path) == ["t1.pt"]
