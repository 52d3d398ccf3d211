"""An evaluator with a fault hook, shared by the tests of a module: one server start for all of them."""

from pathlib import Path

import pytest
import torch

from navarch.evaluation import Fidelity, Job, TrainEvaluator, get_task
from navarch.spaces import get_space

torch.set_num_threads(1)  # as in a worker; more threads only fight each other on tiny networks
TINY = Fidelity(epochs=1, skeleton={"width": 4, "cells": 1})


@pytest.fixture(scope="session")
def space():
    return get_space("nas-bench-201")


@pytest.fixture(scope="session")
def digits():
    return get_task("digits")


@pytest.fixture(scope="session")
def tiny():
    return TINY


class Rig:
    """Drive a train evaluator whose trials act out faults."""

    def __init__(self, **settings):
        settings = {"slots": 2, "device": "cpu", "timeout_s": 120.0, "memory_mb": 1024, **settings}
        self.evaluator = TrainEvaluator(get_task("digits"), fault_hook="faulty_worker", **settings)
        self.space = get_space("nas-bench-201")

    def run(self, fault="", *, code="130010", seed=0, fidelity=TINY, timeout_s=120.0):
        self.evaluator._fault = fault
        self.evaluator._pool.timeout_s = timeout_s
        return self.evaluator.evaluate(self.space.parse(code), fidelity, seed)

    def test(self, fault="", *, code="130010", seed=0):
        self.evaluator._fault = fault
        self.evaluator._pool.timeout_s = 120.0
        return self.evaluator.test(self.space.parse(code), TINY, seed, split="test")

    def jobs(self, count, code="130010"):
        return [Job(f"t{number}", self.space.parse(code), TINY, number) for number in range(count)]


@pytest.fixture(scope="module")
def make_rig():
    """Return a maker of rigs; all of them are closed when the module is done."""
    rigs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        patch.setenv("OPENAI_API_KEY", "canary-8f2e61")
        patch.setenv("LC_NOTE", "kept")

        def make(**settings):
            rigs.append(Rig(**settings))
            return rigs[-1]

        yield make
        for rig in rigs:
            rig.evaluator.close()


@pytest.fixture(scope="module")
def rig(make_rig):
    return make_rig()
