"""A limit of latency in whole runs: stored with each trial, kept by the best, told to roles, never another device's."""

from itertools import product

import pytest
from listeners import StopAfter

from navarch import NavarchError

LIMIT = 12.0


@pytest.fixture
def latencies(tmp_path):
    """Latencies of all cells on two devices: 1 ms, and 4 ms for each 3x3 convolution; twice that."""
    path = tmp_path / "latency.csv"
    rows = (("".join(code), 1 + 4 * code.count("3")) for code in product("01234", repeat=6))
    path.write_text("architecture,fast,slow\n" + "".join(f"{code},{ms},{2 * ms}\n" for code, ms in rows))
    return path


@pytest.fixture
def search(bench, latencies):
    def search(workflow, device="fast", **flags):
        limits = {"device": device, "max_latency_ms": LIMIT}
        found = {"table": {"latency": latencies}, "limits": limits, "budget": {"trials": 12}, **flags}
        result = bench.run(workflow=workflow, **found)
        with bench.memory() as memory:
            return result, memory.trials(result.run.run_id)

    return search


def count_3x3(trial):
    return sum(option == "nor_conv_3x3" for option in trial.architecture.values())


@pytest.mark.parametrize("flags", [{}, {"obfuscate": 5}])
def test_a_search_tries_only_what_is_fast_enough_and_stores_how_fast(search, flags):
    result, trials = search("evolution", **flags)
    assert len(trials) == 12
    assert all(trial.objectives["latency_ms"] <= LIMIT for trial in trials)
    if not flags:
        assert all(trial.objectives["latency_ms"] == 1 + 4 * count_3x3(trial) for trial in trials)
    assert result.best.val_accuracy == max(trial.val_accuracy for trial in trials)


def test_a_workflow_without_a_filter_measures_what_is_slow_but_never_calls_it_best(search, bench):
    result, trials = search("collm-nas", device="slow", seed=3)
    within = [trial for trial in trials if trial.objectives["latency_ms"] <= LIMIT]
    assert 0 < len(within) < len(trials)
    assert result.best.val_accuracy == max(trial.val_accuracy for trial in within)
    with bench.memory() as memory:
        last = memory.calls(result.run.run_id, role="navigator")[-1]
        told = "\n".join(memory.text(digest) for _, digest in last.messages)
    assert "at most 12.0 ms of latency" in told
    assert "latency-ms within-limits" in told


def test_a_reused_trial_has_the_latency_of_this_runs_device(search):
    search("random", seed=1)
    _, second = search("random", device="slow", seed=1, limits={"device": "slow"})
    reused = [trial for trial in second if trial.reused_from is not None]
    assert reused
    for trial in reused:
        assert trial.objectives["latency_ms"] == 2 * (1 + 4 * count_3x3(trial))


def test_the_target_is_reached_only_within_the_limit(search):
    result, _ = search("local-search-seeded", target=60.0)
    assert result.best.objectives["latency_ms"] <= LIMIT
    assert result.best.val_accuracy >= 60.0


@pytest.mark.parametrize("obfuscate", [None, 5])
def test_a_resumed_run_refuses_latencies_that_have_changed(search, bench, latencies, obfuscate):
    old = latencies.read_text()
    search("random", progress=StopAfter(bench, 4), obfuscate=obfuscate)
    latencies.write_text(old.replace(",1,2\n", ",1.5,2\n").replace(",5,10\n", ",5.5,10\n"))
    with pytest.raises(
        NavarchError, match=r"other latencies: trial \d+ had [15] ms, and the table has [15]\.5 ms"
    ):
        bench.resume()
    latencies.write_text(old)
    assert bench.resume().run.state == "finished"
