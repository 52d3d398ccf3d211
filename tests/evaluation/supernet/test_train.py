"""A supernet is trained in a process of its own, can be killed and goes on, and says what is wrong before it starts."""

import copy
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from navarch import NavarchError
from navarch.evaluation import Training, get_task, prepare_task
from navarch.evaluation.supernet.optimizing import make_optimizer
from navarch.evaluation.supernet.plan import make_phases
from navarch.evaluation.supernet.sampling import BINS, PathSampler
from navarch.evaluation.supernet.train import plan_training, train_supernet
from navarch.evaluation.supernet.weights import read_weights, write_weights
from navarch.evaluation.task_data import training_recipe
from navarch.spaces import get_space

CPU_ONLY = pytest.mark.skipif(torch.cuda.is_available(), reason="promised for the CPU")


def plan(path, **changes):
    asked = {"epochs": 2, "sampling": "uniform", "seed": 0, "skeleton": {"width": 4, "cells": 1}} | changes
    space = get_space(asked.pop("space", "nas-bench-201"))
    return plan_training(path, space, get_task(asked.pop("task", "digits")), **asked)


def test_every_epoch_is_told_and_the_file_says_what_it_is_of(trained):
    about = read_weights(trained).about
    assert (about.space, about.task, about.done, about.is_finished) == ("nas-bench-201", "digits", 1, True)
    assert about.skeleton == {"width": 4, "cells": 1}
    assert read_weights(trained).state == {}


