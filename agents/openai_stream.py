"""A streamed completion, put together as if it had come in one piece.

Server-sent events: each `data:` line holds a chunk, the last one is `[DONE]`. Read are the first choice's text,
reasoning, refusal and finish reason, and the usage of whichever chunk brings it.
"""

import json
from collections.abc import Iterator
from typing import Any

from navarch.agents.errors import ModelError

PARTS = ("content", "refusal", "reasoning_content", "reasoning")


def is_stream(body: bytes) -> bool:
    """Tell whether a body is a stream of events; a server may answer in one piece although it was asked for one."""
    return body.lstrip()[:6] in (b"data: ", b"data:{", b"event:") or body.lstrip()[:1] == b":"


def join_stream(body: bytes, host: str) -> dict[str, Any]:
    """Return the body of the same completion without streaming. Raises: ModelError where the stream broke off."""
    message: dict[str, str] = {}
    whole: dict[str, Any] = {}
    finish = None
    is_done = False
    for chunk in _chunks(body):
        if chunk is None:
            is_done = True
            break
        if "error" in chunk:
            return chunk
        whole |= {name: chunk[name] for name in ("usage", "timings") if chunk.get(name)}
        choice = _first_choice(chunk)
        delta = choice.get("delta")
        for part in PARTS:
            said = delta.get(part) if isinstance(delta, dict) else None
            if isinstance(said, str):
                message[part] = message.get(part, "") + said
        finish = choice.get("finish_reason") or finish
    if finish is None and not is_done:
        text = f"The server at {host} broke its stream off: see its log, or set server.stream to false."
        raise ModelError("server", text, retryable=True)
    return {**whole, "choices": [{"message": message, "finish_reason": finish}]}


def _chunks(body: bytes) -> Iterator[dict[str, Any] | None]:
    """Yield the chunks in order, None for the end mark; a line that is no chunk is passed over."""
    # Not `splitlines`: a chunk's text may hold U+2028 and its like, which end no line of a stream.
    for line in body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        name, _, value = line.partition(":")
        if name not in ("data", "error"):
            continue
        if value.strip() == "[DONE]":
            yield None
            return
        try:
            chunk = json.loads(value)
        except (ValueError, RecursionError):
            continue
        if isinstance(chunk, dict):
            yield chunk if name == "data" else {"error": chunk}


def _first_choice(chunk: dict[str, Any]) -> dict[str, Any]:
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict) and choice.get("index", 0) == 0:
            return choice
    return {}
