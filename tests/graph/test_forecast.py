"""A forecast against the runs that it is of: the prompts of the rehearsal are those that a run sends."""

import json
from dataclasses import replace

import pytest
from openai_server import Fault, OpenAIServer

from navarch.graph.assemble import prepare
from navarch.graph.estimates import Span
from navarch.graph.forecast import forecast, forecast_round, rehearse
from navarch.graph.pilot import question_of
from navarch.graph.settings import load_settings
from navarch.memory import Memory

LOCAL = {"base_url": "http://127.0.0.1:9/v1"}
PRICED = {**LOCAL, "price_input": 1.0, "price_output": 4.0}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def settings(**flags):
    return load_settings(None, {"model": "openai:m", "server": LOCAL, "budget": {"trials": 8}, **flags})


@pytest.mark.parametrize("workflow", ["navarch", "collm-nas", "seki"])
def test_a_run_is_asked_what_the_rehearsal_was_asked(bench, workflow):
    rehearsal = rehearse(settings(workflow=workflow), 8)
    planned = rehearsal.asked
    bench.run(workflow=workflow, budget={"trials": 8}, search={"proposals": 16, "trials_per_round": 4})
    with bench.memory() as memory:
        asked = [question_of(memory, row) for row in memory.calls("r1")]
        assert (rehearsal.rounds, rehearsal.trials) == (len(memory.rounds("r1")), 8)
    first = asked[0].round
    same = [(one.prompt, one.chars) for one in asked if one.round == first and one.prompt != "distiller"]
    assert [
        (one.prompt, one.chars) for one in planned if one.round == first and one.prompt != "distiller"
    ] == same
    mean, real = (sum(one.chars for one in all_of) / len(all_of) for all_of in (planned, asked))
    assert mean == pytest.approx(real, rel=0.15)  # other accuracies, other replies, the same shape


def test_prompts_grow_through_a_run_and_the_sums_are_those_of_the_rounds():
    plan = settings(server=PRICED)
    rehearsal = rehearse(plan, 8)
    whole = forecast(plan, prepare(plan), slots=2)
    library = prepare(plan).library
    parts = [forecast_round(plan, library, rehearsal, number) for number in (1, 2)]
    assert parts[-1].input_tokens.low > parts[0].input_tokens.low
    assert whole.input_tokens.high == pytest.approx(sum(part.input_tokens.high for part in parts))
    assert whole.calls == Span(8, 8)
    assert whole.money.high == pytest.approx(whole.input_tokens.high * 1e-6 + whole.output_tokens.high * 4e-6)
    assert (whole.seconds, whole.rounds, whole.trials) == (None, 2, 8)


def test_only_roles_that_are_models_cost_anything():
    one = settings(model="offline", roles={"critic": "openai:m"})
    assert {prompt.prompt for prompt in forecast(one, prepare(one), slots=1).prompts} == {"critic"}
    none = settings(model="offline")
    found = forecast(none, prepare(none), slots=2, epoch_seconds=Span(1.0, 2.0))
    assert (found.prompts, found.seconds) == ((), Span(16.0, 32.0))  # 8 trials of 4 epochs, two at once


def test_a_rehearsal_leaves_nothing_behind(tmp_path):
    rehearse(settings(), 4)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_target_does_not_end_a_rehearsal():
    assert rehearse(settings(target=30.0), 8).trials == 8


def test_a_pilot_puts_measurements_in_the_place_of_estimates(bench, monkeypatch):
    monkeypatch.setattr("navarch.graph.pilot.make_evaluator", bench._make)
    replies = {
        "navigator": {"summary": "s", "patterns": [], "guidance": [], "build_on": [], "explore": 1.0},
        "critic": {"verdicts": [{"candidate": 1, "decision": "accept", "score": 0.5, "reason": "r"}]},
        "distiller": {"lessons": [], "retire": []},
    }
    edges = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")
    cells = [dict.fromkeys(edges, name) for name in ("nor_conv_3x3", "nor_conv_1x1")]
    replies["generator"] = {"proposals": [{"architecture": cell, "why": "w"} for cell in cells]}
    usage = {"prompt_tokens": 1000, "completion_tokens": 70}
    order = ("navigator", "generator", "generator", "critic", "distiller")
    script = [Fault(text=json.dumps(replies[role]), usage=usage) for role in order]
    script[1] = Fault(text="no JSON", usage=usage)  # a repair turn
    with OpenAIServer(script) as server:
        plan = settings(
            server={"base_url": server.base_url},
            search={"trials_per_round": 2, "retries": 0},
            budget={"trials": 4},
        )
        found = forecast(plan, prepare(plan), slots=1, pilot=1)
        assert len(server.requests) == 5
        sizes = [one.chars for one in rehearse(plan, 4).asked if one.prompt == "navigator"]
    by_name = {one.prompt: one for one in found.prompts}
    assert by_name["navigator"].output_tokens == Span(140, 140)  # two rounds
    assert by_name["generator"].calls == Span(2, 4)
    # The first prompt is the pilot's own, which took 1000 tokens; the second one is longer.
    assert by_name["navigator"].input_tokens.low == pytest.approx(1000 * sum(sizes) / sizes[0])
    assert found.model_seconds is not None
    assert found.train_seconds == Span(4 * 0.1, 4 * 0.1)
    assert len(bench.evaluator.trained) == 2
    assert bench.evaluator.tested == []
    assert not bench.db.exists()


def test_earlier_runs_tell_how_long_a_trial_takes(bench):
    from navarch.graph.pilot import time_of_epochs

    bench.run(budget={"trials": 2}, workflow="random")
    plan = settings()
    parts = prepare(plan)
    with Memory.open(bench.db, create=False, read_only=True) as memory:
        assert time_of_epochs(memory, parts.task.digest) == Span(0.1 / 4, 0.1 / 4)
        assert time_of_epochs(memory, "another task") is None


def test_the_time_of_an_epoch_is_neither_that_of_a_silence_nor_of_an_earlier_trial(bench):
    from types import SimpleNamespace

    from navarch.graph.pilot import time_of_epochs

    bench.run(budget={"trials": 3}, workflow="random")
    with Memory.open(bench.db, create=False, read_only=True) as memory:
        (run,) = memory.runs()
        plain, again, on = memory.trials("r1")
    again = replace(again, cost={**again.cost, "seconds": 1800.0, "attempts": 2})
    on = replace(on, cost={**on.cost, "start_epochs": 2})
    kept = SimpleNamespace(runs=lambda: [run], trials=lambda _: [plain, again, on], repeats=lambda _: [])
    assert time_of_epochs(kept, run.task_digest) == Span(0.1 / 4, 0.1 / 2)


def test_trials_of_few_epochs_are_planned_as_such():
    halving = settings(workflow="halving", budget={"trials": 14}, search={"rungs": [1, 4]})
    assert rehearse(halving, 14).epochs < 14 * 4
