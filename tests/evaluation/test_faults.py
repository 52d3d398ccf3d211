"""Every way in which a trial can go wrong becomes an outcome with a reason (RELIABILITY F1-F6, F9)."""

import json
import math
import time
from pathlib import Path

import pytest
import torch
from repeating import times

PATIENCE_S = 5.0


@pytest.mark.slow
@times(1, 5)
@pytest.mark.parametrize("fault", ["python_memory", "torch_memory"])
def test_a_trial_that_runs_out_of_memory_fails_as_oom(rig, fault):
    outcome = rig.run(fault)
    assert (outcome.state, outcome.reason, outcome.objectives) == ("failed", "oom", {})


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@times(0, 20)
def test_a_trial_that_runs_out_of_cuda_memory_fails_as_oom_and_gives_it_back(make_rig):
    rig = make_rig(device="cuda:0", slots=1)
    assert rig.run().state == "complete"
    before = torch.cuda.mem_get_info(0)[0]
    outcome = rig.run("cuda_memory")
    assert (outcome.state, outcome.reason, outcome.objectives) == ("failed", "oom", {})
    assert torch.cuda.mem_get_info(0)[0] > 0.95 * before
    assert rig.run().state == "complete"


@pytest.mark.slow
def test_a_trial_killed_from_outside_with_much_memory_is_oom(make_rig):
    assert make_rig(memory_mb=400).run("swallow_and_be_killed:200").reason == "oom"


def test_a_trial_killed_from_outside_with_little_memory_is_crashed(rig):
    outcome = rig.run("signal:SIGKILL")
    assert outcome.reason == "crashed"
    assert "SIGKILL" in outcome.detail


@times(1, 5)
@pytest.mark.parametrize(
    "fault", ["loop", "deaf_loop", "deadlock", "endless_c_call", "stuck_loader", "hang_after_outcome"]
)
def test_a_trial_without_an_end_is_stopped_at_its_deadline(rig, processes, fault):
    if rig.evaluator.server_pid is None:
        rig.run()  # the server starts with the first trial, and its start is no part of the deadline
    started = time.monotonic()
    outcome = rig.run(fault, timeout_s=0.5)
    assert outcome.reason == "timeout"
    assert "0.5 s" in outcome.detail
    assert time.monotonic() - started < 0.5 + PATIENCE_S
    # A helper of the trial was killed with it, and is buried by the server, to which it fell.
    assert processes.eventually(lambda: processes.children(rig.evaluator.server_pid) == [], PATIENCE_S)


@times(1, 5)
@pytest.mark.parametrize("fault", ["nan_at:0", "nan_at:25", "inf_at:0", "nan_in_validation", "explode_at:40"])
def test_a_loss_that_is_no_number_fails_as_diverged_and_keeps_its_cost(rig, fault):
    outcome = rig.run(fault)
    assert (outcome.state, outcome.reason, outcome.objectives) == ("failed", "diverged", {})
    assert outcome.cost.epochs == 1
    assert outcome.cost.train_seconds > 0


@times(1, 5)
def test_a_network_that_always_answers_the_same_fails_as_diverged_and_keeps_its_cost(rig):
    outcome = rig.run("constant")
    assert (outcome.state, outcome.reason, outcome.objectives) == ("failed", "diverged", {})
    assert "the same for all 1200 validation images, 10.00 % right" in outcome.detail
    assert outcome.curve[-1].val_accuracy == 10.0
    assert outcome.cost.epochs == 1
    assert outcome.cost.train_seconds > 0


@times(1, 5)
@pytest.mark.parametrize("code", ["000000", "001033"])
def test_a_cell_through_which_nothing_flows_fails_as_diverged(rig, code):
    outcome = rig.run(code=code)
    assert (outcome.state, outcome.reason) == ("failed", "diverged")
    assert "nothing of an image reaches them" in outcome.detail


@times(1, 5)
@pytest.mark.parametrize("code", ["000100", "000400", "111111"])
def test_a_cell_that_learns_next_to_nothing_in_an_epoch_is_bad_and_no_fault(rig, code):
    outcome = rig.run(code=code)
    assert (outcome.state, outcome.reason) == ("complete", None)
    assert outcome.objectives["val_accuracy"] < 60


@times(1, 5)
@pytest.mark.parametrize("accuracy", ["170", "-1", "nan", "inf"])
def test_an_accuracy_that_cannot_be_right_fails_as_diverged(rig, accuracy):
    assert rig.run(f"accuracy:{accuracy}").reason == "diverged"


