"""A small supernet, trained once for all tests of the folder, and its evaluator."""

import pytest

from navarch.evaluation import get_task
from navarch.evaluation.supernet.train import plan_training, train_supernet
from navarch.spaces import get_space

SIZES = {"width": 4, "cells": 1}


def train(
    path,
    *,
    epochs=2,
    seed=0,
    space="nas-bench-201",
    sizes=SIZES,
    sampling="uniform",
    on_epoch=lambda end: None,
):
    about = plan_training(
        path,
        get_space(space),
        get_task("digits"),
        epochs=epochs,
        sampling=sampling,
        seed=seed,
        skeleton=sizes,
    )
    train_supernet(path, about, get_task("digits"), device="cpu", timeout_s=240.0, on_epoch=on_epoch)
    return path


@pytest.fixture(scope="session")
def train_one():
    return train


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    return train(tmp_path_factory.mktemp("supernet") / "cells.pt", epochs=1)
