"""What the settings of training make of a run: its images wherever it is resumed, and sizes that can be trained."""

from types import SimpleNamespace

import numpy as np
import pytest

from navarch import NavarchError
from navarch.graph.assemble import make_recall, prepare
from navarch.graph.settings import Settings, settings_of


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"width": 0}, "greater than or equal to 1"),
        ({"width": 10**9}, "less than or equal to 1000000"),
        ({"width": 10**6}, "which nothing trains: give smaller sizes"),
        ({"legs": 3}, "no size 'legs'"),
    ],
)
def test_a_size_that_cannot_be_trained_is_refused_before_a_run(bench, sizes, said):
    with pytest.raises(NavarchError, match=said):
        bench.run(budget={"trials": 1}, train={"skeleton": sizes})
    assert not bench.db.exists()


def test_a_run_on_images_of_ones_own_is_resumed_from_another_folder(bench):
    bench.monkeypatch.setenv("NAVARCH_DATA", str(bench.folder / "data"))
    labels = np.arange(40) % 2
    np.savez(bench.folder / "own.npz", x_train=np.zeros((40, 8, 8), dtype=np.uint8), y_train=labels)

    def stop(_job):
        raise KeyboardInterrupt

    bench.prepare = lambda evaluator: setattr(evaluator, "before", stop)
    with pytest.raises(KeyboardInterrupt):
        bench.run(task="own.npz", budget={"trials": 1})
    with bench.memory() as memory:
        assert settings_of(memory.get_run("r1")).task == str(bench.folder / "own.npz")
    elsewhere = bench.folder / "elsewhere"
    elsewhere.mkdir()
    bench.monkeypatch.chdir(elsewhere)
    bench.prepare = lambda evaluator: None
    assert bench.resume().run.state == "finished"


def test_the_critic_reads_the_sizes_that_the_trials_have(bench):
    bench.run(budget={"trials": 2}, train={"skeleton": {"width": 4, "cells": 1}})
    with bench.memory() as memory:
        settings, trials = settings_of(memory.get_run("r1")), memory.trials("r1", round=1)
        rows = [
            row for row in memory.proposals("r1", round=1) if row.code in {trial.code for trial in trials}
        ]
        view = make_recall(settings, prepare(settings), memory, "r1").critic(1, rows)
    assert trials
    assert {(seen.code, seen.params, seen.macs) for seen in view.candidates} == {
        (trial.code, trial.params, trial.macs) for trial in trials
    }


def test_graphs_of_cuda_are_refused_on_a_cpu(bench):
    with pytest.raises(NavarchError, match=r"train\.device is cpu: leave it out"):
        bench.run(budget={"trials": 1}, train={"graphs": True, "device": "cpu"})
    assert not bench.db.exists()


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ("darts-cifar", "drops paths with a chance that grows"),
        ("autoformer", "mixes images"),
        ("ofa", "draws the side"),
    ],
)
def test_graphs_are_refused_where_a_step_changes_from_one_to_the_next(bench, recipe, why):
    bench.monkeypatch.setattr(
        "navarch.evaluation.device.choose_device", lambda _: SimpleNamespace(type="cuda")
    )
    with pytest.raises(NavarchError, match=why):
        bench.run(budget={"trials": 1}, train={"graphs": True, "recipe": recipe})
    assert not bench.db.exists()


def test_graphs_make_no_other_task_of_it(bench):
    bench.monkeypatch.setattr(
        "navarch.evaluation.device.choose_device", lambda _: SimpleNamespace(type="cuda")
    )
    plain, graphs = (prepare(Settings.model_validate({"train": {"graphs": on}})).task for on in (False, True))
    assert (plain.digest, plain.key != graphs.key) == (graphs.digest, True)