@times(1, 5)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("signal:SIGSEGV", "SIGSEGV"),
        ("signal:SIGTERM", "SIGTERM"),
        ("abort", "SIGABRT"),
        ("exit:0", "without an outcome"),
        ("exit:1", "exit code 1"),
        ("half_outcome", "not whole JSON"),
        ("deep_outcome", "not whole JSON"),
        ("huge_outcome", "larger than"),
        ("empty_outcome", "not an outcome"),
        ("outcome_of_another", "another trial"),
        ("odd_bytes", "odd"),
        ("big_file", "File too large"),
        ("many_files", "Too many open files"),
    ],
)
def test_a_trial_that_ends_wrongly_fails_as_crashed_and_says_how(rig, fault, words):
    outcome = rig.run(fault)
    assert (outcome.state, outcome.reason) == ("failed", "crashed")
    assert words in outcome.detail
    outcome.detail.encode("utf-8")


def test_a_later_outcome_replaces_an_earlier_one(rig):
    outcome = rig.run("two_outcomes")
    assert outcome.state == "complete"
    assert outcome.objectives["params"] > 1


def test_a_long_traceback_is_cut_to_its_tail(rig):
    outcome = rig.run("long_traceback")
    assert outcome.reason == "crashed"
    assert len(outcome.detail) <= 4_000


def test_a_skeleton_that_the_space_does_not_know_is_invalid(rig, tiny):
    outcome = rig.run(fidelity=type(tiny)(1, {"width": 4, "cells": 1, "legs": 3}))
    assert (outcome.state, outcome.reason) == ("failed", "invalid")
    assert "legs" in outcome.detail


def test_a_flood_on_stdout_harms_nothing(rig):
    assert rig.run("flood:64").state == "complete"


@pytest.mark.slow
def test_a_gigabyte_on_stdout_is_capped(rig, processes):
    rig.run()  # the server starts with the first trial
    before = processes.resident_mb(rig.evaluator.server_pid)
    outcome = rig.run("flood_and_exit:1024")
    assert outcome.reason == "crashed"
    assert len(outcome.detail) <= 4_000
    assert processes.resident_mb(rig.evaluator.server_pid) - before < 20


def test_a_process_that_a_trial_leaves_behind_is_killed(rig, processes, tmp_path):
    note = tmp_path / "pid"
    assert rig.run(f"grandchild:{note}").state == "complete"
    pid = int(note.read_text())
    assert processes.eventually(lambda: not processes.is_running(pid), PATIENCE_S)


def test_a_process_that_a_stopped_trial_started_is_killed(rig, processes, tmp_path):
    note = tmp_path / "pid"
    rig.run(f"grandchild_and_loop:{note}", timeout_s=1.0)
    pid = int(note.read_text())
    assert processes.eventually(lambda: not processes.is_running(pid), PATIENCE_S)


def test_the_worker_sees_the_allow_list_and_no_key(rig, tmp_path):
    note = tmp_path / "facts"
    rig.run(f"tell:{note}")
    facts = json.loads(note.read_text())
    assert "canary-8f2e61" not in note.read_text()
    assert facts["environment"]["LC_NOTE"] == "kept"
    assert facts["environment"]["OMP_NUM_THREADS"] == "1"


def test_a_trial_leads_its_own_session_and_inherits_no_descriptors(rig, tmp_path):
    note = tmp_path / "facts"
    rig.run(f"tell:{note}")
    facts = json.loads(note.read_text())
    assert facts["session"]
    assert facts["descriptors"] == [0, 1, 2, 3]  # 3 reads the list itself


def test_the_fork_server_has_one_thread(rig, tmp_path):
    note = tmp_path / "facts"
    rig.run(f"tell:{note}")
    assert json.loads(note.read_text())["server_threads"] == 1


def test_the_folder_of_a_trial_is_gone_afterwards(rig, tmp_path):
    note = tmp_path / "facts"
    rig.run(f"tell:{note}")
    assert not Path(json.loads(note.read_text())["folder"]).exists()


def test_the_next_trial_is_fine_after_a_fault(rig):
    rig.run("signal:SIGSEGV")
    outcome = rig.run()
    assert outcome.state == "complete"
    assert math.isfinite(outcome.objectives["val_accuracy"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "count", [30, pytest.param(500, marks=[pytest.mark.exhaustive, pytest.mark.timeout(3600)])]
)
def test_many_trials_leave_no_zombie_no_descriptor_and_no_memory(rig, processes, count):
    for fault in ("", "exit:0", ""):
        rig.run(fault)
    server = rig.evaluator.server_pid
    own, served = processes.descriptors("self"), processes.descriptors(server)
    resident = processes.resident_mb("self"), processes.resident_mb(server)
    faults = ["", "", "exit:0", "", "", "signal:SIGSEGV"]
    states = [rig.run(faults[number % 6]).state for number in range(count)]
    assert states.count("failed") == count // 3
    assert processes.resident_mb("self") < 1.05 * resident[0]
    assert processes.resident_mb(server) < 1.05 * resident[1]
    assert processes.descriptors("self") == own
    assert processes.descriptors(rig.evaluator.server_pid) == served
    assert processes.children(rig.evaluator.server_pid) == []
