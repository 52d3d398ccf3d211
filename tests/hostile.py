"""Replies that no model should send: the kept corpus, huge ones, and endless mutations of valid ones."""

import copy
import json
from pathlib import Path

from navarch.agents.parse import MAX_BYTES
from navarch.agents.replies import (
    Direction,
    Evolution,
    Lessons,
    Patterns,
    Proposal,
    Proposals,
    Strategy,
    Verdicts,
)

GOLDEN = Path(__file__).resolve().parent / "golden" / "replies"
CORPUS = {path.stem: path.read_bytes().decode() for path in sorted(GOLDEN.glob("*.txt"))}
TYPES = {  # by what their files begin with; the Generator of `collm-nas` replies as that of `navarch`
    "navigator": Direction,
    "generator": Proposals,
    "critic": Verdicts,
    "distiller": Lessons,
    "strategy": Strategy,
    "evolution": Evolution,
    "patterns": Patterns,
    "proposal": Proposal,
}
VALID = {name: CORPUS[f"{name}-plain"] for name in TYPES}

HUGE = {
    "ten megabytes": "x" * 10_000_000,
    "brackets": '{"proposals": ' + "[" * 100_000,
    "braces": "{" * MAX_BYTES,
    "objects": "{}" * (MAX_BYTES // 2),
    "nested objects": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "open strings": '{"' + '\\"' * (MAX_BYTES // 2 - 10),
    "quotes": '{"' * (MAX_BYTES // 2),
    "digits": '{"proposals": ' + "9" * 5_000 + "}",
    "keys": "{" + ",".join(f'"k{n}": 1' for n in range(15_000)) + "}",
    "items": '{"proposals": [' + ",".join(["7"] * 100_000) + "]}",
    "bad proposals": '{"proposals": [' + ",".join(['{"why":1}'] * 7_000) + "]}",
    "long list": '{"proposals": [' + ",".join(['{"architecture":"1","why":""}'] * 3_000) + "]}",
    "bad verdicts": '{"verdicts": [' + ",".join(['{"score":"x"}'] * 3_000) + "]}",
    "thinks": "<think>" * 30_000,
    "think ends": "</think>" * 30_000,
    "pairs of thinks": "<think></think>" * 17_000,
    "fences": "```json\n" * 30_000,
    "spaces": " " * MAX_BYTES,
    "escapes": '{"summary": "' + "\\u0041" * 40_000 + '"}',
    "backslashes": '{"' + "\\" * (MAX_BYTES - 10),
    "wide characters": "\U0001f600" * (MAX_BYTES // 4),
    "surrogates": "\ud800" * 80_000,
}

PIECES = (
    *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\u", b"\\ud800", b"\x00", b"\x1b[31m", b"\xff"),
    *(b"<think>", b"</think>", b"```", b"```json\n", b"1e999", b"NaN", b"-Infinity", b"//", b"/*", b"'"),
    *(b"\xef\xbb\xbf", "\u202e".encode(), "\U0001f600".encode(), b"__class__", b"{{7*7}}", b"'; DROP TABLE"),
)
VALUES = (
    *(None, True, False, 0, -1, 1.5, 2**63, 10**400, "", "none", "\x00", "\ud800", "x" * 5_000, "../../x"),
    *([], {}, [[]], [None], {"a": {}}, {"__class__": "str"}, "3", 1e308, -0.0),
)


def mutate(rng, text):
    """Return a valid reply changed a little: its bytes, its data, or what stands around it."""
    return rng.choice((_mutate_bytes, _mutate_data, _mutate_bytes, _mutate_around))(rng, text)


def _mutate_bytes(rng, text):
    raw = bytearray(text.encode("utf-8", "replace"))
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(raw) + 1)
        action = rng.randrange(5)
        if action == 0:
            raw[at : at + 1] = bytes([rng.randrange(256)])
        elif action == 1:
            del raw[at : at + rng.randint(1, 20)]
        elif action == 2:
            raw[at:at] = raw[at : at + rng.randint(1, 40)]
        elif action == 3:
            raw[at:at] = rng.choice(PIECES)
        else:
            del raw[at:]
            raw += text.encode("utf-8", "replace")[rng.randrange(at + 1) :]
    return raw.decode("utf-8", "replace")


def _mutate_data(rng, text):
    """Change one to three places of the parsed reply: another value, a key lost, added or renamed, an item twice."""
    data = json.loads(text)
    for _ in range(rng.randint(1, 3)):
        holder, key = rng.choice(list(_places(data)))
        action = rng.randrange(4)
        if action == 0:
            holder[key] = copy.deepcopy(rng.choice(VALUES))
        elif action == 1:
            del holder[key]
        elif isinstance(holder, list):
            holder[key:key] = [copy.deepcopy(holder[key])] * rng.choice((1, 2, 70))
        elif action == 2:
            holder[rng.choice((f"{key} ", key.upper(), "", "__proto__"))] = holder.pop(key)
        else:
            holder["accuracy"] = 99.9
        if not data:
            break
    return json.dumps(data, ensure_ascii=rng.random() < 0.5)


def _mutate_around(rng, text):
    other = rng.choice(sorted(VALID.values()))
    return rng.choice(
        (
            f"Here it is:\n```json\n{text}\n```\nGood luck!",
            f"<think>maybe {{ or }}</think>{text}",
            f"{text}\n{other}",
            f"{other}{text}",
            json.dumps({"reply": json.loads(text)}),
            json.dumps(text),
            f"[{text}]",
            text.replace('"', "'"),
            text.replace("}", ",}"),
            text[: rng.randrange(len(text))],
            text[rng.randrange(len(text)) :],
            text.replace(" ", "\u00a0"),
        )
    )


def _places(data):
    """Yield every (container, key) of parsed JSON."""
    for key in list(data) if isinstance(data, dict) else range(len(data)):
        yield data, key
        if isinstance(data[key], dict | list):
            yield from _places(data[key])
