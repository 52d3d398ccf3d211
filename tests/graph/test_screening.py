"""The cascade: zero-cost proxies of the candidates, measured before the Critic judges and before anything trains."""

from typing import NamedTuple

import pytest

import navarch.graph.screening as screening
from navarch import NavarchError
from navarch.evaluation import Fidelity, get_task
from navarch.evaluation.proxies.scores import Scores
from navarch.evaluation.proxies.screen import ProxyScreen
from navarch.graph.progress import Silent
from navarch.graph.workflows import get_workflow
from navarch.spaces import Architecture, get_space

SPACE = get_space("nas-bench-201")
SMALL = Fidelity(1, {"width": 4, "cells": 1})


class FewConvolutions:
    """A screen that finds the cells with fewest convolutions best, and has no figure for one of them."""

    names = ("synflow",)

    def __init__(self, missing=()):
        self.missing, self.asked = missing, []

    def measure(self, architectures, fidelity, *, on_scores, should_stop):
        for place, architecture in enumerate(architectures):
            self.asked.append(SPACE.code(architecture))
            found = -float(sum("conv" in value for value in architecture.values))
            good = SPACE.code(architecture) not in self.missing
            on_scores(
                place,
                Scores({"synflow": found}, {}, {}) if good else Scores({}, {}, {"synflow": "oom: too large"}),
            )

    def close(self):
        pass


class Row(NamedTuple):
    """A proposal as the ranking reads it."""

    verdict: dict | None


@pytest.fixture
def use(bench):
    """Put a screen in the place of the real one."""

    def put(screen):
        bench.monkeypatch.setattr("navarch.graph.run.make_screen", lambda _settings, _task: screen)
        return screen

    return put


def measure(screen, *architectures):
    found = {}
    try:
        screen.measure(architectures, SMALL, on_scores=found.__setitem__, should_stop=lambda: False)
    finally:
        screen.close()
    return [found[place] for place in range(len(architectures))]


def test_every_candidate_has_proxies_before_the_critic_is_asked_and_reads_them(bench, use):
    screen = use(FewConvolutions())
    bench.run(budget={"trials": 4}, search={"proposals": 6}, proxies={"names": "synflow"})
    with bench.memory() as memory:
        candidates = [
            row for row in memory.proposals("r1") if row.status in ("selected", "unselected", "vetoed")
        ]
        asked = [memory.rendered(call) for call in memory.calls("r1") if call.role == "critic"]
    assert sorted(screen.asked) == sorted(row.code for row in candidates)
    for row in candidates:
        assert row.verdict["proxies"]["synflow"] == -sum("conv" in v for v in row.architecture.values())
        assert "rank" in row.verdict
    system, user = (text for _, text in asked[0])
    assert "- synflow: zero-cost proxies, measured on the untrained networks." in system
    assert "candidate | code | params | synflow | estimate % |" in user


def test_only_the_best_by_proxies_go_on_and_a_missing_figure_is_last(bench, use):
    use(FewConvolutions(missing=("000000",)))
    flags = {"workflow": "navarch", "without": ["critic"], "budget": {"trials": 2}}
    bench.run(**flags, search={"proposals": 16}, proxies={"names": ["synflow"], "keep": 3})
    with bench.memory() as memory:
        for number in range(1, memory.last_round("r1") + 1):
            rows = [row for row in memory.proposals("r1", round=number) if row.verdict]
            out = [row for row in rows if row.verdict.get("screened_out")]
            on = [row for row in rows if row not in out]
            assert len(on) == min(3, len(rows))
            assert all(row.status == "unselected" for row in out)
            worst_on = min(row.verdict["proxies"].get("synflow", -99) for row in on)
            assert all(row.verdict["proxies"].get("synflow", -99) <= worst_on for row in out)
            tried = {trial.code for trial in memory.trials("r1", round=number)}
            assert tried <= {row.code for row in on}


def test_a_round_keeps_enough_candidates_for_its_trials(bench, use):
    use(FewConvolutions())
    flags = {"budget": {"trials": 6}, "search": {"proposals": 8, "trials_per_round": 3}}
    bench.run(**flags, proxies={"names": ["synflow"], "keep": 1})
    with bench.memory() as memory:
        assert len(memory.trials("r1")) == 6


def test_without_any_figure_every_candidate_goes_on(bench):
    from navarch.graph.settings import load_settings

    settings = load_settings(None, {"proxies": {"names": ["synflow", "naswot"], "keep": 1}})
    rows = [Row({"proxies": {}, "unmeasured": {"synflow": "oom"}}), Row(None), Row({})]
    assert screening.screened(settings, rows, 1) == (rows, [])


