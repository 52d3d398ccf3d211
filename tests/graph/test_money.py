"""Budgets of money and of time: reserved before, counted after a crash, refused without a price."""

import json
from types import SimpleNamespace

import pytest
from faulty_server import VirtualClock
from scripted_model import ScriptedModel

import navarch.graph.run as run_module
from navarch import NavarchError
from navarch.graph.money import money_of
from navarch.graph.settings import settings_of

EDGES = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")
OPTIONS = ("nor_conv_3x3", "nor_conv_1x1", "skip_connect", "avg_pool_3x3")
PRICED = {"price_input": 100.0, "price_output": 1000.0}  # a scripted call costs 100 x 1e-4 + 20 x 1e-3 = 0.03
WORST = 100.0  # more than any reservation at these prices


def proposal(number):
    values = {edge: OPTIONS[number // 4**place % 4] for place, edge in enumerate(EDGES)}
    return json.dumps({"proposals": [{"architecture": values, "why": "a reason"}]})


def start(bench, calls, **flags):
    model = ScriptedModel([proposal(number) for number in range(calls)], name="openai:generator")
    bench.use_models(generator=model)
    flags = {"search": {"trials_per_round": 1}, "roles": {"generator": "openai:generator"}, **flags}
    return model, bench.run(**flags)


def test_a_run_stops_before_the_call_that_might_pass_its_money(bench):
    model, result = start(bench, 3, budget={"trials": 3, "money": WORST}, server=PRICED)
    reserved = 8.0  # of one call, at least: 8192 tokens of reply at the dearer price
    assert len(model.asked) == 3
    assert result.money == pytest.approx(3 * 0.03)
    model, result = start(bench, 3, seed=1, budget={"trials": 3, "money": reserved}, server=PRICED)
    assert model.asked == []
    assert result.reason == "budget of 8 in money has no room for the next call"


def test_what_a_run_cost_is_in_its_memory_at_its_own_prices(bench):
    start(bench, 2, budget={"trials": 2}, server=PRICED)
    with bench.memory() as memory:
        assert money_of(memory, "r1", settings_of(memory.get_run("r1"))) == pytest.approx(0.06)
    _, result = start(bench, 2, seed=1, budget={"trials": 2})
    assert result.money is None


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({}, "the price of 'openai:generator' is not known: set server.price_input and server.price_output"),
        ({"price_input": 1.0}, "server.price_input is set and server.price_output is not"),
        ({"price_output": 1.0}, "server.price_output is set and server.price_input is not"),
    ],
)
def test_a_limit_on_money_without_a_price_refuses_to_start(bench, server, said):
    with pytest.raises(NavarchError) as caught:
        start(bench, 0, budget={"money": 1.0}, server=server)
    assert said in str(caught.value)
    assert not bench.db.exists()


def test_a_limit_on_money_needs_no_price_where_no_model_is_called(bench):
    assert bench.run(budget={"trials": 2, "money": 1.0}).reason == "budget of 2 trials is spent"


def test_a_budget_of_training_time_ends_the_search_between_rounds(bench):
    bench.run(budget={"trials": 9, "train_seconds": 0.25}, search={"trials_per_round": 2}, workflow="random")
    with bench.memory() as memory:
        run = memory.get_run("r1")
        assert run.stop_reason == "budget of 0.25 seconds of training is spent"
        assert memory.spent("r1").trials == 4  # of 0.1 s each: judged after two rounds


@pytest.mark.parametrize(("seconds", "calls"), [(1, 1), (29, 3), (30, 3), (31, 4)])
def test_no_call_begins_when_the_time_is_over(bench, monkeypatch, seconds, calls):
    """Each call takes ten seconds by the clock: the limit is passed by less than one of them."""
    clock = VirtualClock()
    monkeypatch.setattr(run_module, "time", SimpleNamespace(monotonic=clock))

    def reply(number):
        def answer(messages):
            clock.sleep(10.0)
            return proposal(number)

        return answer

    model = ScriptedModel([reply(number) for number in range(9)], name="openai:generator")
    bench.use_models(generator=model)
    flags = {"search": {"trials_per_round": 1}, "roles": {"generator": "openai:generator"}}
    result = bench.run(budget={"trials": 9, "seconds": seconds}, **flags)
    assert result.reason == f"budget of {seconds} seconds is spent"
    assert len(model.asked) == calls


@pytest.mark.parametrize("limit", ["calls", "tokens", "money", "seconds", "train_seconds"])
def test_a_limit_of_nothing_is_refused_before_anything_is_written(bench, limit):
    with pytest.raises(NavarchError, match=limit):
        bench.run(budget={"trials": 1, limit: 0})
    assert not bench.db.exists()
