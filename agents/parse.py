"""Find the reply in whatever a model wrote, and check it strictly.

Whatever the text, `parse_reply` returns a typed reply or raises ReplyError; its work is linear in the text's
length. Reasoning (`<think>`) is cut out and kept apart. Of several objects the last one that fits is the
reply. Of a batch the broken items are dropped and named, as long as one is left.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, get_args

from pydantic import ValidationError

from navarch.agents.errors import ReplyError, ReplyFault
from navarch.agents.roles import R

MAX_BYTES = 256 * 1024
MAX_TOKENS = 16_000  # strings and braces: 64 proposals in 45 dimensions have 6,000
MAX_OBJECTS = 16
MAX_UNCLOSED = 8
MAX_ERRORS = 4
MAX_FAULTS = 500  # of which MAX_ERRORS are told; beyond it the telling costs more than the reading
MAX_ITEMS = 64

How = Literal["whole", "fenced", "prose"]

_THINK = re.compile(r"<(think|thinking|reasoning)>(.*?)(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_THINK_OPEN = re.compile(r"<(?:think|thinking|reasoning)>", re.IGNORECASE)
_THINK_CLOSE = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
# A string with or without its closing quote (so that no text is scanned twice), or a brace.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}]', re.DOTALL)

_UNREAD = re.compile(r"[a-z]+ \d+(?: to \d+)?: at most \d+ (?:is|are) read")


@dataclass(frozen=True, slots=True)
class Parsed(Generic[R]):
    """A reply with what was found around it; `dropped` names the items that were left out, and why."""

    reply: R
    reasoning: str
    how: How
    dropped: tuple[str, ...] = ()


def parse_reply(text: str, reply_type: type[R]) -> Parsed[R]:
    """Return the typed reply in `text`. Raises: ReplyError with an exact reason, and nothing else."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ReplyError("too-large", size=MAX_BYTES // 1024)
    body, reasoning = split_reasoning(text.encode("utf-8", "replace").decode("utf-8").lstrip("\ufeff"))
    if not body.strip():
        raise ReplyError("only-reasoning" if reasoning else "empty")
    errors: list[ReplyError] = []
    objects, is_cut_off = _find_objects(body)
    for start, end in reversed(objects):
        try:
            reply, dropped = _validate(body[start:end], reply_type)
        except ReplyError as error:
            errors.append(error)
            continue
        return Parsed(reply, reasoning, _how(body, start, end), dropped)
    if is_cut_off:
        raise ReplyError("not-closed", size=len(body))
    raise errors[0] if errors else ReplyError("no-object")


def count_broken(dropped: Sequence[str]) -> int:
    """Return how many items of a reply were broken; the last line may tell of items that were not read at all."""
    return len(dropped) - bool(dropped and _UNREAD.fullmatch(dropped[-1]))


def is_whole(text: str) -> bool:
    """Tell of a reply that was used whether it is nothing but its JSON object: no prose, fence or reasoning."""
    try:
        return isinstance(json.loads(text.lstrip("\ufeff")), dict)
    except (ValueError, RecursionError):
        return False


def split_reasoning(text: str) -> tuple[str, str]:
    """Return the text without its reasoning, and the reasoning. A text that opens with `{` has none."""
    if text.lstrip().startswith("{"):
        return text, ""
    reasoning: list[str] = []
    opening, closing = _THINK_OPEN.search(text), _THINK_CLOSE.search(text)
    if closing is not None and (opening is None or closing.start() < opening.start()):
        # The opening tag stood in the server's template: all before the closing tag is reasoning.
        reasoning.append(text[: closing.start()])
        text = text[closing.end() :]

    def cut(match: re.Match[str]) -> str:
        reasoning.append(match.group(2))
        return ""

    body = _THINK.sub(cut, text)
    return body, "\n".join(part.strip() for part in reasoning if part.strip())


def _find_objects(text: str) -> tuple[list[tuple[int, int]], bool]:
    """Return the spans of the outermost balanced `{...}`, and whether one was opened and never closed.

    Strings are skipped inside objects only: prose may hold quotes of any kind.
    """
    if _is_one_object(text):
        return [(text.index("{"), text.rindex("}") + 1)], False
    found: list[tuple[int, int]] = []
    tokens, position, unclosed = 0, text.find("{"), 0
    while position >= 0 and unclosed < MAX_UNCLOSED:
        depth, begin, closed = 0, position, False
        for match in _TOKEN.finditer(text, position):
            tokens += 1
            if tokens > MAX_TOKENS:
                raise ReplyError("too-many-parts")
            brace = text[match.start()]
            depth += (brace == "{") - (brace == "}")
            if depth == 0 and brace == "}":
                found.append((begin, match.end()))
                position, closed = text.find("{", match.end()), True
                break
        if not closed:
            unclosed += 1
            position = text.find("{", begin + 1)
    return found[-MAX_OBJECTS:], unclosed > 0


