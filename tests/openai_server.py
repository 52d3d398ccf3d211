"""A real HTTP server on loopback that speaks `/v1/chat/completions`, with scripted replies and faults."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Fault:
    """One scripted answer: a completion's text, or anything else that a server can send."""

    text: str | None = None
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    usage: Any = field(
        default_factory=lambda: {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    )
    finish_reason: str = "stop"
    message: dict[str, Any] = field(default_factory=dict)
    act: Callable[[BaseHTTPRequestHandler], None] | None = None

    def payload(self) -> bytes:
        if self.body is not None:
            return self.body
        message = {"role": "assistant", "content": self.text, **self.message}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        data = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        if self.usage is not None:
            data["usage"] = self.usage
        return json.dumps(data).encode()

    def events(self) -> bytes:
        """Return the same completion as a stream: comments, chunks of a few characters, the usage at its end."""
        whole = json.loads(self.payload())
        (choice,) = whole.pop("choices")
        message, usage = choice["message"], whole.pop("usage", None)
        deltas: list[dict[str, Any]] = [{"role": "assistant"}]
        for part in ("reasoning_content", "content"):
            text = message.get(part) or ""
            deltas += [{part: text[at : at + 7]} for at in range(0, len(text), 7)]
        chunks = [{**whole, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        chunks.append({**whole, "choices": [{"index": 0, "delta": {}, "finish_reason": self.finish_reason}]})
        if usage is not None:
            chunks.append({**whole, "choices": [], "usage": usage})
        lines = [": alive", *(f"data: {json.dumps(chunk)}" for chunk in chunks), "data: [DONE]"]
        return "".join(f"{line}\n\n" for line in lines).encode()


def error(status: int, message: str = "no", code: str | None = None, **headers: str) -> Fault:
    """Return an error answer in the usual shape; header names are written with underscores."""
    body = json.dumps({"error": {"message": message, "type": "t", "code": code}}).encode()
    return Fault(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def page(data: Any) -> Fault:
    """Return a 200 answer with this JSON; an answer is left as it is."""
    return data if isinstance(data, Fault) else Fault(body=json.dumps(data).encode())


def reset(handler: BaseHTTPRequestHandler) -> None:
    """Cut the connection with RST before any byte is sent."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def reset_in_body(handler: BaseHTTPRequestHandler) -> None:
    """Promise a long body, send a little of it, and cut the connection."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.wfile.flush()
    reset(handler)


def hang(release: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
    """Say nothing until the test is over."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        release.wait(20)
        reset(handler)

    return act


def drip(
    release: threading.Event, pause_s: float = 0.05, *, in_head: bool = False
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Send the head, or with `in_head` no more of it than a header begun; then one byte at a time until the end."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        if in_head:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        else:
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.end_headers()
        try:
            while not release.wait(pause_s):
                handler.wfile.write(b" ")
                handler.wfile.flush()
        except OSError:
            pass
        handler.close_connection = True

    return act


class OpenAIServer:
    """Answers requests from a script, the last answer again and again; `requests` holds what was asked.

    `pages` are answers by path that are no completions, such as /v1/models. `streams`: a reply comes piece by piece to
    who asks for that. `delay_s`: how long it thinks about each request.
    """

    def __init__(
        self,
        script: Sequence[Fault | str],
        pages: dict[str, Any] | None = None,
        *,
        streams: bool = False,
        delay_s: float = 0,
    ) -> None:
        self.pages = {path: page(data) for path, data in (pages or {}).items()}
        self.script = [Fault(text=item) if isinstance(item, str) else item for item in script]
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length))
                if self.path in outer.pages:
                    self.answer(outer.pages[self.path])
                    return
                outer.requests.append(body)
                outer.headers.append(dict(self.headers))
                outer.paths.append(self.path)
                fault = outer.script.pop(0) if len(outer.script) > 1 else outer.script[0]
                outer.release.wait(delay_s)
                if streams and body.get("stream") and fault.status == 200 and fault.text is not None:
                    kind = {"Content-Type": "text/event-stream"}
                    fault = replace(fault, body=fault.events(), headers=fault.headers | kind)
                self.answer(fault)

            def do_GET(self) -> None:
                self.answer(outer.pages.get(self.path) or error(404))

            def answer(self, fault: Fault) -> None:
                if fault.act is not None:
                    fault.act(self)
                    return
                payload = fault.payload()
                self.send_response(fault.status)
                headers = {"Content-Type": "application/json", "Content-Length": str(len(payload))}
                for name, value in (headers | fault.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(payload)
                except OSError:
                    self.close_connection = True

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # many calls at once

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *args: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> "OpenAIServer":
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
