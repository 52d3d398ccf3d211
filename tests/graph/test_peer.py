"""Whole runs against a real server: llama.cpp, with a tiny random model held to the JSON schemas of the replies."""

from itertools import pairwise

import pytest
from texts import shared

from navarch.agents import collm, roles
from navarch.agents.model import make_client
from navarch.agents.schema import reply_schema, schema_digest
from navarch.spaces import get_space

pytestmark = pytest.mark.slow
SPACE = get_space("nas-bench-201").json_schema()


def run(bench, peer, workflow, **flags):
    """Run a workflow and return its calls, each of which took one request, no repair and no fallback."""
    bench.run(workflow=workflow, model="openai:tiny", server={"base_url": peer.base_url}, **flags)
    with bench.memory() as memory:
        calls = memory.calls("r1")
        assert memory.spent("r1").calls == len(calls)
    for call in calls:
        assert (call.state, call.source, call.turn, call.attempts) == ("ok", "model", 0, 1), call
        assert call.input_tokens > 1000
        assert 10 < call.output_tokens < 4096
        assert 0 <= call.cached_tokens < call.input_tokens
    return calls


def sent(bench, call):
    with bench.memory() as memory:
        return "\n".join(text for _, text in memory.rendered(call))


def asked_by_schema(peer, role):
    """Tell whether the role's replies are still asked for by JSON schema: nothing was stepped down."""
    schema = reply_schema(role.reply_type, SPACE)
    client = make_client("openai:tiny", base_url=peer.base_url)
    return schema_digest(schema) if client.response_format(schema) == "json_schema" else None


def test_five_rounds_of_collm_nas_with_every_reply_valid(bench, peer):
    calls = run(bench, peer, "collm-nas", budget={"trials": 200}, collm={"rounds": 5, "empty_rounds": 5})
    assert [(call.round, call.role) for call in calls] == [
        (round, role) for round in range(1, 6) for role in ("navigator", "generator")
    ]
    for role in (collm.NAVIGATOR, collm.GENERATOR):
        mine = [call for call in calls if call.role == role.name]
        assert {call.schema_digest for call in mine} == {asked_by_schema(peer, role)}
        for before, call in pairwise(mine):
            # What the last prompt and this one have in common, the server does not read again.
            last, now = sent(bench, before), sent(bench, call)
            share = shared(last, now) / len(now)
            assert share > 0.5, (role.name, call.round)
            assert call.cached_tokens > 0.9 * share * call.input_tokens, (role.name, call.round)
    with bench.memory() as memory:
        assert memory.trials("r1")  # what a random model proposes is seldom new
        assert memory.check() == []


def test_two_rounds_of_all_four_roles_with_every_reply_valid(bench, peer):
    flags = {"budget": {"trials": 4}, "search": {"trials_per_round": 2, "retries": 0}}
    calls = run(bench, peer, "navarch", **flags)
    assert [call.role for call in calls[:4]] == ["navigator", "generator", "critic", "distiller"]
    for role in roles.ROLES:
        digests = {call.schema_digest for call in calls if call.role == role.name}
        assert digests == {asked_by_schema(peer, role)}
