"""Replies piece by piece, and many calls at once, over real HTTP on loopback."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from openai_server import Fault, OpenAIServer, drip, error

from navarch.agents.endpoint import Dialect, remembered_dialect
from navarch.agents.errors import ModelError
from navarch.agents.model import Message, make_client
from navarch.agents.openai_model import OpenAIModel
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


def chunk(content, **fields):
    return f"data: {json.dumps({'choices': [{'delta': {'content': content}}], **fields})}\n\n"


def test_no_error_and_lists_of_parts_in_chunks_are_read_as_in_one_piece():
    parts = [{"type": "text", "text": "b"}, {"type": "image"}, "c"]
    stream = chunk("a", error=None) + chunk(parts, error={}) + "data:\n\ndata: null\n\ndata: [DONE]\n\n"
    (choice,) = join_stream(stream.encode(), "host")["choices"]
    assert choice["message"] == {"content": "abc"}


@pytest.mark.parametrize(
    "start", ["\ufeff", "id: 7\n", "retry: 100\n", "\ufeffid:7\n", "event: x\n", ": hm\n\n", "\n"]
)
def test_a_stream_is_known_by_its_first_line(start):
    with OpenAIServer([Fault(body=(start + Fault(text=TEXT).events().decode()).encode())]) as server:
        assert ask(make(server, stream=True)).text == TEXT


@pytest.mark.parametrize("broken", ['data: {"choices": [{"delta"\n\n', "data: oops\n\n", "error: oops\n\n"])
def test_a_piece_that_cannot_be_read_breaks_a_stream_off_unless_the_reply_was_finished(broken):
    stop = 'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    holed = chunk("a") + broken + chunk("c") + stop + "data: [DONE]\n\n"
    with pytest.raises(ModelError, match="broke its stream off") as caught:
        join_stream(holed.encode(), "host")
    assert caught.value.retryable
    (choice,) = join_stream((chunk("a") + stop + broken).encode(), "host")["choices"]
    assert choice["message"] == {"content": "a"}


@pytest.mark.parametrize(
    ("said", "streams"),
    [
        ("the upstream server refused", True),
        ("streams of consciousness", True),
        ("'stream' must be false", False),
        ("streaming is not supported", False),
        ("stream_options: extra", False),
    ],
)
def test_only_a_refusal_of_streaming_gives_it_up(said, streams):
    with OpenAIServer([error(400, said), TEXT]) as server:
        client = make(server, stream=True)
        if streams:
            with pytest.raises(ModelError):
                ask(client)
        else:
            assert ask(client).text == TEXT
        assert client._dialect.streams is streams


def test_the_cap_of_a_stream_is_told_as_it_is(monkeypatch):
    monkeypatch.setattr("navarch.agents.openai_model.STREAM_OVERHEAD", 2)
    server = OpenAIServer([Fault(body=b": hm\n" * 2_000_000)])
    with server, pytest.raises(ModelError, match="a body of more than 8 MB"):
        ask(make(server, stream=True))


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
    together, refusal = threading.Barrier(16), error(400, "response_format json_schema is not supported")

    def refuse(handler):
        together.wait(60)
        handler.answer(refusal)

    with OpenAIServer([*[Fault(act=refuse)] * 16, TEXT]) as server:
        client = make(server)
        with ThreadPoolExecutor(16) as pool:
            replies = list(pool.map(lambda _: ask(client).text, range(16)))
        assert replies == [TEXT] * 16
        forms = [request["response_format"]["type"] for request in server.requests]
    assert forms == ["json_schema"] * 16 + ["json_object"] * 16


def test_what_a_server_understands_is_settled_while_no_other_thread_changes_it():
    held = []

    class Watched(Dialect):
        def settle(self):
            held.append(client._lock.locked())

    with OpenAIServer([TEXT]) as server:
        client = OpenAIModel("m", base_url=server.base_url, api_key=None, dialect=Watched())
        ask(client)
    assert held == [True]


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
