"""The client against a real HTTP server on loopback: what it sends, survives, and says when it fails."""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from openai_server import Fault, OpenAIServer, drip, error, hang, reset, reset_in_body

from navarch.agents.errors import FATAL_KINDS, ModelError
from navarch.agents.model import Completion, Message
from navarch.agents.openai_model import OpenAIModel
from navarch.agents.openai_wire import retry_after_s
from navarch.agents.redaction import Secret
from navarch.agents.tracing import keep_traces_home
from navarch.prompts import Sampling

KEY = "sk-canary-1234567890abcdefghijkl"
MESSAGES = (Message("system", "s"), Message("user", "u"), Message("assistant", "a"), Message("user", "again"))
SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


@pytest.fixture
def serve():
    """Start a server with a script: `serve("text", Fault(...))`."""
    servers = []

    def start(*script):
        servers.append(OpenAIServer(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def make(server_or_url, timeout_s=60.0, slept=None, key=KEY):
    url = server_or_url if isinstance(server_or_url, str) else server_or_url.base_url
    sleep = (slept if slept is not None else []).append
    return OpenAIModel(
        "m", base_url=url, api_key=Secret(key) if key else None, timeout_s=timeout_s, sleep=sleep
    )


def ask(model, schema=SCHEMA, sampling=None) -> Completion:
    return model.complete(MESSAGES, schema=schema, sampling=sampling or Sampling(0.5, 100))


def fail(model) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ask(model)
    assert KEY[3:] not in str(caught.value)
    assert "127.0.0.1" in str(caught.value) or "invalid" in str(caught.value)
    return caught.value


def test_a_completion_carries_text_usage_and_latency(serve):
    completion = ask(make(serve("hello")))
    assert (completion.text, completion.finish_reason) == ("hello", "stop")
    assert (completion.input_tokens, completion.output_tokens) == (10, 5)
    assert 0 < completion.latency_s < 10


def test_the_request_is_what_every_compatible_server_knows(serve):
    server = serve("hello")
    ask(make(server))
    request = server.requests[0]
    assert server.paths == ["/v1/chat/completions"]
    assert [(m["role"], m["content"]) for m in request.pop("messages")] == [tuple(m) for m in MESSAGES]
    assert request.pop("response_format")["json_schema"] == {
        "name": "reply",
        "strict": True,
        "schema": SCHEMA,
    }
    assert request == {"model": "m", "stream": False, "temperature": 0.5, "max_tokens": 100}


def test_without_sampling_and_schema_nothing_is_asked_of_the_server(serve):
    server = serve("hello")
    ask(make(server), schema=None, sampling=Sampling())
    assert sorted(server.requests[0]) == ["messages", "model", "stream"]


def test_the_key_is_sent_in_the_header_alone(serve):
    server = serve("hello")
    ask(make(server))
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(server.requests)


def test_a_local_server_without_a_key_gets_none_of_the_environments(serve, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server = serve("hello")
    ask(make(server, key=None))
    assert server.headers[0]["authorization"] == "Bearer not-needed"


def test_a_proxy_in_the_environment_does_not_see_local_calls(serve, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert ask(make(serve("hello"))).text == "hello"


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_without_json_schema_is_stepped_down_once_and_remembered(serve, status):
    server = serve(error(status, "response_format: json_schema is not supported"), "one", "two")
    model = make(server)
    assert (ask(model).text, ask(model).text) == ("one", "two")
    assert [request["response_format"]["type"] for request in server.requests] == [
        "json_schema",
        "json_object",
        "json_object",
    ]


def test_a_server_without_any_response_format_gets_none(serve):
    refusal = error(400, "Unrecognized request argument: response_format")
    server = serve(refusal, refusal, "ok")
    model = make(server)
    assert ask(model).text == "ok"
    assert model.response_format(SCHEMA) == "none"
    assert "response_format" not in server.requests[2]


def test_a_schema_that_is_refused_for_ever_ends_in_an_error(serve):
    server = serve(error(400, "bad schema"))
    assert fail(make(server)).kind == "bad-request"
    assert len(server.requests) == 3


def test_a_model_that_takes_no_temperature_gets_none(serve):
    server = serve(error(400, "Unsupported value: 'temperature'"), "ok")
    assert ask(make(server)).text == "ok"
    assert "temperature" not in server.requests[1]


def test_a_model_that_wants_the_new_name_of_the_token_limit_gets_it(serve):
    server = serve(error(400, "'max_tokens' is not supported, use 'max_completion_tokens'"), "ok")
    assert ask(make(server)).text == "ok"
    assert server.requests[1]["max_completion_tokens"] == 100
    assert "max_tokens" not in server.requests[1]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "bad-request"),
        (401, "auth"),
        (403, "auth"),
        (404, "unknown-model"),
        (405, "bad-request"),
        (413, "too-large"),
    ],
)
def test_an_error_that_will_not_pass_is_not_repeated(serve, status, kind):
    server, slept = serve(error(status, f"Incorrect API key provided: {KEY}")), []
    failure = fail(make(server, slept=slept))
    assert (failure.kind, failure.retryable, len(server.requests), slept) == (kind, False, 1, [])
    assert f"HTTP {status}" in str(failure)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_an_error_that_may_pass_is_repeated_with_growing_waits(serve, status):
    server, slept = serve(error(status), error(status), "ok"), []
    assert ask(make(server, slept=slept)).text == "ok"
    assert slept == [1.0, 2.0]


@pytest.mark.parametrize("fault", [error(500), error(429), Fault(act=reset), Fault(act=reset_in_body)])
def test_at_most_four_attempts_are_made(serve, fault):
    server, slept = serve(fault), []
    failure = fail(make(server, slept=slept))
    assert (len(server.requests), slept) == (4, [1.0, 2.0, 4.0])
    assert "(tried 4 times)" in str(failure)


def test_every_request_is_counted_retries_and_plainer_forms_included(serve):
    assert ask(make(serve("ok"))).attempts == 1
    assert ask(make(serve(error(500), error(429), "ok"))).attempts == 3
    refusal = error(400, "Unrecognized request argument: response_format")
    server = serve(refusal, refusal, error(500), "ok")
    assert ask(make(server)).attempts == len(server.requests) == 4


@pytest.mark.parametrize("most", [1, 2, 3])
def test_plainer_forms_too_stop_where_the_budget_of_requests_does(serve, most):
    refusal = error(400, "Unrecognized request argument: response_format")
    server = serve(refusal, refusal, error(503), "ok")
    model = make(server)
    with pytest.raises(ModelError) as caught:
        model.complete(MESSAGES, schema=SCHEMA, sampling=Sampling(), max_attempts=most)
    assert caught.value.attempts == len(server.requests) == most
    assert caught.value.kind == ("server" if most == 3 else "bad-request")
    assert ask(model).text == "ok"  # goes on with the plainer form
    assert len(server.requests) == 4


@pytest.mark.parametrize(("fault", "attempts"), [(error(401), 1), (error(503), 4)])
def test_a_failure_says_how_many_requests_were_sent(serve, fault, attempts):
    server = serve(fault)
    assert fail(make(server)).attempts == len(server.requests) == attempts


def test_used_up_quota_is_not_repeated(serve):
    server = serve(error(429, "You exceeded your quota", code="insufficient_quota"))
    assert fail(make(server)).kind == "quota"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", 7.0), ("0", 1.0), ("1000000000", 30.0), ("-5", 1.0), ("nan", 1.0), ("soon", 1.0), ("1e400", 30.0)],
)
def test_retry_after_is_honoured_and_capped(serve, header, wait):
    slept = []
    assert ask(make(serve(error(429, retry_after=header), "ok"), slept=slept)).text == "ok"
    assert slept == [wait]


