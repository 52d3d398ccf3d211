"""Which devices trials run on, what pins a process to one, and how many run at once: no device is needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch import NavarchError
from navarch.evaluation import placement
from navarch.evaluation.memory_limit import free_memory_mb, memory_limit_mb
from navarch.evaluation.placement import Device, Placement, device_names, find_devices, refuse_missing_cuda

CPU = Device("cpu", 8_000.0)


def find(names, free=(), visible=None):
    return find_devices(device_names(names), cuda_free_mb=free, visible=visible, cpu_free_mb=8_000.0)


@pytest.mark.parametrize(
    ("given_names", "names"),
    [
        ("auto", ("auto",)),
        ("cuda:0, cuda:1,cuda:0", ("cuda:0", "cuda:1")),
        (["cuda:7"], ("cuda:7",)),
        (("cpu",), ("cpu",)),
    ],
)
def test_devices_are_a_name_a_list_or_names_with_commas(given_names, names):
    assert device_names(given_names) == names


@pytest.mark.parametrize(
    "given_names",
    [
        "",
        "tpu",
        "cuda:",
        "cuda:-1",
        "cuda:01",
        "cuda:١",
        "cpu,cuda:0",
        "auto,cuda",
        "cuda:0,",
        [],
        [1],
        None,
        0,
    ],
)
def test_what_is_no_device_is_refused_in_one_sentence(given_names):
    with pytest.raises(NavarchError, match=r"^The devices? (is|are) .*give auto, cpu.*\.$"):
        device_names(given_names)


def test_auto_is_the_cpu_where_there_is_no_cuda():
    assert find("auto") == (CPU,)


@pytest.mark.parametrize("names", ["auto", "cuda"])
def test_auto_and_cuda_are_every_device_that_is_visible(names):
    assert find(names, [10.0, 20.0]) == (Device("cuda:0", 10.0, "0"), Device("cuda:1", 20.0, "1"))


def test_the_cpu_is_the_cpu_beside_cuda():
    assert find("cpu", [10.0]) == (CPU,)


@pytest.mark.parametrize(
    ("visible", "pins"),
    [
        ("2,3", ["2", "3"]),
        (" 5 , GPU-8f2e61 ", ["5", "GPU-8f2e61"]),
        ("MIG-1,MIG-2,-1,7", ["MIG-1", "MIG-2"]),
        ("3,1,2", ["3", "1"]),
    ],
)
def test_numbers_count_within_what_the_user_made_visible(visible, pins):
    assert [device.pin for device in find("auto", [1.0, 1.0], visible)] == pins
    assert find("cuda:1", [1.0, 1.0], visible) == (Device("cuda:1", 1.0, pins[1]),)


@pytest.mark.parametrize("visible", ["", "-1", "0", "0,,1"])
def test_more_devices_than_the_user_made_visible_are_refused(visible):
    with pytest.raises(NavarchError, match=r"CUDA_VISIBLE_DEVICES is .* CUDA shows 2 devices"):
        find("auto", [1.0, 1.0], visible)


@pytest.mark.parametrize(("names", "free"), [("cuda", []), ("cuda:0", []), ("cuda:0,cuda:2", [1.0, 1.0])])
def test_a_device_that_is_not_there_is_refused(names, free):
    with pytest.raises(
        NavarchError, match=rf"not on this machine: CUDA shows {len(free)} devices; use auto or cpu"
    ):
        find(names, free)


def test_only_a_cuda_device_is_looked_for(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    refuse_missing_cuda(("auto",))
    refuse_missing_cuda(("cuda",))
    with pytest.raises(NavarchError, match="'cuda:1' is not on this machine"):
        refuse_missing_cuda(("cuda:0", "cuda:1"))


def test_trials_are_spread_over_the_devices():
    devices = find("auto", [1.0, 1.0])
    slots = Placement(devices, 2, cores=8)
    assert slots.slots == 4
    taken = [slots.take() for _ in range(5)]
    assert [device and device.name for device in taken] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1", None]
    slots.give_back(devices[1])
    assert slots.take() == devices[1]


def test_slots_that_were_given_stay():
    slots = Placement([CPU], 2, cores=8)
    assert (slots.learn(100.0), slots.slots) == (None, 2)


def test_the_first_trial_of_a_device_runs_alone_until_one_is_measured():
    slots = Placement(find("auto", [1.0, 1.0]), None, cores=8)
    assert [slots.slots, slots.take().name, slots.take().name, slots.take()] == [2, "cuda:0", "cuda:1", None]


@pytest.mark.parametrize(
    ("device", "cores", "peak_mb", "chosen", "bound"),
    [
        (CPU, 4, 300.0, 4, "the cores allow"),
        (CPU, 64, 100.0, 16, "the maximum allows"),
        (CPU, 64, 1_000.0, 3, "the memory allows"),  # 0.8 * 8,000 / (2 * 1,000)
        (CPU, 64, 100_000.0, 1, "the memory allows"),
        (
            Device("cuda:0", 8_000.0, "0"),
            64,
            1_000.0,
            2,
            "the memory allows",
        ),  # 1,024 for the context of each
    ],
)
def test_the_slots_follow_from_memory_cores_and_a_maximum(device, cores, peak_mb, chosen, bound):
    slots = Placement([device], None, cores)
    sentence = slots.learn(peak_mb)
    assert slots.slots == slots.slots_of(device) == chosen
    assert f"as {bound}: {chosen} on {device.name}" in sentence
    assert f"{peak_mb:,.0f} MiB at most so far, and 8,000 MiB were free" in sentence


def test_devices_share_the_cores_and_each_has_its_own_memory():
    slots = Placement(find("auto", [80_000.0, 8_000.0]), None, cores=16)
    slots.learn(1_000.0)
    assert [slots.slots_of(device) for device in find("auto", [80_000.0, 8_000.0])] == [8, 2]


def test_a_trial_that_takes_more_than_any_before_makes_them_fewer():
    slots = Placement([CPU], None, cores=64)
    assert "16 on cpu" in slots.learn(100.0)
    assert slots.learn(90.0) is None
    assert slots.learn(150.0) is None  # and still 16
    assert "6 on cpu" in slots.learn(500.0)


def test_slots_fall_by_one_for_all_that_ran_out_of_memory_beside_each_other_and_never_below_one():
    slots = Placement(find("auto", [1.0, 1.0]), 3, cores=8)
    assert slots.lower("cuda:1", 3) == (
        "from here on 2 at once on cuda:1 in place of 3, as memory ran out beside other trials"
    )
    assert (slots.lower("cuda:1", 3), slots.slots) == (None, 5)  # another of the same three
    assert slots.lower("cuda:1", 2) is not None
    assert (slots.lower("cuda:1", 1), slots.slots) == (None, 4)


def test_a_device_takes_no_trial_before_fewer_run_there_than_memory_allows():
    slots = Placement([CPU], 2, cores=8)
    slots.take(), slots.take()
    slots.lower("cpu", 2)
    slots.give_back(CPU)
    assert slots.take() is None
    slots.give_back(CPU)
    assert slots.take() == CPU


def test_slots_that_were_lowered_are_not_chosen_higher_again():
    slots = Placement([CPU], None, cores=8)
    slots.learn(100.0)
    slots.lower("cpu", 8)
    slots.learn(101.0)
    assert slots.slots == 7


@given(
    peaks=st.lists(st.floats(1.0, 10_000.0), min_size=1), cores=st.integers(1, 256), free=st.floats(1.0, 1e6)
)
def test_chosen_slots_never_grow_after_the_first_trial_and_never_plan_with_more_than_is_free(
    peaks, cores, free
):
    slots, before = Placement([Device("cpu", free)], None, cores), None
    for peak in peaks:
        slots.learn(peak)
        assert 1 <= slots.slots <= min(cores, placement.MOST)
        assert before is None or slots.slots <= before
        assert (
            slots.slots == 1 or slots.slots * max(peaks[: peaks.index(peak) + 1]) * 2 <= 0.8 * free * 1.0001
        )
        before = slots.slots


def test_what_is_free_is_no_more_than_the_machine_has():
    assert 0 < free_memory_mb() <= memory_limit_mb(1) / 0.8 + 1