@CPU_ONLY
@pytest.mark.slow
def test_a_training_that_was_cut_after_an_epoch_ends_as_the_whole_one(train_one, tmp_path):
    path, whole = tmp_path / "cut.pt", train_one(tmp_path / "whole.pt")
    told = []

    def leave(end):
        told.append(end["epoch"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_one(path, on_epoch=leave)
    assert told == [1]
    train_one(path, on_epoch=lambda end: told.append(end["epoch"]))
    assert told in ([1, 2], [1])  # the second may have been written before the first was told
    assert read_weights(path).digest == read_weights(whole).digest


@pytest.mark.slow
def test_a_training_dies_with_its_driver_and_keeps_its_epochs(tmp_path, processes):
    path = tmp_path / "long.pt"
    script = (
        "from pathlib import Path\n"
        "from navarch.evaluation import get_task\n"
        "from navarch.evaluation.supernet.train import plan_training, train_supernet\n"
        "from navarch.spaces import get_space\n"
        f"path = Path({str(path)!r})\n"
        "about = plan_training(path, get_space('nas-bench-201'), get_task('digits'), epochs=1000,\n"
        "    sampling='uniform', seed=0, skeleton={'width': 4, 'cells': 1})\n"
        "tell = lambda end: print('epoch', flush=True)\n"
        "train_supernet(path, about, get_task('digits'), device='cpu', on_epoch=tell)\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    assert driver.stdout.readline() == "epoch\n"
    (server,) = map(int, processes.children(driver.pid))
    (worker,) = map(int, processes.children(server))
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    driver.stdout.close()
    assert processes.eventually(lambda: not processes.is_running(worker), 5.0)
    assert read_weights(path).about.done >= 1


@pytest.mark.slow
def test_a_deadline_ends_it_with_a_sentence(tmp_path):
    path = tmp_path / "slow.pt"
    about = plan(path, epochs=1000)
    begun = time.monotonic()
    with pytest.raises(NavarchError, match=r"stopped at its time limit of 0\.5 s.*same command goes on"):
        train_supernet(path, about, get_task("digits"), device="cpu", timeout_s=0.5)
    assert time.monotonic() - begun < 120


def test_the_rate_is_the_published_one_for_the_batch_else_the_recipe_s(tmp_path):
    sizes = {"stem": 4, "stage_1": 8, "stage_2": 12, "stage_3": 16, "stage_4": 20, "head": 24}
    known = plan(tmp_path / "a.pt", space="spos-shufflenetv2", skeleton=sizes, batch_size=512)
    assert (known.batch_size, known.peak_lr) == (512, 0.25)  # 0.5 for 1024
    assert plan(tmp_path / "b.pt", space="autoformer-small", skeleton={"patch": 4}).peak_lr == pytest.approx(
        5e-4 * 25 / 512
    )
    own = plan(tmp_path / "c.pt")
    assert (own.batch_size, own.peak_lr) == (25, 0.15)
    assert plan(tmp_path / "d.pt", peak_lr=0.01).peak_lr == 0.01


@pytest.mark.parametrize(
    ("space", "recipe", "expected"),
    [
        ("nas-bench-201", "autoformer", (1024, 1e-3, "AdamW", None)),
        ("nas-bench-201", "darts-cifar", (96, 0.025, "Sgd", False)),
        ("nas-bench-201", None, (25, 0.15, "Sgd", True)),
        ("spos-shufflenetv2", "autoformer", (1024, 0.5, "Sgd", True)),
    ],
)
def test_a_named_recipe_trains_a_supernet_where_nothing_is_published_for_the_space(
    tmp_path, space, recipe, expected
):
    task, sizes = prepare_task("digits", Training(recipe)), {"width": 4, "cells": 1}
    if space != "nas-bench-201":
        sizes = {"stem": 4, "stage_1": 8, "stage_2": 12, "stage_3": 16, "stage_4": 20, "head": 24}
    options = {"epochs": 1, "sampling": "uniform", "seed": 0, "skeleton": sizes, "resolution": 32}
    about = plan_training(tmp_path / "a.pt", get_space(space), task, **options)
    recipe = replace(training_recipe(get_task(about.task)), peak_lr=about.peak_lr)
    optimizer = make_optimizer(space, [torch.ones(2, 2, requires_grad=True)], recipe)
    inner = optimizer._optimizer
    found = (about.batch_size, about.peak_lr, type(inner).__name__, getattr(inner, "nesterov", None))
    assert found == expected


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"space": "darts"}, "'darts' has no supernet; these have: nas-bench-201"),
        ({"task": "nb201-cifar10"}, "has no images to train on"),
        ({"skeleton": {"breadth": 3}}, "no size 'breadth'"),
        ({"skeleton": {"width": 0}}, "at least 1"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(tmp_path, changes, sentence):
    with pytest.raises(NavarchError, match=sentence):
        plan(tmp_path / "new.pt", **changes)


def test_another_training_s_file_is_not_overwritten(trained, tmp_path):
    before = trained.read_bytes()
    with pytest.raises(NavarchError, match="holds a finished supernet"):
        plan(trained)
    assert trained.read_bytes() == before
    with pytest.raises(NavarchError, match="no folder"):
        plan(tmp_path / "nowhere" / "a.pt")


def test_a_training_that_an_earlier_version_began_is_refused(tmp_path):
    path = tmp_path / "older.pt"
    write_weights(path, replace(plan(path, epochs=2), done=1), {}, {"velocity": []})
    with pytest.raises(
        NavarchError, match="was begun by an earlier version; give another file, or remove it"
    ):
        plan(path, epochs=2)


def learner_of(images, labels, epochs):
    """Return what trains a new small supernet on images, in this process."""
    from navarch.evaluation.supernet.learning import Learner
    from navarch.evaluation.supernet.making import make_supernet
    from navarch.evaluation.task_data import SearchData

    task, space = get_task("digits"), get_space("nas-bench-201")
    torch.manual_seed(0)
    return Learner(
        make_supernet(space, task, {"width": 4, "cells": 1}),
        SearchData(images, labels, images, labels),
        make_phases(space.name, epochs),
        training_recipe(task),
        sampling="uniform",
        measure=lambda path: 1.0,
        seed=0,
        device=torch.device("cpu"),
    )


def test_shared_weights_learn_what_is_easy():
    chance = torch.Generator().manual_seed(0)
    images = torch.randint(0, 128, (100, 1, 12, 12), generator=chance, dtype=torch.uint8)
    labels = torch.arange(100) % 2
    images[labels == 1] += 128  # dark and bright
    losses = []
    learner_of(images, labels, 4).run(done=0, state={}, on_epoch=lambda end, _: losses.append(end.loss))
    assert len(losses) == 4
    assert min(losses) < 0.6 * losses[0]  # without a step all four are 2.2 to 2.4


def test_a_loss_that_is_no_number_is_said():
    from navarch.evaluation.supernet.learning import DivergedError

    images, labels = torch.zeros(50, 1, 12, 12, dtype=torch.uint8), torch.zeros(50, dtype=torch.int64)
    images[0] = 255
    learner = learner_of(images, labels, 1)
    with torch.no_grad():
        learner.supernet.read("classifier.weight").fill_(torch.nan)
    with pytest.raises(DivergedError, match="became nan in epoch 1"):
        learner.run(done=0, state={}, on_epoch=lambda end, state: None)


@CPU_ONLY
@pytest.mark.slow
def test_a_training_with_all_steps_of_autoformer_goes_on_as_if_it_had_not_stopped():
    from navarch.evaluation.recipe import find_recipe
    from navarch.evaluation.supernet.learning import Learner
    from navarch.evaluation.supernet.making import make_supernet
    from navarch.evaluation.task_data import SearchData

    space, chance = get_space("nas-bench-201"), torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (24, 1, 12, 12), generator=chance, dtype=torch.uint8)
    data = SearchData(images, torch.arange(24) % 10, images, torch.arange(24) % 10)

    def make_learner(**changes):
        torch.manual_seed(0)
        recipe = replace(find_recipe("autoformer"), batch_size=8, **changes)
        supernet = make_supernet(space, get_task("digits"), {"width": 4, "cells": 1})
        phases, measure = make_phases(space.name, 2), macs(space)
        options = {"sampling": "uniform", "measure": measure, "seed": 0, "device": torch.device("cpu")}
        return Learner(supernet, data, phases, recipe, **options)

    def ended(learner, done=0, state=None, stop=2):
        kept = []

        def keep(end, state):
            kept.append((end, copy.deepcopy(state), copy.deepcopy(learner.supernet.saved_weights())))
            if end.epoch == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            learner.run(done=done, state=state or {}, on_epoch=keep)
        return kept[-1]

    whole = ended(make_learner())
    _, state, weights = ended(make_learner(), stop=1)
    second = make_learner()
    second.supernet.load_weights(weights)
    again = ended(second, done=1, state=state)
    assert again[0] == whole[0]
    assert all(torch.equal(again[2][name], value) for name, value in whole[2].items())
    for left_out in (
        {"mixup": 0.0, "cutmix": 0.0},
        {"erasing": 0.0},
        {"rand_magnitude": 0.0},
        {"repeats": 1},
    ):
        assert ended(make_learner(**left_out))[0].loss != whole[0].loss, left_out


def macs(space):
    return lambda path: float(space.cost(path, classes=10).macs)


def shares(space, sampler, measure, edges, draws=1400):
    rng, counts = random.Random(1), [0] * BINS
    for _ in range(draws):
        size = measure(sampler.draw(rng))
        width = (edges[-1] - edges[0]) / BINS
        counts[min(BINS - 1, max(0, int((size - edges[0]) / width)))] += 1
    return [count / draws for count in counts]


@pytest.mark.slow
def test_sampling_by_size_makes_all_sizes_alike_and_uniform_sampling_does_not():
    space = get_space("spos-shufflenetv2")
    measure = macs(space)
    allowed = make_phases(space.name, 1)[0].allowed(space)
    by_size = PathSampler(space, allowed, "flops", measure)
    alike = shares(space, by_size, measure, by_size.edges, 350)
    plain = shares(space, PathSampler(space, allowed, "uniform", measure), measure, by_size.edges, 350)
    assert max(plain) > 0.25
    assert min(plain) < 0.02
    assert max(abs(share - 1 / BINS) for share in alike) < 0.09


def test_uniform_sampling_draws_every_option_of_every_edge_alike():
    space = get_space("nas-bench-201")
    sampler = PathSampler(space, make_phases(space.name, 1)[0].allowed(space), "uniform", macs(space))
    rng, draws = random.Random(0), 2000
    drawn = [sampler.draw(rng).values for _ in range(draws)]
    for position in range(6):
        for option in space.dimensions[0].names:
            share = sum(values[position] == option for values in drawn) / draws
            assert abs(share - 0.2) < 0.04
