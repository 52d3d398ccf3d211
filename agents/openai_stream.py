"""A streamed completion, put together as if it had come in one piece.

Server-sent events: each `data:` line holds a chunk, the last one is `[DONE]`. Read are the first choice's text,
reasoning, refusal and finish reason, and the usage of whichever chunk brings it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from navarch.agents.errors import ModelError

_BEGINNING = re.compile(rb"(\xef\xbb\xbf)?\s*(data|event|id|retry)?:")
PARTS = ("content", "refusal", "reasoning_content", "reasoning")


def is_stream(body: bytes) -> bool:
    """Tell whether a body is a stream of events; a server may answer in one piece although it was asked for one."""
    return _BEGINNING.match(body) is not None


def join_stream(body: bytes, host: str) -> dict[str, Any]:
    """Return the body of the same completion without streaming.

    Raises: ModelError where the stream broke off, or where a chunk before its finish reason cannot be read.
    """
    message: dict[str, str] = {}
    whole: dict[str, Any] = {}
    finish = None
    is_done = False
    for field, value in _events(body):
        if value == "[DONE]":
            is_done = True
            break
        chunk = _chunk(field, value)
        if chunk is None:
            if finish is None:  # a part of the text may be lost
                break
            continue
        if chunk.get("error"):
            return chunk
        whole |= {name: chunk[name] for name in ("usage", "timings") if chunk.get(name)}
        choice = _first_choice(chunk)
        delta = choice.get("delta")
        for part in PARTS:
            said = text_of(delta.get(part)) if isinstance(delta, dict) else ""
            if said:
                message[part] = message.get(part, "") + said
        finish = choice.get("finish_reason") or finish
    if finish is None and not is_done:
        text = f"The server at {host} broke its stream off: see its log, or set server.stream to false."
        raise ModelError("server", text, retryable=True)
    return {**whole, "choices": [{"message": message, "finish_reason": finish}]}


def text_of(value: Any) -> str:
    """Return the text of a message's part: a string, or a list of parts, of which those that are text count."""
    if isinstance(value, list):
        parts = (part.get("text") if isinstance(part, dict) else part for part in value)
        return "".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _events(body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the field and the value of each line that may hold a chunk, in order; empty ones are passed over."""
    # Not `splitlines`: a chunk's text may hold U+2028 and its like, which end no line of a stream.
    text = body.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    for line in text.split("\n"):
        field, _, value = line.partition(":")
        if field in ("data", "error") and value.strip():
            yield field, value.strip()


def _chunk(field: str, value: str) -> dict[str, Any] | None:
    """Return the chunk of a line, empty where it holds another value, None where it cannot be read."""
    try:
        chunk = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(chunk, dict):
        return {}
    return chunk if field == "data" else {"error": chunk}


def _first_choice(chunk: dict[str, Any]) -> dict[str, Any]:
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict) and choice.get("index", 0) == 0:
            return choice
    return {}
