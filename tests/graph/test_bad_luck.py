"""No reply wastes a round: whole runs against a server with bad luck, and roles that never say anything useful."""

import json
from collections import Counter

import pytest
from bad_luck import EDGES, OPTIONS, BadLuckServer
from faulty_server import CASES, KEY, VirtualClock
from openai_server import OpenAIServer
from scripted_model import ScriptedModel

from navarch.agents.ladder import ladders
from navarch.agents.openai_model import OpenAIModel
from navarch.agents.redaction import Secret

ROLES = ("navigator", "generator", "critic", "distiller")


def clients_of(server, *roles):
    """Return a client for each role, named after it, whose waits take no time."""
    clock = VirtualClock()
    return {
        role: OpenAIModel(role, base_url=server.base_url, api_key=Secret(KEY), sleep=clock.sleep, clock=clock)
        for role in roles
    }


def search(bench, models, *, rounds, each, **flags):
    """Run so many rounds of `each` trials, and check that not one of them was wasted."""
    bench.use_models(**models)
    result = bench.run(
        budget={"trials": rounds * each},
        search={"trials_per_round": each},
        roles={role: f"openai:{role}" for role in models},
        **flags,
    )
    assert result.run.state == "finished"
    with bench.memory() as memory:
        assert [row.new_trials for row in memory.rounds("r1")] == [each] * rounds
        assert {trial.state for trial in memory.trials("r1")} == {"complete"}
        counted = {ladder.model: ladder.as_dict() for ladder in ladders(memory, "r1")}
    return result, counted


def check_bad_luck(bench, seed, rounds):
    with BadLuckServer(seed) as server:
        result, counted = search(bench, clients_of(server, *ROLES), rounds=rounds, each=2)
        expected = server.expected()
    assert set(expected) == set(ROLES)
    for role in ROLES:
        row = counted[f"openai:{role}"]
        assert Counter({name: n for name, n in row.items() if name != "model"}) == expected[role], role
    twins = sum(found["twin"] for found in expected.values())
    assert result.replies.fallback == twins
    with bench.memory() as memory:
        assert memory.spent("r1").calls == len(server.log)
    for file in bench.folder.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes()
    return expected


def test_a_run_with_bad_luck_evaluates_every_round_and_counts_what_was_played(bench):
    check_bad_luck(bench, seed=1, rounds=3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 3, 4, 5])
def test_ten_rounds_of_bad_luck_over_all_roles(bench, seed):
    expected = sum(check_bad_luck(bench, seed, rounds=10).values(), Counter())
    ways = ("at_once", "extracted", "repaired_1", "twin", "partly_valid", "errors")
    assert all(expected[way] for way in ways), "this seed says little"


def sound_reply(number):
    cell = {edge: OPTIONS[number // 4**place % 4] for place, edge in enumerate(EDGES)}
    return json.dumps({"proposals": [{"architecture": cell, "why": "in order"}]})


@pytest.mark.parametrize("bad", [3, 10, pytest.param(100, marks=pytest.mark.slow)])
def test_bad_replies_in_a_row_are_replaced_and_the_run_completes(bench, bad):
    """D4: after three a fallback, marked so; what is left over is repaired."""
    rounds = bad // 3 + 2
    model = ScriptedModel(["no idea"] * bad + [sound_reply(n) for n in range(rounds)], "openai:generator")
    result, counted = search(bench, {"generator": model}, rounds=rounds, each=1)
    row = counted["openai:generator"]
    assert (row["twin"], row["repaired_1"]) == (bad // 3, bad % 3)
    assert row["questions"] == rounds
    assert result.replies.fallback == bad // 3
    with bench.memory() as memory:
        marked = [call.call_id for call in memory.calls("r1", role="generator") if call.source == "fallback"]
        fell_back = {row.round for row in memory.proposals("r1") if row.call_id in marked}
    assert fell_back == set(range(1, bad // 3 + 1))


def test_a_server_that_limits_the_rate_for_ever_is_asked_four_times_a_question(bench):
    """G5: bounded, and every request is counted."""
    with OpenAIServer([CASES["429 for ever"].answer(None, "")]) as server:
        _, counted = search(bench, clients_of(server, "generator"), rounds=3, each=1)
        assert len(server.requests) == counted["openai:generator"]["requests"] == 3 * 4
    with bench.memory() as memory:
        assert memory.spent("r1").calls == 12


def test_a_model_that_never_repairs_its_reply_is_asked_three_times_a_question(bench):
    model = ScriptedModel(["{}"] * 9, "openai:generator")
    _, counted = search(bench, {"generator": model}, rounds=3, each=1)
    assert len(model.asked) == counted["openai:generator"]["calls"] == 9


def test_a_critic_that_refuses_everything_is_asked_once_a_round(bench):
    verdicts = [{"candidate": n, "decision": "veto", "score": 0.0, "reason": "no"} for n in range(1, 17)]
    model = ScriptedModel([json.dumps({"verdicts": verdicts})] * 3, "openai:critic")
    _, counted = search(bench, {"critic": model}, rounds=3, each=1)
    assert len(model.asked) == counted["openai:critic"]["at_once"] == 3
