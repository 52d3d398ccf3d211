"""Ctrl-C, once and twice, and kill -9 in the middle of real work leave no process and no folder behind."""

import os
import signal
import sys
import time
from contextlib import ExitStack

import pytest
from processes import NAVARCH, eventually, working_in
from terminals import CTRL_C, Terminal

pytestmark = pytest.mark.slow
SEARCH = [NAVARCH, "run", "--budget", "8", "--set", "train.epochs=5000", "--set", "train.device=cpu"]
SLEEPER = "import json, os, subprocess, sys, time\nsubprocess.Popen(['sleep', '600'])\ntime.sleep(600)\n"
COMMAND = ["--set", f"callable.command={sys.executable} mine.py"]
TINY = ["--device", "cpu", "--skeleton", "width=4", "--skeleton", "cells=1"]
WORK = {
    "training": [*SEARCH, "--workflow", "random"],
    "proxies": [*SEARCH, "--set", 'proxies.names=["zico", "az_nas"]', "--set", "search.proposals=48"],
    "callable": [*SEARCH[:4], "--workflow", "random", "--evaluator", "callable", *COMMAND],
    "supernet": [NAVARCH, "supernet", "train", "-o", "cells.pt", "--epochs", "5000", *TINY],
}
TOLD = {"training": "epoch 1/5000", "supernet": "epoch 1/5000 loss"}
RUNS = ("training", "proxies", "callable")


@pytest.fixture
def place(tmp_path):
    """A folder to work in, with one for temporary files beside it."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    (tmp_path / "here" / "mine.py").write_text(SLEEPER)
    return tmp_path


@pytest.fixture
def begin(place):
    """Return what starts a work in a terminal, and waits until a process of a trial is at it."""
    environment = {**os.environ, "TMPDIR": str(place / "temporary")}
    with ExitStack() as begun:

        def start(work):
            terminal = begun.enter_context(Terminal(WORK[work], cwd=place / "here", env=environment))

            def is_at_it(terminal):
                # A training is painted at the foot of the terminal, and a supernet's epochs are lines.
                is_told = work not in TOLD or TOLD[work] in " ".join(terminal.raw.split())
                return is_told and list((place / "temporary").glob("navarch-*/trial-*"))

            assert terminal.read_until(is_at_it, 120), terminal.raw
            return terminal

        yield start


def nothing_is_left(place):
    assert eventually(lambda: not working_in(place), 10), working_in(place)
    assert eventually(lambda: not list((place / "temporary").iterdir()), 5), list(
        (place / "temporary").iterdir()
    )


@pytest.mark.parametrize("work", WORK)
def test_one_ctrl_c_ends_the_work_and_says_how_to_go_on(place, begin, work):
    terminal = begin(work)
    terminal.type(CTRL_C)
    begun = time.monotonic()
    assert terminal.end(30) == 130, terminal.raw
    assert time.monotonic() - begun < 20
    assert ("navarch resume r1" if work in RUNS else "the same command goes on") in terminal.raw
    assert not list((place / "here" / ".navarch").glob("*.live"))
    nothing_is_left(place)


@pytest.mark.parametrize(
    "work",
    [each if each == "training" else pytest.param(each, marks=pytest.mark.exhaustive) for each in WORK],
)
def test_a_second_ctrl_c_leaves_at_once(place, begin, work):
    terminal = begin(work)
    terminal.type(CTRL_C)
    terminal.type(CTRL_C)
    assert terminal.end(30) == 130, terminal.raw
    assert "Traceback" not in terminal.raw
    assert ("navarch resume" if work in RUNS else "the same command goes on") in terminal.raw
    nothing_is_left(place)


@pytest.mark.parametrize("work", WORK)
def test_kill_9_takes_everything_along(place, begin, work):
    terminal = begin(work)
    os.kill(terminal.process.pid, signal.SIGKILL)
    assert terminal.end(30) == -signal.SIGKILL
    nothing_is_left(place)
