"""`navarch run --model openai:NAME --base-url URL` against a real HTTP server, from command to trained network."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from openai_server import OpenAIServer, error

A = dict.fromkeys(("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3"), "nor_conv_1x1")
B = {**A, "edge_0_3": "skip_connect"}
DIRECTION = {"summary": "start broad", "patterns": [], "guidance": [], "build_on": [], "explore": 1.0}
PROPOSALS = {"proposals": [{"architecture": A, "why": "plain"}, {"architecture": B, "why": "a shortcut"}]}
VERDICTS = {
    "verdicts": [
        {"candidate": 1, "decision": "accept", "score": 0.4, "reason": "fine"},
        {"candidate": 2, "decision": "accept", "score": 0.9, "reason": "shortcuts train well"},
    ]
}
LESSONS = {
    "lessons": [
        {
            "statement": "the shortcut helps",
            "dimension": "edge_0_3",
            "option": "skip_connect",
            "effect": "helps",
            "supports": [1],
            "contradicts": [],
        }
    ],
    "retire": [],
}
SMALL = [
    "--budget",
    "2",
    "--set",
    "search.trials_per_round=2",
    "--set",
    "search.uncriticised=0",
    "--set",
    "train.epochs=1",
]


@pytest.mark.slow
def test_four_roles_on_a_server_search_and_train(cli, monkeypatch):
    monkeypatch.setenv("NAVARCH_API_KEY", "sk-canary-0123456789abcdef")
    script = [
        json.dumps(DIRECTION),
        f"<think>hm {{</think>Here you are:\n```json\n{json.dumps(PROPOSALS)}\n```",
        json.dumps(VERDICTS),
        json.dumps(LESSONS),
    ]
    with OpenAIServer(script) as server:
        ended = cli("run", "--model", "openai:m", "--base-url", server.base_url, *SMALL)
        assert ended.code == 0, ended.err
        assert [request["model"] for request in server.requests] == ["m"] * 4
        assert server.paths == ["/v1/chat/completions"] * 4
    assert "4 model calls, 60 tokens" in cli("show").out
    calls = json.loads(cli("trace", "--json").out)
    assert [call["source"] for call in calls] == ["model"] * 4
    assert calls[1]["reasoning"].strip() == "hm {"
    assert "the shortcut helps" in cli("show", "--lessons").out
    trials = json.loads(cli("show", "--json").out)["trials"]
    assert [trial["code"] for trial in trials] == ["222122", "222222"]


@pytest.mark.slow
def test_a_key_is_in_no_file_that_a_run_leaves(cli, monkeypatch, tmp_path):
    key = "sk-canary-0123456789abcdef"
    monkeypatch.setenv("NAVARCH_API_KEY", key)
    with OpenAIServer(
        [error(500, f"your key {key} broke me"), json.dumps(DIRECTION), f"the key is {key}"]
    ) as server:
        ended = cli("run", "--model", "openai:m", "--base-url", server.base_url, *SMALL)
    assert ended.code == 0
    assert key not in ended.out + ended.err
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert b"canary-0123" not in file.read_bytes(), file.name


def test_a_wrong_key_stops_the_run_with_one_sentence(cli):
    with OpenAIServer([error(401, "bad key")]) as server:
        ended = cli("run", "--model", "openai:m", "--base-url", server.base_url, *SMALL)
    assert ended.code == 2
    problem, advice = ended.err.strip().splitlines()
    assert "401" in problem or "key" in problem
    assert "navarch resume r1" in advice


def test_a_model_that_the_server_does_not_have_is_named(cli):
    with OpenAIServer([error(404, "model m not found")]) as server:
        ended = cli("run", "--model", "openai:m", "--base-url", server.base_url, *SMALL)
    assert ended.code == 2
    assert "'m'" in ended.err or "m not found" in ended.err


@pytest.mark.slow
def test_a_failed_run_can_be_resumed_when_the_server_is_back(cli):
    with OpenAIServer([error(401, "bad key")]) as server:
        assert cli("run", "--model", "openai:m", "--base-url", server.base_url, *SMALL).code == 2
        server.script = server.script[:0]
        replies = [json.dumps(reply) for reply in (DIRECTION, PROPOSALS, VERDICTS, LESSONS)]
        from openai_server import Fault

        server.script = [Fault(text=reply) for reply in replies]
        ended = cli("resume")
    assert ended.code == 0, ended.err
    assert "r1 finished" in ended.out


@pytest.mark.slow
def test_one_role_may_be_a_model_while_the_others_are_offline(cli):
    with OpenAIServer([json.dumps(PROPOSALS)]) as server:
        ended = cli("run", "--role", "generator=openai:m", "--base-url", server.base_url, *SMALL)
        assert ended.code == 0, ended.err
        assert len(server.requests) == 1
    sources = {call["role"]: call["source"] for call in json.loads(cli("trace", "--json").out)}
    assert sources == {
        "navigator": "offline",
        "generator": "model",
        "critic": "offline",
        "distiller": "offline",
    }


@pytest.mark.slow
def test_ctrl_c_does_not_wait_for_a_model_that_says_nothing(tmp_path):
    from openai_server import Fault, hang

    with OpenAIServer([Fault()]) as server:
        server.script = [Fault(act=hang(server.release))]
        command = [Path(sys.executable).with_name("navarch"), "run", "--model", "openai:m", *SMALL]
        process = subprocess.Popen(
            [*command, "--base-url", server.base_url], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 60
        while not server.requests and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)  # the model would keep it waiting for minutes
    assert process.returncode == 130
    assert "navarch resume r1" in out