def test_az_nas_is_one_rank_among_the_proxies_joined_from_its_four_figures():
    from navarch.graph.settings import load_settings

    settings = load_settings(None, {"proxies": {"names": ["az_nas", "synflow"], "keep": 1}})
    names = ("az_expressivity", "az_progressivity", "az_trainability", "macs", "synflow")
    # Three figures of one proxy favour the first; MACs and synflow the second, synflow counting as much as all four.
    table = [(3, 3, 3, 1, 1), (2, 2, 2, 3, 3), (1, 1, 1, 2, 2)]
    rows = [Row({"proxies": dict(zip(names, figures, strict=True))}) for figures in table]
    assert screening.screened(settings, rows, 1) == ([rows[1]], [rows[0], rows[2]])
    assert screening.make_screen(settings, get_task("digits")).names == ("az_nas", "synflow", "macs")


def test_a_run_says_how_many_candidates_were_measured(bench, use):
    said = []

    class Notes(Silent):
        def noted(self, message):
            said.append(message)

    use(FewConvolutions(missing=("000000",)))
    bench.run(budget={"trials": 2}, proxies={"names": ["synflow"]}, progress=Notes())
    with bench.memory() as memory:
        rows = [row for row in memory.proposals("r1", round=1) if "proxies" in (row.verdict or {})]
    assert said[0].startswith(f"round 1: proxies of {len(rows)} candidates measured")


def test_a_promotion_is_not_measured_again(bench, use):
    screen = use(FewConvolutions())
    search = {"rungs": [1, 4], "reduction": 2}
    bench.run(workflow="halving", budget={"trials": 6}, search=search, proxies={"names": ["synflow"]})
    with bench.memory() as memory:
        first, second = ({row.code for row in memory.trials("r1", round=n)} for n in (1, 2))
    assert second <= first
    assert sorted(screen.asked) == sorted(first)


def test_what_was_measured_is_not_measured_again_after_a_crash(bench, use):
    screen = use(FewConvolutions())
    calls = []

    def fail_once(job):
        calls.append(job)
        if len(calls) == 1:
            raise KeyboardInterrupt

    bench.prepare = lambda evaluator: setattr(evaluator, "before", fail_once)
    with pytest.raises(KeyboardInterrupt):
        bench.run(budget={"trials": 2}, proxies={"names": ["synflow"]})
    before = list(screen.asked)
    bench.resume()
    assert screen.asked[: len(before)] == before
    assert len(screen.asked) == len(set(screen.asked))


def test_the_trace_says_what_the_proxies_left_out(bench, use):
    from navarch.cli.wording import because

    use(FewConvolutions())
    bench.run(budget={"trials": 2}, search={"proposals": 16}, proxies={"names": ["synflow"], "keep": 2})
    with bench.memory() as memory:
        out = [row for row in memory.proposals("r1") if (row.verdict or {}).get("screened_out")]
    assert out
    assert all(because(row).startswith("left out by the proxies: synflow -") for row in out)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"proxies": {"names": ["flow"]}}, "there is no proxy 'flow'"),
        ({"proxies": {"keep": 3}}, "proxies.names, which is empty"),
        ({"proxies": {"names": ["snip"], "batch": 1001}}, "proxies.batch is 1001.*give at most 1000"),
        *(
            ({"workflow": workflow, "proxies": {"names": ["snip"], "keep": 3}}, "no more than it tries")
            for workflow in ("random", "evolution", "halving", "asha", "collm-nas", "seki")
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_a_run(bench, flags, said):
    with pytest.raises(NavarchError, match=said):
        bench.run(budget={"trials": 1}, **flags)
    assert not bench.db.exists()


def test_a_declared_space_has_no_networks_to_measure(bench):
    from navarch.graph.settings import load_settings

    settings = load_settings(None, {"space": "mine.toml", "proxies": {"names": ["snip"]}})
    with pytest.raises(NavarchError, match="the declared space 'nas-bench-201' has none"):
        screening.check_proxies(settings, get_workflow("navarch"), SPACE, get_task("digits"))


def test_the_screen_measures_in_processes_and_an_architecture_that_fails_is_a_reason():
    screen = ProxyScreen(["synflow", "naswot"], get_task("digits"), batch=2)
    good, cut, strange = measure(
        screen, SPACE.parse("333132"), SPACE.parse("000000"), Architecture("no-such-space", ("a",))
    )
    assert set(good.figures) == {"synflow", "naswot"}
    assert cut.figures == {"synflow": 0.0}
    assert cut.reasons == {"naswot": "naswot is -inf, not a finite number"}
    assert strange.reasons["synflow"].startswith("crashed: ")
    assert "no-such-space" in strange.reasons["naswot"]


@pytest.mark.slow
def test_a_task_without_images_is_measured_on_noise_of_its_size():
    screen = ProxyScreen(["synflow", "snip"], get_task("nb201-cifar10"), batch=2)
    (scores,) = measure(screen, SPACE.parse("333132"))
    assert scores.reasons == {}
    assert scores.figures["snip"] > 0


@pytest.mark.slow
def test_a_candidate_over_its_deadline_is_a_reason():
    screen = ProxyScreen(["snip"], get_task("digits"), batch=2, timeout_s=0.001)
    (scores,) = measure(screen, SPACE.parse("333132"))
    assert scores.figures == {}
    assert scores.reasons["snip"].startswith("timeout: stopped at its time limit")
