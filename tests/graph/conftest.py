"""A whole run in this process: the real graph, memory and roles, with training replaced by a formula."""

import hashlib
import random
from dataclasses import replace

import pytest

import navarch.graph.run as run_module
from navarch.evaluation import CurvePoint, Outcome, TestScore, TrialCost, failed
from navarch.graph.settings import load_settings
from navarch.memory import Memory

WORTH = {"none": 0.0, "skip_connect": 3.0, "nor_conv_1x1": 6.0, "nor_conv_3x3": 9.0, "avg_pool_3x3": 2.0}


class FormulaEvaluator:
    """Scores an architecture by the sum of its options' worth; counts what it was asked."""

    name = "formula"
    slots = 1
    instant = False
    notes = ()

    def __init__(self, task):
        self.task = task
        self.trained = []
        self.tested = []
        self.fails = {}
        self.before = lambda job: None
        self.luck = lambda architecture, seed: 0.0
        self.seeds = []

    def evaluate(self, architecture, fidelity, seed):
        self.trained.append(architecture)
        self.seeds.append(seed)
        reason = self.fails.get(len(self.trained))
        if reason is not None:
            return failed(reason, f"made to fail by {reason}")
        accuracy = 40.0 + sum(WORTH[value] for value in architecture.values)
        accuracy += self.luck(architecture, seed)
        curve = (CurvePoint(1, 1.0, accuracy, accuracy),)
        return Outcome(
            "complete", None, "", {"val_accuracy": accuracy}, curve, TrialCost(0.1, 0.1, 1.0, "none", 1)
        )

    def evaluate_many(self, jobs, *, on_start, on_outcome, should_stop):
        for job in jobs:
            if should_stop():
                return
            on_start(job)
            self.before(job)
            if should_stop():
                return
            on_outcome(job, self.continued(job, self.evaluate(job.architecture, job.fidelity, job.seed)))

    def continued(self, job, outcome):
        """Return the outcome with the cost of a trial that goes on from weights, as far as the job has them."""
        start = job.continuation.epochs if job.continuation is not None else 0
        cost = replace(outcome.cost, epochs=job.fidelity.epochs - start, start_epochs=start)
        return replace(outcome, cost=cost) if start else outcome

    def test(self, architecture, fidelity, seed, *, split):
        assert split == "test"
        self.tested.append(architecture)
        return TestScore(77.0, 78.0, 0.1)

    def close(self):
        pass


def luck_of(architecture, seed):
    """Return a normal error of 3 points, by architecture and seed: another on each seed, the same when repeated."""
    text = f"{architecture.values}/{seed}"
    return random.Random(int(hashlib.sha256(text.encode()).hexdigest(), 16)).gauss(0, 3)


@pytest.fixture
def lucky(bench):
    """A bench whose accuracies have noise."""
    bench.prepare = lambda evaluator: setattr(evaluator, "luck", luck_of)
    return bench


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A folder, an evaluator, and functions to run and to look."""
    return Bench(tmp_path, monkeypatch)


class Bench:
    def __init__(self, folder, monkeypatch):
        monkeypatch.chdir(folder)
        self.folder = folder
        self.db = folder / "navarch.db"
        self.monkeypatch = monkeypatch
        self.evaluator = None
        self.prepare = lambda evaluator: None
        monkeypatch.setattr(run_module, "make_evaluator", self._make)

    def _make(self, settings, parts):
        self.evaluator = FormulaEvaluator(parts.task)
        self.prepare(self.evaluator)
        return self.evaluator

    def use_models(self, **models):
        """Give roles a model object, by role name; the settings name it `openai:NAME`."""
        import navarch.graph.clients as clients

        def make(name, **_):
            provider, _, role = name.partition(":")
            return None if provider == "offline" else models[role]

        self.monkeypatch.setattr(clients, "make_client", make)

    def run(self, *, progress=None, **flags):
        flags.setdefault("db", self.db)
        return run_module.start_run(load_settings(None, flags), progress)

    def resume(self, name="latest", progress=None):
        return run_module.resume_run(name, self.db, progress=progress)

    def memory(self):
        return Memory.open(self.db, create=False, read_only=True)

    def table(self, run="r1"):
        with self.memory() as memory:
            assert memory.check() == []
            return memory.trial_table(run)
