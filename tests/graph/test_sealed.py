"""The test split through whole runs of real training: closed while anything is chosen, opened once at the end."""

import os
from pathlib import Path

import pytest

import navarch.graph.run as run_module
from navarch.evaluation import TrainEvaluator, digits
from navarch.graph.progress import Silent
from navarch.graph.settings import load_settings
from navarch.memory import Memory

HOOKS = Path(__file__).parent.parent / "evaluation"


class LooksSoFar(Silent):
    """Keeps what the spy had seen when each stage of a run ended."""

    def __init__(self, looks):
        self.looks, self.stages = looks, []

    def _note(self, stage):
        self.stages.append((stage, self.looks()))

    def finished(self, trial, standing):
        self._note("search")

    def repeated(self, trial, done, planned):
        self._note("repeat")

    def testing(self, trial):
        self._note("testing")


@pytest.fixture
def spied(tmp_path, monkeypatch):
    """Run with a spy in every worker and in this process; return what opened the test split."""
    file = tmp_path / "looks"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(HOOKS), prepend=os.pathsep)

    def refuse(split, *rest):
        raise AssertionError(f"the driver made the split {split!r}")

    monkeypatch.setattr(digits, "make_split", refuse)

    def make(settings, parts):
        return TrainEvaluator(
            parts.task, slots=2, device="cpu", fault_hook="faulty_worker", fault=f"spy:{file}"
        )

    monkeypatch.setattr(run_module, "make_evaluator", make)
    return lambda: file.read_text().splitlines() if file.exists() else []


@pytest.mark.slow
def test_neither_noise_nor_search_nor_confirmation_opens_the_test_split(spied):
    small = {"train": {"epochs": 1, "skeleton": {"width": 4, "cells": 1}}, "db": "navarch.db"}
    listener = LooksSoFar(spied)
    run_module.start_noise(load_settings(None, small), ["130010"], 3, listener)
    flags = {**small, "workflow": "random", "budget": {"trials": 3}, "confirm": {"top": 2, "seeds": 2}}
    result = run_module.start_run(load_settings(None, flags), listener)
    assert [stage for stage, _ in listener.stages] == ["repeat"] * 3 + ["search"] * 3 + ["repeat"] * 4 + [
        "testing"
    ]
    assert all(seen == [] for _, seen in listener.stages)
    assert spied() == ["test test seed 1: load_test_data", "test test seed 1: make_split"]
    assert result.test is not None
    run_module.resume_run("latest", Path("navarch.db"))
    assert len(spied()) == 2
    with Memory.open("navarch.db", create=False, read_only=True) as memory:
        assert memory.test_score("r1") is None
        assert memory.test_score("r2").trial_id == result.test.trial_id
