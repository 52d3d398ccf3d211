"""An evaluator with a fault hook, shared by the tests of a module: one server start for all of them."""

import os
import time
from pathlib import Path

import pytest
import torch

from navarch.evaluation import Fidelity, Job, TrainEvaluator, get_task
from navarch.spaces import get_space

torch.set_num_threads(1)  # as in a worker; more threads only fight each other on tiny networks
TINY = Fidelity(epochs=1, skeleton={"width": 4, "cells": 1})


@pytest.fixture
def attempt(request):
    """Return which repetition of a test this is; see `repeating.times`."""
    return request.param


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
        hook = settings.pop("hook", "faulty_worker")
        self.evaluator = TrainEvaluator(get_task("digits"), fault_hook=hook, **settings)
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
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
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


class Processes:
    """Look at other processes through /proc."""

    def eventually(self, claim, patience_s):
        """Poll a claim about another process; the longest wait is the promise itself."""
        deadline = time.monotonic() + patience_s
        while not claim():
            if time.monotonic() > deadline:
                return False
            os.sched_yield()
        return True

    def is_running(self, pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except (FileNotFoundError, ProcessLookupError):  # gone before it is opened, or before it is read
            return False

    def children(self, pid):
        """Return the children of a process, zombies included."""
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    def descriptors(self, pid):
        return len(os.listdir(f"/proc/{pid}/fd"))

    def resident_mb(self, pid):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.fixture(scope="session")
def processes():
    return Processes()
