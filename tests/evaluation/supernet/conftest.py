"""Trains small supernets; one that is only read, `trained`, is made in `tests/conftest.py`."""

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