def _is_one_object(text: str) -> bool:
    """Tell of a text of few parts at once whether it is JSON of an object and nothing else."""
    if len(text) > MAX_TOKENS or not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _validate(candidate: str, reply_type: type[R]) -> tuple[R, tuple[str, ...]]:
    try:
        reply = reply_type.model_validate_json(candidate)
    except ValidationError as error:
        raw = _load(candidate)
        try:
            kept = _keep_valid(raw, reply_type)
        except RecursionError:  # how deep JSON may be read and written is not the same in every Python
            raise ReplyError("too-deep") from None
        if kept is None:
            raise _explain(error, raw) from None
        return kept
    _load(candidate)
    return reply, ()


def _load(candidate: str) -> Any:
    """Return the JSON as plain data.

    Raises: ReplyError for what JSON allows and we do not, such as a key given twice.
    """
    try:
        return json.loads(candidate, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        raise ReplyError("invalid-json", value=what, line=error.lineno, column=error.colno) from None
    except (ValueError, RecursionError):
        raise ReplyError("too-deep") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ReplyError("duplicate-key", value=_short(twice))
    return data


def _no_constant(name: str) -> Any:
    raise ReplyError("not-a-number", value=name)


def _keep_valid(raw: Any, reply_type: type[R]) -> tuple[R, tuple[str, ...]] | None:
    """Return the batch with its well-formed items, and a line for each one dropped; None where that is no reply."""
    name = reply_type.batch
    items = raw.get(name) if isinstance(raw, dict) and name else None
    if not isinstance(items, list):
        return None
    field = reply_type.model_fields[name]
    (item_type,) = get_args(field.annotation)
    most = max(getattr(rule, "max_length", 0) for rule in field.metadata)
    kept: list[Any] = []
    dropped: list[str] = []
    singular = name.removesuffix("s")
    for number, item in enumerate(items[:MAX_ITEMS], start=1):
        if len(kept) == most:
            break
        try:
            item_type.model_validate_json(json.dumps(item))
            kept.append(item)
        except ValidationError as error:
            dropped.append(f"{singular} {number}: {_explain(error, item)}")
    first = len(kept) + len(dropped) + 1
    if first <= len(items):
        others = f"{name} {first} to {len(items)}" if first < len(items) else f"{singular} {first}"
        dropped.append(f"{others}: at most {most} {'is' if most == 1 else 'are'} read")
    try:
        reply = reply_type.model_validate_json(json.dumps({**raw, name: kept}))
    except ValidationError:
        return None
    return (reply, tuple(dropped)) if kept else None


def _explain(error: ValidationError, raw: Any) -> ReplyError:
    """Return the first few faults of a reply: where, and what is wrong."""
    if error.error_count() > MAX_FAULTS:
        return ReplyError("too-many-parts")
    faults: list[ReplyFault] = []
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        message = f"{found['msg'][:1].lower()}{found['msg'][1:160]}"
        fault = ReplyFault(".".join(_place(found["loc"], raw)), message)
        if fault not in faults:
            faults.append(fault)
        if len(faults) > MAX_ERRORS:
            break
    return ReplyError("wrong-form", faults=faults[:MAX_ERRORS], more=len(faults) > MAX_ERRORS)


def _place(loc: Sequence[int | str], raw: Any) -> Iterator[str]:
    """Yield the steps of a location that exist in the data, or would.

    Pydantic's names of union members are no steps.
    """
    for step in loc:
        if isinstance(step, str) and step.startswith(("dict[", "constrained-str")):
            continue
        if isinstance(raw, dict):
            raw = raw.get(str(step))
        elif isinstance(raw, list) and isinstance(step, int) and step < len(raw):
            raw = raw[step]
        else:
            continue
        yield repr(_short(step)) if isinstance(step, str) and not step.isidentifier() else str(step)[:40]


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _how(body: str, start: int, end: int) -> How:
    before, after = body[:start].rstrip(), body[end:].lstrip()
    if not before and not after:
        return "whole"
    last_line = before.rsplit("\n", 1)[-1].strip()
    return "fenced" if last_line.startswith("```") else "prose"
