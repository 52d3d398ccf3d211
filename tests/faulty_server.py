"""What a model server can do wrong, by name, each with what the client must make of it (the list D2).

A fault is served again and again, until the caller gives up. What waits for real (silence, one byte at a time) ends
with the server.
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from openai_server import Fault, OpenAIServer, drip, error, hang, reset, reset_in_body

KEY = "sk-canary-1234567890abcdefghijkl"
ELSEWHERE = "http://198.51.100.7/v1/chat/completions"  # TEST-NET-2: nobody's
HUGE_BODY = 100 * 1024 * 1024

Act = Callable[[BaseHTTPRequestHandler], None]


class VirtualClock:
    """A clock that only waiting moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Case:
    """A fault, the kinds of ModelError that may come of it (none: a completion), and the requests it may cost.

    `answer` makes the fault from the server that plays it; without one, `url` is where the client is sent. `waits`:
    the fault is time itself, so that the client gets a short deadline on the real clock.
    """

    kinds: tuple[str, ...]
    requests: int
    answer: Callable[[OpenAIServer, str], Fault] | None = None
    url: Callable[[str], str] | None = None
    waits: bool = False


def send_head(handler: BaseHTTPRequestHandler, kind: str = "application/json", **headers: str) -> None:
    """Send the head of a 200 answer whose body ends with the connection."""
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.close_connection = True


def hang_after_head(server: OpenAIServer) -> Act:
    """Send the head, then say nothing until the test is over."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        send_head(handler)
        server.release.wait(20)

    return act


def reset_in_stream(handler: BaseHTTPRequestHandler) -> None:
    """Begin to stream a completion, and cut the connection."""
    send_head(handler, "text/event-stream")
    handler.wfile.write(b'data: {"choices": [{"index": 0, "delta": {"content": "{"}}]}\n\n')
    handler.wfile.flush()
    time.sleep(0.02)  # the bytes arrive before the reset discards them
    reset(handler)


def send_huge_body(server: OpenAIServer) -> Act:
    """Send 100 MB as fast as they are read; `server.sent` counts them."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        send_head(handler, Content_Length=str(HUGE_BODY))
        block = b" " * 65_536
        try:
            for _ in range(HUGE_BODY // len(block)):
                handler.wfile.write(block)
                server.sent = getattr(server, "sent", 0) + len(block)
        except OSError:
            pass

    return act


def closed_port() -> int:
    """Return a port of this machine on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def status(code: int, kind: str, **headers: str) -> Case:
    """Return the case of an HTTP status whose text holds the key."""
    requests = 4 if kind in ("server", "rate-limit") else 1
    return Case((kind,), requests, lambda server, good: error(code, f"refused {KEY}", **headers))


def act(
    make: Callable[[OpenAIServer], Act], kinds: tuple[str, ...], requests: int, waits: bool = False
) -> Case:
    """Return the case of a server that does something by hand."""
    return Case(kinds, requests, lambda server, good: Fault(act=make(server)), waits=waits)


def body(data: bytes, kind: str = "application/json") -> Case:
    """Return the case of a 200 with another body than a completion."""
    return Case(("bad-response",), 1, lambda server, good: Fault(body=data, headers={"Content-Type": kind}))


def odd(**fields: object) -> Case:
    """Return the case of a completion that is odd in these fields."""
    return Case((), 1, lambda server, good: Fault(text=good, **fields))  # type: ignore[arg-type]


CASES = {
    "connection refused": Case(("unreachable",), 1, url=lambda url: f"http://127.0.0.1:{closed_port()}/v1"),
    "no such host": Case(("unreachable",), 1, url=lambda url: "http://nowhere.invalid/v1"),
    "TLS to a server without it": Case(("unreachable",), 1, url=lambda url: url.replace("http:", "https:")),
    "silence": act(lambda server: hang(server.release), ("timeout",), 1, waits=True),
    "silence after the head": act(hang_after_head, ("timeout",), 1, waits=True),
    "one byte at a time": act(lambda server: drip(server.release), ("timeout",), 1, waits=True),
    "a head of one byte at a time": act(
        lambda server: drip(server.release, in_head=True), ("timeout",), 1, waits=True
    ),
    "reset before the head": act(lambda server: reset, ("server",), 4),
    "reset in the body": act(lambda server: reset_in_body, ("server",), 4),
    "reset in the stream": act(lambda server: reset_in_stream, ("server",), 4),
    "100 MB": act(send_huge_body, ("too-large",), 1),
    "an empty body": body(b""),
    "a web page": body(b"<html><body>Welcome</body></html>", "text/html"),
    "another type": body(b"\x89PNG\r\n\x1a\n", "image/png"),
    "another API": body(b'{"version": 3}'),
    "half a completion": body(b'{"choices": [{"message": {"content": "'),
    "400": status(400, "bad-request"),
    "401": status(401, "auth"),
    "403": status(403, "auth"),
    "404": status(404, "unknown-model"),
    "408": status(408, "server"),
    "409": status(409, "server"),
    "413": status(413, "too-large"),
    "429": status(429, "rate-limit"),
    "429 for 7 s": status(429, "rate-limit", retry_after="7"),
    "429 for ever": status(429, "rate-limit", retry_after=str(10**9)),
    "500": status(500, "server"),
    "502": status(502, "server"),
    "503": status(503, "server"),
    "504": status(504, "server"),
    "a redirect": Case(
        ("redirect",), 1, lambda server, good: Fault(status=307, body=b"", headers={"Location": ELSEWHERE})
    ),
    "finish_reason length": Case(
        (), 1, lambda server, good: Fault(text=good[: len(good) // 2], finish_reason="length")
    ),
    "content filter": Case((), 1, lambda server, good: Fault(text="", finish_reason="content_filter")),
    "usage missing": odd(usage=None),
    "usage negative": odd(usage={"prompt_tokens": -5, "completion_tokens": -1}),
    "usage absurd": odd(usage={"prompt_tokens": 10**12, "completion_tokens": 1}),
}
