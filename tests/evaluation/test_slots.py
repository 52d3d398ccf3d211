"""Devices and slots with real processes: who is pinned where, what is measured, and which limit on memory holds."""

import json
import os
from dataclasses import replace

import pytest
import torch

from navarch import NavarchError
from navarch.evaluation import Job, TrainEvaluator, get_task
from navarch.evaluation.job import Request
from navarch.evaluation.memory_limit import memory_limit_mb
from navarch.evaluation.outcome import TrialCost, failed, pruned
from navarch.evaluation.placement import Device, Placement, usable_cores
from navarch.evaluation.running import Running
from navarch.spaces import get_space


def run_all(rig, count, fault=""):
    rig.evaluator._fault = fault
    outcomes = {}
    rig.evaluator.evaluate_many(
        rig.jobs(count),
        on_start=lambda job: None,
        on_outcome=lambda job, outcome: outcomes.update({job.trial_id: outcome}),
        should_stop=lambda: False,
    )
    return outcomes


def end_of(digits):
    """Return the end of a trial that ran beside others, three at once."""
    job = Job("t", get_space("nas-bench-201").parse("130010"), digits.fidelity("nas-bench-201"), 0)
    running = Running(
        request=Request("search", "1:t", "digits", "cpu", job),
        device=Device("cpu", 1.0),
        slots=3,
        memory_mb=None,
        started=0.0,
        attempts=1,
        lost_s=0.0,
        heard=0.0,
        is_beside=True,
    )
    return running.end({"exit_code": 0, "peak_memory_mb": 1.0, "log": "", "fault": ""}, 1.0)


def places(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.iterdir())]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("device", "visible", "pins", "names"),
    [
        ("cuda", "3,GPU-8f2e61", ["3", "GPU-8f2e61"], ["cuda:0", "cuda:1"]),
        ("auto", None, ["0", "1"], ["cuda:0", "cuda:1"]),
        ("cuda:1", "3,GPU-8f2e61", ["GPU-8f2e61"] * 2, ["cuda:1"] * 2),
    ],
)
def test_each_worker_is_pinned_to_its_device_before_cuda_is_asked(
    make_rig, tmp_path, monkeypatch, device, visible, pins, names
):
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    rig = make_rig(device=device, hook="two_gpus")
    outcomes = run_all(rig, 2, f"place:{tmp_path}")
    assert [outcomes[name].cost.device for name in ("t0", "t1")] == names
    assert [outcomes[name].cost.slots for name in ("t0", "t1")] == [2, 2]
    found = places(tmp_path)
    assert [facts["visible"] for facts in found] == pins
    assert {(facts["device"], facts["initialised"]) for facts in found} == {("cuda", False)}
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == visible


@pytest.mark.slow
def test_a_device_that_is_not_there_ends_the_run_in_one_sentence(make_rig):
    with pytest.raises(NavarchError, match="'cuda:2' is not on this machine: CUDA shows 2 devices"):
        make_rig(device="cuda:0,cuda:2", hook="two_gpus").run()


def test_the_slots_of_several_devices_add_up(digits):
    assert TrainEvaluator(digits, slots=3, device="cuda:0,cuda:1").slots == 6


@pytest.mark.slow
def test_auto_measures_the_first_trial_alone_and_says_what_it_chose(make_rig, tmp_path):
    rig = make_rig(slots=None, memory_mb=None)
    assert rig.evaluator.slots == 1
    assert rig.evaluator.notes == (
        "train.slots is auto: trials run one by one until the memory of one is measured",
    )
    first = rig.run()
    assert (first.state, first.cost.slots) == ("complete", 1)
    chosen = rig.evaluator.slots
    assert 1 <= chosen <= usable_cores()
    assert rig.evaluator.notes[-1].startswith("trials at once, as the ")
    assert f"{chosen} on cpu; a trial took {first.cost.peak_memory_mb:,.0f} MiB" in rig.evaluator.notes[-1]
    assert {outcome.cost.slots for outcome in run_all(rig, 2).values()} == {chosen}


@pytest.mark.slow
def test_a_trial_may_take_its_share_of_the_memory_with_every_number_of_slots(make_rig, tmp_path):
    limits = {}
    for slots in (None, 1, 2):
        folder = tmp_path / str(slots)
        folder.mkdir()
        run_all(make_rig(slots=slots, memory_mb=None), 1, f"place:{folder}")
        limits[slots] = places(folder)[0]["limit"]
    shared = (memory_limit_mb(1) - memory_limit_mb(2)) * 2**20
    assert limits[None] - limits[2] == pytest.approx(shared, rel=0.05)
    assert limits[1] - limits[2] == pytest.approx(shared, rel=0.05)


