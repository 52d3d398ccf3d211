"""Models that step in where a role's own cannot be called, before the offline twin does."""

import pytest
from caller_bench import GOOD, Bench
from scripted_model import ScriptedModel

from navarch.agents.errors import ModelError

DOWN = ModelError("server", "HTTP 500", retryable=True)
REFUSED = ModelError("auth", "HTTP 401")


def bench_of(memory, library, script, *spares, **more):
    models = [ScriptedModel(items, f"openai:spare-{number}") for number, items in enumerate(spares, start=1)]
    return Bench(memory, library, script, spares=models, **more), models


def trace(memory):
    return [(row.turn, row.model, row.source, row.state) for row in memory.calls("r1")]


def test_the_next_model_is_asked_the_same_when_the_first_fails(memory, library):
    bench, (spare,) = bench_of(memory, library, [DOWN], [GOOD["generator"]])
    assert bench.ask().source == "model"
    assert trace(memory) == [
        (0, "openai:scripted", "model", "error"),
        (1, "openai:spare-1", "model", "ok"),
    ]
    assert spare.asked == bench.model.asked
    assert spare.schemas == bench.model.schemas


@pytest.mark.parametrize("failure", [DOWN, REFUSED])
def test_when_no_model_is_left_the_twin_answers_or_the_run_stops_as_with_one(memory, library, failure):
    bench, _ = bench_of(memory, library, [GOOD["generator"], failure], [failure], [failure])
    bench.ask(round=1)
    assert bench.ask(round=2).source == "fallback"
    assert [row[1] for row in trace(memory)[1:]] == [
        "openai:scripted",
        "openai:spare-1",
        "openai:spare-2",
        "offline",
    ]


def test_a_run_in_which_no_model_ever_answered_is_stopped(memory, library):
    bench, _ = bench_of(memory, library, [REFUSED], [REFUSED])
    with pytest.raises(ModelError, match="401"):
        bench.ask()


def test_a_refused_key_is_no_end_while_a_spare_answers(memory, library):
    bench, _ = bench_of(memory, library, [REFUSED], [GOOD["generator"]])
    assert bench.ask().source == "model"


def test_bad_replies_are_repaired_by_the_model_that_gave_them(memory, library):
    bench, (spare,) = bench_of(memory, library, ["a", "b", "c"], [])
    assert bench.ask().source == "fallback"
    assert spare.asked == []


def test_after_a_crash_the_model_that_failed_is_not_asked_again(memory, library):
    bench, _ = bench_of(memory, library, [DOWN], [])
    with pytest.raises(AssertionError):  # the spare has no reply: the process dies while it is asked
        bench.ask()
    resumed, (spare,) = bench_of(memory, library, [], [GOOD["generator"]])
    assert resumed.ask().source == "model"
    assert (resumed.model.asked, len(spare.asked)) == ([], 1)


def test_a_spare_that_is_the_roles_own_model_is_not_asked_twice(memory, library):
    bench = Bench(memory, library, [DOWN], spares=[ScriptedModel([], "openai:scripted")])
    assert bench.ask().source == "fallback"
