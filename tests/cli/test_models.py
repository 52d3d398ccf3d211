"""`navarch models check` and `navarch plan` as a user calls them."""

import json

import pytest
from openai_server import Fault, OpenAIServer, error

KEY = "sk-canary-1234567890abcdefghijkl"
COLOUR = '{"colour": "red"}'
PRICES = ("--set", "server.price_input=1", "--set", "server.price_output=4")


def listing(**facts):
    return {"/v1/models": {"data": [{"id": "m", **facts}]}}


def test_a_check_says_what_a_model_can_do_and_what_a_round_costs(cli, monkeypatch):
    monkeypatch.setenv("NAVARCH_API_KEY", KEY)
    script = ["red", COLOUR, error(400, f"response_format json_schema of {KEY}"), COLOUR]
    with OpenAIServer(script, listing(max_model_len=9000)) as server:
        ended = cli("models", "check", "m", "--base-url", server.base_url, *PRICES)
        assert ended.code == 0, ended.err
        assert len(server.requests) == 3
        assert KEY[3:] not in ended.out + ended.err
        for line in (
            "models that it lists: 1",
            "context      9,000 tokens",
            "asked for    a JSON schema: refused (The server",
            "replies      will be asked for as JSON of any form",
            "usage        reported",
            "reasoning    none seen",
        ):
            assert line in ended.out
        rows = [line.split() for line in ended.out.splitlines()]
        assert [row[:2] for row in rows if row[1:2] in (["first"], ["last"])] == [
            [name, which] for name in ("navarch", "collm-nas", "seki") for which in ("first", "last")
        ]
        assert "navarch may not fit: its prompt critic has about" in ended.out


def test_the_facts_of_a_check_are_also_json(cli):
    pricing = {"prompt": "0.000001", "completion": "0.000004"}
    script = [Fault(text="<think>hm</think>red", usage=None), COLOUR]
    with OpenAIServer(script, listing(pricing=pricing)) as server:
        ended = cli("models", "check", "openai:m", "--base-url", server.base_url, "--json")
    facts = json.loads(ended.out)
    assert (facts["format"], facts["reports_usage"], facts["reasoning"]) == (
        "json_schema",
        False,
        "in the reply",
    )
    assert (facts["is_listed"], facts["context"], facts["prices"]) == (True, None, [1.0, 4.0])
    for row in facts["rounds"]:
        low, high = row["last"]["money"]
        tokens, written = row["last"]["input_tokens"], row["last"]["output_tokens"]
        assert low == pytest.approx((tokens[0] + 4 * written[0]) / 1e6, abs=1e-6)
        assert high == pytest.approx((tokens[1] + 4 * written[1]) / 1e6, abs=1e-6)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (error(401, "no"), "refused the key"),
        (error(404, "no"), "knows no model 'other': it has 'm'."),
        (None, "cannot be reached"),
    ],
)
def test_a_useless_model_is_exit_code_2_and_one_sentence(cli, tmp_path, script, said):
    (tmp_path / "navarch.toml").write_text('workflow = "random"')  # which calls none, and is not meant
    with OpenAIServer([script or "x"], listing()) as server:
        url = server.base_url if script else "http://127.0.0.1:9/v1"
        ended = cli("models", "check", "other", "--base-url", url)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_a_plan_says_what_a_run_takes_and_calls_nobody(cli, tmp_path):
    url = ("--model", "openai:m", "--base-url", "http://127.0.0.1:9/v1")
    budget = ("--budget", "trials=8,calls=5,money=0.2")
    ended = cli("plan", *url, *budget, *PRICES)
    assert ended.code == 0, ended.err
    assert "a run of 8 trials in 2 rounds" in ended.out
    assert "budget.calls of 5 ends the run before its 8 trials are done" in ended.out
    assert "budget.money of 0.2 may end the run" in ended.out
    facts = json.loads(cli("plan", *url, *budget, *PRICES, "--json").out)
    assert (facts["calls"], facts["trials"], len(facts["prompts"]), len(facts["limits"])) == ([8, 8], 8, 4, 2)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_plan_refuses_what_a_run_would_refuse(cli):
    ended = cli("plan", "--model", "openai:m", "--base-url", "http://127.0.0.1:9/v1", "--budget", "money=1")
    assert ended.code == 2
    assert "set server.price_input and server.price_output" in ended.err


@pytest.mark.slow
def test_a_run_says_what_it_cost(cli):
    with OpenAIServer([Fault()]) as server:
        flags = ("--role", "critic=openai:m", "--base-url", server.base_url, "--budget", "2")
        small = ("--set", "search.trials_per_round=2", "--set", "train.epochs=1")
        server.script = [Fault(text="no JSON", usage={"prompt_tokens": 1000, "completion_tokens": 500})]
        ended = cli("run", *flags, *small, *PRICES)
    assert "model calls cost 0.0090 in money" in ended.out  # three turns of 1000 and 500 tokens
    shown, facts = cli("show").out, json.loads(cli("show", "--json").out)
    assert "3 model calls, 4,500 tokens, 0.0090 in money" in shown
    (row,) = [line.split() for line in shown.splitlines() if line.startswith("openai:m")]
    assert row == ["openai:m", "1", "0", "0", "0", "0", "0", "0", "1", "0", "3"]
    (model,) = facts["models"]
    assert (model["questions"], model["twin"], model["calls"], model["errors"]) == (1, 1, 3, 0)
    spent = facts["spent"]
    assert (spent["calls"], spent["tokens"], spent["money"]) == (3, 4500, pytest.approx(0.009))


def test_a_fallback_model_has_a_name_of_the_server(cli):
    flags = ("--model", "openai:m", "--base-url", "http://127.0.0.1:9/v1", "--dry-run")
    for names, said in (('["offline"]', "leave it out"), ('["gpt"]', "use 'offline' or 'openai:NAME'")):
        ended = cli("run", *flags, "--set", f"server.fallback={names}")
        assert (ended.code, said in ended.err) == (2, True)