def test_a_trial_that_was_stopped_early_tells_how_much_memory_one_takes(digits, monkeypatch):
    evaluator = TrainEvaluator(digits, slots=None, device="cpu")
    learned = []
    monkeypatch.setattr(evaluator._pool, "learn", learned.append)
    cost, ended = TrialCost(1.0, 1.0, 200.0, "cpu", 1), end_of(digits)
    evaluator._learn(ended, failed("oom", "", cost=cost))
    assert learned == []
    evaluator._learn(ended, pruned("stopped after epoch 1", {}, cost=cost, curve=()))
    assert learned == [200.0]


@pytest.mark.slow
@pytest.mark.parametrize(("count", "state"), [(1, "complete"), (2, "failed")])
def test_a_trial_out_of_memory_beside_another_leaves_fewer_slots_for_the_rest_of_the_run(
    make_rig, count, state
):
    rig = make_rig(memory_mb=None)
    outcomes = run_all(rig, 3, f"oom_of:t0 {count}")
    ran_out = outcomes["t0"]
    assert (ran_out.state, ran_out.cost.slots) == (state, 2)
    assert ran_out.detail.endswith(
        "from here on 1 at once on cpu in place of 2, as memory ran out beside other trials"
    )
    assert ("with batches of 25 images: trained with 12" in ran_out.detail) == (count == 1)
    assert (ran_out.reason, ran_out.cost.halved) == ((None, True) if count == 1 else ("oom", False))
    assert {outcome.state for name, outcome in outcomes.items() if name != "t0"} == {"complete"}
    assert rig.evaluator.slots == 1
    assert rig.evaluator.notes[-1].startswith("trials at once: from here on 1 at once on cpu")
    assert {outcome.cost.slots for outcome in run_all(rig, 2, "oom_of:t0 1").values()} == {1}
    assert len(rig.evaluator.notes) == 1


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_trials_that_fill_a_cuda_device_together_leave_it_one_slot(make_rig):
    rig = make_rig(device="cuda:0", slots=2)
    outcomes = run_all(rig, 2, "cuda_memory").values()
    assert [outcome.reason for outcome in outcomes] == ["oom", "oom"]
    assert sum("from here on 1 at once on cuda:0" in outcome.detail for outcome in outcomes) == 1
    assert rig.evaluator.slots == 1


@pytest.mark.parametrize(
    ("changed", "memory_mb", "lowers"),
    [
        ({}, None, True),
        ({"is_beside": False}, None, False),  # it had the device for itself
        ({}, 512, False),  # and a limit of its own on the CPU
        ({"device": "cuda:0"}, 512, True),
        ({"device": "none"}, None, False),
    ],
)
def test_slots_fall_where_that_leaves_a_trial_more_memory(digits, changed, memory_mb, lowers):
    evaluator = TrainEvaluator(digits, slots=3, device="cpu", memory_mb=memory_mb)
    ended = replace(end_of(digits), **changed)
    evaluator._pool._placement = Placement([Device(ended.device, 1.0)], 3, cores=8)
    for outcome in (failed("timeout", ""), failed("crashed", "")):
        assert evaluator._learn(ended, outcome) == outcome
    assert evaluator.slots == 3
    learned = evaluator._learn(ended, failed("oom", "no room"))
    assert evaluator.slots == (2 if lowers else 3)
    assert learned.detail.startswith("no room; from here on 2 at once on" if lowers else "no room")
    assert evaluator._learn(ended, failed("oom", "no room")).detail == "no room"  # of the same three at once


@pytest.mark.parametrize(("code", "reason", "is_silent"), [(0, None, False), (-9, "timeout", True)])
def test_a_trial_that_was_done_before_the_kill_reached_it_is_not_lost(
    digits, space, tiny, code, reason, is_silent
):
    request = Request("search", "1:t", "digits", "cpu", Job("t", space.parse("130010"), tiny, 0))
    running = Running(request, Device("cpu", 1.0), 1, None, 0.0, 1, 0.0, 0.0)
    running.listen(10.0, 5.0)
    running.killed_at = 10.0
    ended = running.end({"exit_code": code, "peak_memory_mb": 1.0, "log": "", "fault": ""}, 10.1)
    assert (ended.reason, ended.is_silent) == (reason, is_silent)


@pytest.mark.parametrize("settings", [{"device": "cuda:x"}, {"device": ()}, {"slots": -1}, {"silent_s": 0}])
def test_devices_and_slots_that_make_no_sense_are_refused(settings):
    with pytest.raises(NavarchError, match=r"; give "):
        TrainEvaluator(get_task("digits"), **settings)
