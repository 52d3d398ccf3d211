"""`navarch models check` against a real server: llama.cpp with a tiny random model."""

import json

import pytest


@pytest.mark.slow
def test_check_finds_what_a_real_server_can_do(cli, peer):
    ended = cli("models", "check", "tiny", "--base-url", peer.base_url, "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert (found["format"], found["formats"]["json_schema"]) == (
        "json_schema",
        {"accepted": True, "kept": True},
    )
    assert (found["context"], found["is_listed"], found["requests"]) == (65_536, True, 3)
    assert found["sends_temperature"]
    assert found["reports_usage"]
