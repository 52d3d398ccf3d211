"""The noise of a setting: measured once, remembered, and told to the roles in later runs."""

import pytest

import navarch.graph.run as run_module
from navarch import NavarchError
from navarch.graph.assemble import prepare
from navarch.graph.noise import known_repeats, noise_of, with_noise
from navarch.graph.replaying import pin_recordings
from navarch.graph.settings import load_settings, settings_of
from navarch.memory import Memory


def measure(bench, *codes, seeds=4, progress=None, **flags):
    return run_module.start_noise(load_settings(None, {"db": bench.db, **flags}), codes, seeds, progress)


def noise_in(bench, run="r1"):
    with bench.memory() as memory:
        row = memory.repeats(run)[0]
        return noise_of(known_repeats(memory, row.space, row.task_digest, row.fidelity))


def test_noise_is_measured_on_seeds_other_than_the_searchs(lucky):
    result = measure(lucky, "123401", "333333", train={"seed": 7})
    assert (result.run.state, result.run.workflow) == ("finished", "noise")
    assert result.reason == "4 seeds of 2 architectures"
    assert sorted(lucky.evaluator.seeds) == [8, 8, 9, 9, 10, 10, 11, 11]
    assert noise_in(lucky).freedom == 6
    assert 1.0 < noise_in(lucky).deviation < 9.0
    assert lucky.evaluator.tested == []


def test_noise_of_the_prior_is_measured_where_none_is_named(lucky):
    measure(lucky)
    with lucky.memory() as memory:
        assert {row.code for row in memory.repeats("r1")} == {"333333"}


def test_what_was_repeated_is_not_trained_again(lucky):
    measure(lucky, "123401", seeds=3)
    measure(lucky, "123401", seeds=5)
    assert lucky.evaluator.seeds == [4, 5]
    assert noise_in(lucky, "r2").freedom == 4


def test_a_run_of_noise_is_resumed_like_any_other(lucky):
    class StopAtTwo(run_module.Silent):
        def repeated(self, trial, done, planned):
            if done == 2:
                with Memory.open(lucky.db) as memory:
                    memory.request_stop("r1")

    stopped = measure(lucky, "123401", seeds=5, progress=StopAtTwo())
    assert stopped.run.state == "stopped"
    ended = lucky.resume()
    assert ended.run.state == "finished"
    assert lucky.evaluator.seeds == [3, 4, 5]
    assert noise_in(lucky).freedom == 4


def test_a_later_run_tells_margins_in_units_of_the_noise(lucky):
    measure(lucky, "123401", seeds=5)
    lucky.run(workflow="random", budget={"trials": 6})
    known = noise_in(lucky).deviation
    with lucky.memory() as memory:
        assert memory.get_run("r2").settings["confirm"]["noise"] == pytest.approx(known, abs=1e-4)
        told = [row.feedback for row in memory.trials("r2")]
    margins = [(one["margin_to_best"], one["margin_in_noise"]) for one in told if "margin_in_noise" in one]
    assert len(margins) >= 5
    assert all(points / known == pytest.approx(units, rel=1e-3) for points, units in margins)


def test_the_distiller_reads_margins_in_units_of_the_noise(lucky):
    lucky.run(budget={"trials": 4}, confirm={"noise": 2.0})
    lucky.run(budget={"trials": 4}, train={"seed": 9})
    with lucky.memory() as memory:
        first, second = (
            "\n".join(text for call in memory.calls(run) for _, text in memory.rendered(call))
            for run in ("r1", "r2")
        )
    assert "deviations between seeds" in first
    assert "deviations between seeds" not in second
    assert "% ± " in second  # by the number of validation images


def test_a_noise_that_the_settings_name_counts(lucky):
    measure(lucky, "123401", seeds=5)
    lucky.run(workflow="random", budget={"trials": 2}, confirm={"noise": 2.5})
    with lucky.memory() as memory:
        assert memory.get_run("r2").settings["confirm"]["noise"] == 2.5


def test_an_architecture_that_every_seed_gives_the_same_says_nothing_of_noise(bench):
    measure(bench, "123401")
    assert noise_in(bench) is None
    bench.run(workflow="random", budget={"trials": 2})
    with bench.memory() as memory:
        assert memory.get_run("r2").settings["confirm"]["noise"] is None


def test_of_a_lower_rung_the_noise_is_not_known(lucky):
    lucky.run(
        workflow="halving",
        budget={"trials": 8},
        confirm={"noise": 2.0},
        search={"rungs": [1, 4], "reduction": 2},
        train={"epochs": 4},
    )
    with lucky.memory() as memory:
        told = {row.epochs for row in memory.trials("r1") if "margin_in_noise" in row.feedback}
    assert told == {4}


def test_a_replay_reads_the_prompts_that_the_recorded_run_did(lucky):
    lucky.run(budget={"trials": 4})
    measure(lucky, "123401", seeds=5)
    lucky.run(budget={"trials": 4}, train={"seed": 9}, confirm={"noise": 2.0})
    for recorded in ("r1", "r3"):
        settings = load_settings(
            None, {"db": lucky.db, "model": f"replay:{recorded}", "budget": {"trials": 4}}
        )
        with lucky.memory() as memory:
            noise = settings_of(memory.get_run(recorded)).confirm.noise
        pinned = pin_recordings(settings)
        parts = prepare(pinned)
        with lucky.memory() as memory:
            assert with_noise(memory, pinned, parts).confirm.noise == noise


def test_what_a_settings_file_says_of_a_search_has_no_part_in_noise(lucky):
    measure(
        lucky,
        "123401",
        seeds=3,
        workflow="navarch",
        obfuscate=3,
        without=["critic"],
        proxies={"names": ["snip"], "keep": 2},
        budget={"epochs": 40},
        confirm={"top": 9, "seeds": 9},
    )
    with lucky.memory() as memory:
        assert {(row.code, row.state) for row in memory.repeats("r1")} == {("123401", "complete")}


def test_noise_of_another_fidelity_is_another(lucky):
    measure(lucky, "123401", seeds=5, train={"epochs": 2})
    lucky.run(workflow="random", budget={"trials": 2})
    with lucky.memory() as memory:
        assert memory.get_run("r2").settings["confirm"]["noise"] is None


@pytest.mark.parametrize(
    ("codes", "seeds", "flags", "said"),
    [
        (("123401",), 2, {}, "--seeds 2: a deviation needs at least 3"),
        (("123401", "123401"), 3, {}, "names one architecture twice"),
        (("12",), 3, {}, "'12'"),
        ((), 3, {"evaluator": "table", "task": "nb201-cifar10"}, "a table says the same for every seed"),
        (
            (),
            3,
            {"evaluator": "supernet"},
            "a seed changes only which images set the normalisations: there is no noise",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_starts(bench, codes, seeds, flags, said):
    with pytest.raises(NavarchError, match=said):
        measure(bench, *codes, seeds=seeds, **flags)
    assert not bench.db.exists()
