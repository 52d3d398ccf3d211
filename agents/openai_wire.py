"""What an OpenAI-compatible server sends: how a body is capped, read and judged, and what an error means.

A 200 body is read here and not by the client library, which drops reasoning and fails on odd usage figures.
"""

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from threading import Timer
from typing import Any

from navarch.agents.errors import ModelError, ModelErrorKind
from navarch.agents.model import Completion
from navarch.agents.openai_stream import is_stream, join_stream, text_of
from navarch.agents.redaction import KEY_ADVICE

MAX_BODY = 4 * 1024 * 1024
STREAM_OVERHEAD = 16  # bytes of a stream for one of its text, or so
MAX_RETRY_AFTER_S = 30.0
_SHOWN = 200


@dataclass(slots=True)
class Exchange:
    """One HTTP request as it happens: its deadline on the monotonic clock, and what came back."""

    deadline: float
    clock: Callable[[], float]
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    cap: int = MAX_BODY
    is_too_large: bool = False
    is_late: bool = False
    connection: Any = None

    def begin(self, request: Any) -> None:
        """Ask to be told of the connection that an httpx2 request makes."""
        request.extensions["trace"] = self._note

    @contextmanager
    def cut_after(self, seconds: float) -> Iterator[None]:
        """Break the connection off after so long: a timeout of one read is no bound on a head that drips in."""
        timer = Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _note(self, event: str, info: Mapping[str, Any]) -> None:
        # The first part of an event's name says who connects: the connection itself, or one through a proxy.
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self.connection = info["return_value"]
            if self.is_late:  # the time was over before there was anything to break off
                self._cut()

    def _cut(self) -> None:
        self.is_late = True
        if self.connection is not None:
            with suppress(OSError):
                self.connection.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def read(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass a body on, keeping it.

        Raises: OSError past the deadline or the size cap (a slow drip included).
        """
        for chunk in chunks:
            if self.clock() > self.deadline:
                self.is_late = True
                raise TimeoutError("the deadline has passed")
            if len(self.body) + len(chunk) > self.cap:
                self.is_too_large = True
                raise OSError("the body is too large")
            self.body += chunk
            yield chunk
        if self.is_late:  # cut off: what came is not all
            raise TimeoutError("the deadline has passed")


def read_completion(body: bytes, host: str, latency_s: float) -> Completion:
    """Return the completion in a 200 body. Raises: ModelError where it holds none."""
    try:
        data = join_stream(body, host) if is_stream(body) else json.loads(body)
    except (ValueError, RecursionError):
        kind = (
            "an empty body"
            if not body.strip()
            else "a web page"
            if b"<html" in body[:2000].lower()
            else "no JSON"
        )
        raise ModelError(
            "bad-response",
            f"The server at {host} answered with {kind}: check that --base-url is the API's address "
            "(it mostly ends in /v1).",
        ) from None
    choice = _first(data.get("choices")) if isinstance(data, dict) else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(data, dict) or not isinstance(choice, dict) or not isinstance(message, dict):
        said = f" ({said_by(data)})" if said_by(data) else ""
        raise ModelError(
            "bad-response",
            f"The server at {host} answered without a completion{said}: check that --base-url is an "
            "OpenAI-compatible API.",
        )
    usage = data.get("usage")
    finish = choice.get("finish_reason")
    return Completion(
        text=text_of(message.get("content")) or text_of(message.get("refusal")),
        reasoning=text_of(message.get("reasoning_content")) or text_of(message.get("reasoning")),
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        cached_tokens=_cached(data),
        finish_reason=finish if isinstance(finish, str) and finish else "stop",
        latency_s=latency_s,
    )


def explain_status(exchange: Exchange, host: str, model: str) -> ModelError:
    """Return what an HTTP status other than 2xx means and what to do about it."""
    body = bytes(exchange.body)
    kind = _kind(exchange.status, body)
    said = said_by_body(body)
    shown = f"HTTP {exchange.status}{': ' + said if said else ''}"
    text = _MEANINGS[kind].format(host=host, model=model, shown=shown)
    if kind not in ("rate-limit", "server"):
        return ModelError(kind, text)
    wait = retry_after_s(exchange.headers.get("retry-after"))
    return ModelError(kind, text, retryable=True, retry_after_s=wait)


_MEANINGS: dict[ModelErrorKind, str] = {
    "redirect": "The server at {host} redirects elsewhere ({shown}): give --base-url the final address.",
    "auth": f"The server at {{host}} refused the key ({{shown}}): check it; {KEY_ADVICE}.",
    "unknown-model": "The server at {host} knows no model {model!r}, or no such path ({shown}): "
    "check --model and --base-url.",
    "too-large": "The server at {host} finds the prompt too large ({shown}): shorten the prompts.",
    "quota": "The account at {host} has no quota left ({shown}): add credit or use another key.",
    "rate-limit": "The server at {host} limits the rate ({shown}): try again later.",
    "server": "The server at {host} failed ({shown}): see its log, or try again later.",
    "bad-request": "The server at {host} refused the request ({shown}): "
    "check --model and the prompts' sampling.",
}


def _kind(status: int, body: bytes) -> ModelErrorKind:
    if status == 429:
        return "quota" if b"insufficient_quota" in body else "rate-limit"
    if status in (408, 409) or status >= 500:
        return "server"
    if 300 <= status < 400:
        return "redirect"
    known: dict[int, ModelErrorKind] = {401: "auth", 403: "auth", 404: "unknown-model", 413: "too-large"}
    return known.get(status, "bad-request")


def retry_after_s(value: str | None) -> float | None:
    """Return the seconds a `Retry-After` header asks for, at most 30; None where it is missing or odd."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S) if seconds == seconds else None


def said_by_body(body: bytes) -> str:
    """Return the server's own error message from a body, short and on one line; "" where there is none."""
    try:
        return said_by(json.loads(body))
    except (ValueError, RecursionError):
        return ""


def said_by(data: Any) -> str:
    """Return the error message in parsed JSON, in the few shapes that servers use."""
    for key in ("error", "message", "detail"):
        if isinstance(data, dict) and data.get(key):
            data = data[key]
    text = data if isinstance(data, str) else ""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * _SHOWN]).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _first(items: Any) -> Any:
    return items[0] if isinstance(items, list) and items else None


def _cached(data: dict[str, Any]) -> int | None:
    """Return the input tokens out of the prompt cache: OpenAI's and vLLM's place, or that of older llama.cpp."""
    usage = data.get("usage")
    details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
    told = _count(details, "cached_tokens")
    return _count(data.get("timings"), "cache_n") if told is None else told


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if type(value) is int and 0 <= value < 10**9 else None