def test_retry_after_may_be_a_date():
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after_s("Wed, 21 Oct 2215 07:28:00 GMT") == 30.0


def test_no_attempt_begins_after_the_deadline(serve):
    server, slept = serve(error(429, retry_after="20")), []
    assert fail(make(server, timeout_s=10.0, slept=slept)).kind == "rate-limit"
    assert (len(server.requests), slept) == (1, [])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "an empty body"),
        (b"<html><body>Welcome</body></html>", "a web page"),
        (b"OK", "no JSON"),
        (b'{"choices": [', "no JSON"),
        (b"[1, 2]", "without a completion"),
        (b"{}", "without a completion"),
        (b'{"choices": null}', "without a completion"),
        (b'{"choices": []}', "without a completion"),
        (b'{"choices": [{}]}', "without a completion"),
        (b'{"choices": [{"message": "hello"}]}', "without a completion"),
        (b'{"choices": "x"}', "without a completion"),
        (b'{"error": {"message": "overloaded"}}', "without a completion (overloaded)"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
    ],
)
def test_a_200_that_is_no_completion_is_a_bad_response(serve, body, said):
    failure = fail(make(serve(Fault(body=body))))
    assert (failure.kind, said in str(failure)) == ("bad-response", True)


def test_html_with_its_own_content_type_is_a_bad_response(serve):
    assert (
        fail(make(serve(Fault(body=b"<html>x</html>", headers={"Content-Type": "text/html"})))).kind
        == "bad-response"
    )


