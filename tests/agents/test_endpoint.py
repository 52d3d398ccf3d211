"""What a server turned out to understand is remembered for the next process, and found out again where it is wrong."""

import json

import pytest
from openai_server import OpenAIServer, error

from navarch.agents.endpoint import ANY, remembered_dialect
from navarch.agents.model import Message, make_client
from navarch.agents.redaction import Secret
from navarch.prompts import Sampling

KEY = "sk-canary-1234567890abcdefghijkl"
SMALL = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
LARGE = {**SMALL, "properties": {"x": {"type": "string"}}}
SOUND = {
    "formats": {},
    "sends_temperature": True,
    "sends_lengths": True,
    "streams": True,
    "limit_name": "max_tokens",
}
NO_SCHEMA = error(400, "response_format json_schema is not supported")
NO_FORMAT = error(400, "Unrecognized request argument: response_format")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def ask(server, schema=SMALL, sampling=None):
    """Ask as a new process would: with a client that knows only what the file says."""
    client = make_client("openai:m", base_url=server.base_url, api_key=Secret(KEY))
    client.complete((Message("user", "u"),), schema=schema, sampling=sampling or Sampling())


def asked(server):
    return [request.get("response_format", {"type": "none"})["type"] for request in server.requests]


def test_a_refused_format_is_refused_once_for_all_later_processes():
    with OpenAIServer([NO_SCHEMA, "ok"]) as server:
        ask(server)
        ask(server)
        assert asked(server) == ["json_schema", "json_object", "json_object"]


def test_one_refused_schema_says_nothing_of_another():
    with OpenAIServer([error(400, "schema is too large"), "ok"]) as server:
        ask(server, LARGE)
        ask(server, SMALL)
        ask(server, LARGE)
        assert asked(server) == ["json_schema", "json_object", "json_schema", "json_object"]


@pytest.mark.parametrize(
    "said", ["'maxLength' is not permitted", "number of repetitions exceeds sane defaults"]
)
def test_a_server_without_bounds_on_text_gets_none_and_keeps_the_schema(said):
    text = {"type": "string", "minLength": 1, "maxLength": 9}
    schema = {**SMALL, "properties": {"x": text, "y": {"type": "array", "items": text, "maxItems": 3}}}
    with OpenAIServer([error(400, f"Invalid schema for response_format: {said}"), "ok"]) as server:
        ask(server, schema)
        ask(server, schema)
        sent = [request["response_format"]["json_schema"]["schema"] for request in server.requests]
    assert sent[0] == schema
    assert sent[1] == sent[2]
    assert sent[1]["properties"]["x"] == {"type": "string"}
    assert sent[1]["properties"]["y"] == {"type": "array", "items": {"type": "string"}, "maxItems": 3}


def test_a_server_that_refuses_every_format_is_not_asked_for_one_again():
    with OpenAIServer([NO_FORMAT, NO_FORMAT, "ok"]) as server:
        ask(server, LARGE)
        ask(server, SMALL)
        assert asked(server) == ["json_schema", "json_object", "none", "none"]


def test_a_wrong_memory_heals_itself():
    with OpenAIServer([error(400, "response_format must be json_schema or text"), "ok"]) as server:
        wrong = remembered_dialect(server.base_url, "m")
        wrong.formats[ANY] = "json_object"
        wrong.save()
        ask(server)
        ask(server)
        assert asked(server) == ["json_object", "json_schema", "json_schema"]


def test_a_wrong_name_of_the_token_limit_heals_itself():
    with OpenAIServer([error(400, "unknown field max_completion_tokens"), "ok"]) as server:
        wrong = remembered_dialect(server.base_url, "m")
        wrong.limit_name = "max_completion_tokens"
        wrong.save()
        ask(server, sampling=Sampling(None, 9))
        ask(server, sampling=Sampling(None, 9))
        assert [request.get("max_tokens") for request in server.requests] == [None, 9, 9]


def test_what_did_not_work_is_not_remembered(cache):
    with OpenAIServer([NO_SCHEMA, error(401, "no")]) as server:
        client = make_client("openai:m", base_url=server.base_url)
        with pytest.raises(Exception, match="refused the key"):
            client.complete((Message("user", "u"),), schema=SMALL, sampling=Sampling())
    assert not list(cache.rglob("*.json"))


def test_the_file_holds_no_key_no_address_and_no_text(cache):
    with OpenAIServer([NO_SCHEMA, "ok"]) as server:
        ask(server)
        (file,) = cache.rglob("*.json")
        names = {"formats", "sends_temperature", "sends_lengths", "streams", "limit_name", "context"}
        assert set(json.loads(file.read_text())) == names
        assert not any(text in file.read_text() for text in (KEY, server.base_url, '"u"'))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        json.dumps({**SOUND, "formats": {"any": "xml"}}),
        json.dumps({**SOUND, "formats": []}),
        json.dumps({**SOUND, "sends_temperature": 1}),
        json.dumps({**SOUND, "sends_lengths": "no"}),
        json.dumps({**SOUND, "limit_name": "n"}),
    ],
)
def test_a_damaged_file_is_no_memory_and_no_error(text, cache):
    with OpenAIServer([NO_SCHEMA, "ok", NO_SCHEMA, "ok"]) as server:
        ask(server)
        (file,) = cache.rglob("*.json")
        file.write_text(text)
        ask(server)
        assert asked(server) == ["json_schema", "json_object"] * 2


def test_a_folder_that_cannot_be_written_costs_one_request_and_no_error(cache):
    cache.write_text("a file, where a folder should be")
    with OpenAIServer([NO_SCHEMA, "ok", NO_SCHEMA, "ok"]) as server:
        ask(server)
        ask(server)
        assert asked(server) == ["json_schema", "json_object"] * 2
