"""Trials through real processes: results, repeats, stops, the sealed split, and the death of the driver."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from repeating import times

from navarch import NavarchError
from navarch.evaluation import Limits, TestFailedError, TestScore, TrainEvaluator, get_task

CPU_ONLY = pytest.mark.skipif(torch.cuda.is_available(), reason="promised for the CPU")


def run_all(rig, jobs, *, fault="", should_stop=lambda: False):
    rig.evaluator._fault = fault
    rig.evaluator._pool.timeout_s = 120.0
    started, outcomes = [], {}
    rig.evaluator.evaluate_many(
        jobs,
        on_start=lambda job: started.append(job.trial_id),
        on_outcome=lambda job, outcome: outcomes.update({job.trial_id: outcome}),
        should_stop=lambda: should_stop() if started else False,
    )
    return started, outcomes


def test_a_trial_is_complete_with_objectives_curve_and_cost(rig, digits, tiny):
    outcome = rig.run()
    cost = rig.space.cost(
        rig.space.parse("130010"),
        classes=10,
        in_channels=1,
        resolution=digits.resolution,
        skeleton=tiny.skeleton,
    )
    assert (outcome.state, outcome.reason) == ("complete", None)
    assert (outcome.objectives["params"], outcome.objectives["macs"]) == (cost.params, cost.macs)
    assert outcome.objectives["val_accuracy"] == outcome.curve[-1].val_accuracy
    assert outcome.cost.device == "cpu"
    assert 0 < outcome.cost.train_seconds <= outcome.cost.seconds
    assert 0 < outcome.cost.peak_memory_mb < 4096


@CPU_ONLY
def test_the_same_trial_again_is_equal_bit_for_bit(rig):
    first, second = rig.run(seed=5), rig.run(seed=5)
    assert first.objectives == second.objectives
    assert first.curve == second.curve


def test_another_seed_is_another_trial(rig):
    assert rig.run(seed=5).curve != rig.run(seed=6).curve


@pytest.mark.slow
@CPU_ONLY
def test_a_trial_does_not_depend_on_what_runs_beside_it(rig):
    alone = rig.run(seed=1)
    _, outcomes = run_all(rig, rig.jobs(4))
    assert outcomes["t1"].curve == alone.curve


def test_all_jobs_are_started_and_reported(rig):
    started, outcomes = run_all(rig, rig.jobs(3))
    assert started == ["t0", "t1", "t2"]
    assert sorted(outcomes) == started
    assert {outcome.state for outcome in outcomes.values()} == {"complete"}


@pytest.mark.slow
def test_a_job_above_the_limits_is_invalid_and_the_others_run(make_rig, tiny):
    rig = make_rig(limits=Limits(max_params=15_000))
    jobs = [*rig.jobs(1, code="333333"), *rig.jobs(2)[1:]]
    _, outcomes = run_all(rig, jobs)
    assert (outcomes["t0"].reason, outcomes["t1"].state) == ("invalid", "complete")


@pytest.mark.slow
def test_a_callback_that_fails_leaves_nothing_running(rig):
    def fail(job, outcome):
        raise KeyError("the database is full")

    rig.evaluator._fault = ""
    with pytest.raises(KeyError, match="database"):
        rig.evaluator.evaluate_many(
            rig.jobs(3), on_start=lambda job: None, on_outcome=fail, should_stop=lambda: False
        )
    assert rig.run().state == "complete"


@pytest.mark.slow
def test_a_server_that_dies_costs_its_trials_and_is_replaced(rig):
    rig.run()
    pid = rig.evaluator.server_pid
    killed = []

    def kill_once():
        if not killed:
            killed.append(os.kill(pid, signal.SIGKILL))
        return False

    _, outcomes = run_all(rig, rig.jobs(1), fault="loop", should_stop=kill_once)
    assert outcomes["t0"].reason == "crashed"
    assert rig.run().state == "complete"


def test_the_test_score_comes_from_the_same_weights(rig):
    score = rig.test(seed=3)
    assert isinstance(score, TestScore)
    assert 0.0 <= score.accuracy <= 100.0
    if not torch.cuda.is_available():
        assert score.val_accuracy == rig.run(seed=3).objectives["val_accuracy"]


def test_a_search_never_opens_the_test_split(rig):
    assert rig.run("seal").state == "complete"


def test_the_spy_on_the_test_split_works(rig):
    with pytest.raises(TestFailedError, match="the test split was opened"):
        rig.test("seal")


def test_a_test_that_fails_says_why(rig):
    with pytest.raises(TestFailedError, match=r"130010 failed .*SIGSEGV"):
        rig.test("signal:SIGSEGV")


def test_the_split_must_be_named(rig, tiny):
    with pytest.raises(ValueError, match="split"):
        rig.evaluator.test(rig.space.parse("130010"), tiny, 0, split="val")


def test_a_stop_kills_what_runs_and_reports_nothing(rig):
    rig.run()
    begun = time.monotonic()
    started, outcomes = run_all(rig, rig.jobs(4), fault="deaf_loop", should_stop=lambda: True)
    assert time.monotonic() - begun < 5.0
    assert started
    assert outcomes == {}
    assert rig.evaluator.server_pid is None


@pytest.mark.parametrize(
    "settings",
    [
        {"slots": 0},
        {"device": "tpu"},
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"memory_mb": 0},
        {"memory_mb": -1},
    ],
)
def test_settings_that_make_no_sense_are_refused(digits, settings):
    with pytest.raises(NavarchError, match=r"; give "):
        TrainEvaluator(digits, **settings)


def test_a_task_without_images_is_refused():
    with pytest.raises(NavarchError, match="table"):
        TrainEvaluator(get_task("nb201-cifar10"))


def test_closing_twice_is_fine(digits):
    evaluator = TrainEvaluator(digits)
    evaluator.close()
    evaluator.close()


DRIVER = """
import sys
from navarch.evaluation import Fidelity, Job, TrainEvaluator, get_task
from navarch.spaces import get_space

space = get_space("nas-bench-201")
evaluator = TrainEvaluator(get_task("digits"), device="cpu", fault_hook="faulty_worker", fault="deaf_loop")
evaluator._pool._serve()
print(evaluator.server_pid, evaluator._pool._server.root, flush=True)
jobs = [Job(str(n), space.parse("130010"), Fidelity(1, {"width": 4, "cells": 1}), n) for n in range(2)]
evaluator.evaluate_many(jobs, on_start=lambda j: None, on_outcome=lambda j, o: None, should_stop=lambda:
False)
"""


@pytest.mark.slow
@times(2, 15)
@pytest.mark.parametrize("victim", ["driver", "server"])
def test_everything_is_gone_when_the_driver_or_the_server_is_killed(tmp_path, processes, victim):
    found = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": found, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as driver:
        server, root = driver.stdout.readline().split(maxsplit=1)
        assert processes.eventually(lambda: len(processes.children(server)) == 2, 60.0)
        family = [server, *processes.children(server)]
        os.kill(driver.pid if victim == "driver" else int(server), signal.SIGKILL)
        assert processes.eventually(lambda: not any(processes.is_running(pid) for pid in family), 5.0)
        if victim == "driver":
            assert processes.eventually(lambda: not Path(root.strip()).exists(), 5.0)