@pytest.mark.parametrize(
    "usage",
    [
        None,
        "lots",
        [],
        {},
        {"prompt_tokens": -5, "completion_tokens": "x"},
        {"prompt_tokens": True},
        {"prompt_tokens": 10**12},
    ],
)
def test_odd_usage_counts_as_not_reported(serve, usage):
    completion = ask(make(serve(Fault(text="ok", usage=usage))))
    assert (completion.text, completion.input_tokens, completion.output_tokens) == ("ok", None, None)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_beside_the_content_is_kept(serve, field):
    assert ask(make(serve(Fault(text="ok", message={field: "hm"})))).reasoning == "hm"


@pytest.mark.parametrize("content", [None, 7, {}, [{"type": "text", "text": "ok"}, 3, {"x": 1}]])
def test_odd_content_is_read_as_far_as_it_is_text(serve, content):
    completion = ask(make(serve(Fault(message={"content": content}))))
    assert completion.text == ("ok" if isinstance(content, list) else "")


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_the_finish_reason_is_kept(serve, reason):
    assert ask(make(serve(Fault(text="o", finish_reason=reason)))).finish_reason == reason


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(serve, status):
    elsewhere = serve("stolen")
    server = serve(Fault(status=status, body=b"", headers={"Location": elsewhere.base_url}))
    assert fail(make(server)).kind == "redirect"
    assert elsewhere.requests == []


def test_a_body_without_end_is_cut(serve):
    assert fail(make(serve(Fault(body=b'{"a": "' + b"x" * 6_000_000)))).kind == "too-large"


def test_a_compressed_body_is_not_unpacked_beyond_the_cap(serve):
    import gzip

    bomb = gzip.compress(b"[" + b" " * 50_000_000, 9)
    failure = fail(make(serve(Fault(body=bomb, headers={"Content-Encoding": "gzip"}))))
    assert failure.kind == "bad-response"


@pytest.mark.parametrize("act", [hang, drip])
def test_a_server_that_is_too_slow_is_a_timeout(serve, act):
    model = make(serve(Fault(act=act(threading.Event()))), timeout_s=0.4)
    failure = fail(model)
    assert (failure.kind, "longer than 0.4 s" in str(failure)) == ("timeout", True)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/v1", "http://nowhere.invalid/v1", "https://127.0.0.1:9/v1"]
)
def test_an_unreachable_server_is_fatal_and_says_what_to_do(url):
    failure = fail(make(url))
    assert failure.kind == "unreachable"
    assert failure.kind in FATAL_KINDS
    assert "start it, or check --base-url" in str(failure)


def test_tls_to_a_server_without_it_is_unreachable(serve):
    assert fail(make(serve("x").base_url.replace("http:", "https:"))).kind == "unreachable"


def test_the_key_is_in_no_log_line_and_no_repr(serve, caplog):
    caplog.set_level(logging.DEBUG)
    model = make(serve(error(401, f"bad key {KEY}"), "ok"))
    fail(model)
    ask(model)
    shown = caplog.text + repr(model) + repr(vars(model)) + repr(model._chat)
    assert KEY not in shown


def test_tracing_variables_are_turned_off():
    environ = {
        "LANGSMITH_TRACING": "true",
        "LANGCHAIN_TRACING_V2": "true",
        "LANGSMITH_API_KEY": "x",
        "LANGSMITH_GATEWAY": "true",
    }
    keep_traces_home(environ)
    assert "true" not in [value for name, value in environ.items() if name.startswith("LANG")]


@pytest.mark.slow
def test_tracing_variables_alone_send_nothing_anywhere(serve, tmp_path):
    spy, server = serve("spied"), serve("ok")
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from navarch.agents.model import Message, make_client\n"
        "from navarch.prompts import Sampling\n"
        "client = make_client('openai:m', base_url=sys.argv[1])\n"
        "assert client.complete((Message('user', 'u'),), schema=None, sampling=Sampling()).text == 'ok'\n"
    )
    root = spy.base_url.removesuffix("/v1")
    tracing = dict.fromkeys(
        ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING_V2", "LANGSMITH_OTEL_ENABLED"),
        "true",
    )
    endpoints = dict.fromkeys(
        (
            "LANGSMITH_ENDPOINT",
            "LANGCHAIN_ENDPOINT",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OPENAI_BASE_URL",
            "OPENAI_API_BASE",
        ),
        root,
    )
    gateway = {
        "LANGSMITH_GATEWAY": "true",
        "LANGSMITH_API_KEY": "ls-x",
        "OPENAI_API_KEY": KEY,
        "LANGSMITH_PROJECT": "p",
    }
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **tracing, **endpoints, **gateway}
    path = str(Path(__file__).resolve().parent)
    done = subprocess.run(
        [sys.executable, "-c", code, server.base_url, path],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert (len(server.requests), spy.requests) == (1, [])
    assert KEY not in str(server.headers)
