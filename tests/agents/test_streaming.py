"""Replies piece by piece, and many calls at once, over real HTTP on loopback."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from openai_server import Fault, OpenAIServer, drip, error

from navarch.agents.endpoint import remembered_dialect
from navarch.agents.errors import ModelError
from navarch.agents.model import Message, make_client
from navarch.agents.openai_stream import join_stream
from navarch.prompts import Sampling

TEXT = 'Ein Satz, "quoted", mit Ümläuten → 漢字 and {"x": 1}\nend'
SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def make(server, **options):
    return make_client("openai:m", base_url=server.base_url, **options)


def ask(client):
    return client.complete((Message("user", "u"),), schema=SCHEMA, sampling=Sampling(None, 100))


def test_a_streamed_reply_is_what_it_is_in_one_piece():
    fault = Fault(text=TEXT, finish_reason="length", message={"reasoning_content": "hm → so"})
    fault.usage["prompt_tokens_details"] = {"cached_tokens": 8}
    with OpenAIServer([fault], streams=True) as server:
        whole, streamed = ask(make(server)), ask(make(server, stream=True))
        assert [request["stream"] for request in server.requests] == [False, True]
        assert server.requests[1]["stream_options"] == {"include_usage": True}
    assert streamed.text == TEXT
    for field in ("text", "reasoning", "finish_reason", "input_tokens", "output_tokens", "cached_tokens"):
        assert getattr(streamed, field) == getattr(whole, field), field


def test_a_server_that_ignores_the_wish_is_read_in_one_piece():
    with OpenAIServer([TEXT]) as server:
        assert ask(make(server, stream=True)).text == TEXT


def test_a_server_that_refuses_to_stream_is_not_asked_again():
    with OpenAIServer([error(400, "stream_options: extra inputs are not permitted"), TEXT]) as server:
        assert ask(make(server, stream=True)).text == TEXT
        assert ask(make(server, stream=True)).text == TEXT  # as a new process would
        assert [request["stream"] for request in server.requests] == [True, False, False]
        assert not remembered_dialect(server.base_url, "m").streams


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n"])
def test_a_text_may_hold_what_other_texts_end_lines_with(end):
    said = "a\u2028b\x85c\x0cd"
    chunks = [{"choices": [{"delta": {"content": part}}]} for part in said]
    lines = [f"data: {json.dumps(chunk, ensure_ascii=False)}{end}" for chunk in chunks] + [
        f"data: [DONE]{end}"
    ]
    (choice,) = join_stream("".join(lines).encode(), "host")["choices"]
    assert choice["message"] == {"content": said}


@pytest.mark.parametrize("keep", [0.3, 0.6])
def test_a_stream_that_breaks_off_is_tried_again(keep):
    events = Fault(text=TEXT).events()
    cut = Fault(body=events[: int(keep * len(events))], headers={"Content-Type": "text/event-stream"})
    with OpenAIServer([cut, TEXT], streams=True) as server:
        client = make(server, stream=True)
        client._sleep = [].append
        completion = ask(client)
    assert (completion.text, completion.attempts) == (TEXT, 2)


def test_an_error_in_the_stream_is_told():
    chunk = json.dumps({"error": {"code": 500, "message": "the context is full"}})
    server = OpenAIServer([Fault(body=f"data: {chunk}\n\n".encode())], streams=True)
    with server, pytest.raises(ModelError, match="the context is full"):
        ask(make(server, stream=True))


def test_a_stream_that_drips_past_the_deadline_is_a_timeout():
    release = threading.Event()
    with OpenAIServer([Fault(act=drip(release))], streams=True) as server:
        with pytest.raises(ModelError) as caught:
            ask(make(server, stream=True, timeout_s=0.5))
        release.set()
    assert caught.value.kind == "timeout"


def test_many_threads_that_are_refused_at_once_give_up_one_thing_once():
    refused = [error(400, "response_format json_schema is not supported") for _ in range(16)]
    with OpenAIServer([*refused, TEXT], delay_s=0.2) as server:
        client = make(server)
        with ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(lambda _: ask(client).text, range(16)))
        assert replies == [TEXT] * 16
        forms = [request["response_format"]["type"] for request in server.requests]
    assert forms == ["json_schema"] * 16 + ["json_object"] * 16


@pytest.mark.slow
def test_sixty_four_calls_at_once_take_less_than_twice_as_long_as_one():
    with OpenAIServer([TEXT], delay_s=2) as server:
        client = make(server)
        ask(client)
        began = time.perf_counter()
        ask(client)
        one = time.perf_counter() - began
        with ThreadPoolExecutor(64) as pool:
            began = time.perf_counter()
            assert len(list(pool.map(lambda _: ask(client), range(64)))) == 64
            many = time.perf_counter() - began
    assert many < 2 * one
