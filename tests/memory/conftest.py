"""Fixtures of the memory's tests: a memory with a run called "demo", and makers of what goes into it."""

import shutil
from types import SimpleNamespace

import pytest

from navarch.memory import CallKey, Memory, NewProposal, NewTrial

CURVE = [{"epoch": 1, "train_loss": 1.25, "train_accuracy": 50.0, "val_accuracy": 48.0}]
COST = {"seconds": 2.0, "train_seconds": 1.5, "peak_memory_mb": 100.0, "device": "cpu", "epochs": 1}
RUN = {
    "workflow": "navarch",
    "space": "nas-bench-201",
    "task": "digits",
    "task_digest": "task-1",
    "evaluator": "train",
    "seed": 7,
    "settings": {"rounds": 3},
    "version": "0.1.0",
}


def new_trial(index, **changes):
    """A candidate that differs from those of other indexes."""
    values = {
        "space": "nas-bench-201",
        "architecture": {"edge_0_1": "none", "edge_0_2": "skip_connect"},
        "code": f"{index:06}",
        "genotype": f"|none~{index}|",
        "digest": f"{index:016x}",
        "task": "digits",
        "task_digest": "task-1",
        "fidelity": {"epochs": 4, "skeleton": {"width": 16}},
        "seed": 0,
        "params": 1000 + index,
        "macs": 20_000 + index,
    }
    return NewTrial(**(values | changes))


def new_proposal(position, **changes):
    """A proposal at a position, as a Generator gave it."""
    values = {"position": position, "origin": "generator", "raw": '{"edge_0_1": "none"}', "why": "wider"}
    return NewProposal(**(values | changes))


def finish(memory, trial, accuracy=90.0, **changes):
    """Finish a trial as complete."""
    values = {
        "state": "complete",
        "reason": None,
        "detail": "",
        "objectives": {"val_accuracy": accuracy, "params": float(trial.params), "macs": float(trial.macs)},
        "curve": CURVE,
        "cost": COST,
    }
    return memory.finish_trial(trial.trial_id, **(values | changes))


def fail(memory, trial, reason="diverged", **changes):
    """Finish a trial as failed."""
    outcome = {"state": "failed", "reason": reason, "detail": "loss is NaN", "objectives": {}}
    return finish(memory, trial, **(outcome | changes))


def add_finished(memory, count, run_id="demo", start=0, accuracy=lambda index: 50.0 + index % 50):
    """Add, start and finish `count` trials, and return them."""
    done = []
    for index in range(start, start + count):
        (trial,) = memory.add_trials(run_id, 1 + index // 4, [new_trial(index)])
        memory.start_trial(trial.trial_id)
        done.append(finish(memory, trial, accuracy(index)))
    return done


def reserve(memory, key=None, **changes):
    """Reserve a model call."""
    values = {
        "model": "openai:tiny",
        "prompt": "generator.md",
        "prompt_digest": "p1",
        "prompt_version": "1",
        "messages": [("system", "You design networks."), ("user", "Go on.")],
        "schema_digest": "s1",
        "source": "model",
        "reserved_tokens": 100,
        "limit": None,
    }
    return memory.reserve_call(key or CallKey("demo", 0, "generator", 0, 0), **(values | changes))


@pytest.fixture(scope="session")
def make():
    """The makers above, for tests that are collected without package imports."""
    return SimpleNamespace(
        RUN=RUN,
        CURVE=CURVE,
        COST=COST,
        trial=new_trial,
        proposal=new_proposal,
        finish=finish,
        fail=fail,
        add_finished=add_finished,
        reserve=reserve,
    )


@pytest.fixture
def open_memory(tmp_path):
    """Open memories under the test's folder and close them at its end."""
    opened = []

    def open_one(name="navarch.db", **options):
        memory = Memory.open(tmp_path / name, **options)
        opened.append(memory)
        return memory

    yield open_one
    for memory in opened:
        memory.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A closed memory with the run "demo", made once, to be copied."""
    path = tmp_path_factory.mktemp("template") / "navarch.db"
    with Memory.open(path) as memory:
        memory.create_run(run_id="demo", **RUN)
    return path


@pytest.fixture
def memory(template, tmp_path, open_memory):
    """An open memory with the run "demo" in it."""
    shutil.copy(template, tmp_path / "navarch.db")
    return open_memory()
