"""Parsing replies: a typed reply or a ReplyError, nothing else, and quickly; odd replies are kept."""

import json
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from navarch.agents.errors import ReplyError
from navarch.agents.parse import MAX_BYTES, parse_reply, split_reasoning
from navarch.agents.replies import Direction, Lessons, Proposals, Verdicts

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "replies"
TYPES = {"navigator": Direction, "generator": Proposals, "critic": Verdicts, "distiller": Lessons}
CORPUS = sorted(GOLDEN.glob("*.txt"))


def outcome(text, reply_type):
    try:
        parsed = parse_reply(text, reply_type)
    except ReplyError as error:
        return {"code": error.code, "error": str(error)}
    assert isinstance(parsed.reply, reply_type)
    result = {"how": parsed.how, "reply": parsed.reply.model_dump(mode="json")}
    if parsed.reasoning:
        result["reasoning"] = parsed.reasoning
    if parsed.dropped:
        result["dropped"] = list(parsed.dropped)
    return result


def test_every_reply_of_the_corpus_has_its_golden_outcome():
    outcomes = {
        path.stem: outcome(path.read_bytes().decode(), TYPES[path.stem.split("-")[0]]) for path in CORPUS
    }
    path = GOLDEN / "expected.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(
            json.dumps(outcomes, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
        )
    assert max(len(result.get("error", "")) for result in outcomes.values()) < 600
    assert outcomes == json.loads(path.read_text(encoding="utf-8"))


def test_the_corpus_is_large():
    assert len(CORPUS) >= 120


@pytest.mark.parametrize("role", TYPES)
@pytest.mark.parametrize("form", ["plain", "pretty", "fenced", "prose-around", "think"])
def test_a_good_reply_is_found_in_every_wrapping(role, form):
    plain = parse_reply((GOLDEN / f"{role}-plain.txt").read_text(), TYPES[role]).reply
    assert parse_reply((GOLDEN / f"{role}-{form}.txt").read_text(), TYPES[role]).reply == plain


def test_how_a_reply_was_found_is_told():
    forms = {"plain": "whole", "fenced": "fenced", "prose-around": "prose"}
    for form, how in forms.items():
        assert parse_reply((GOLDEN / f"generator-{form}.txt").read_text(), Proposals).how == how


def test_reasoning_is_kept_apart():
    assert split_reasoning("<think>a</think>b") == ("b", "a")
    assert split_reasoning("a</think>b") == ("b", "a")
    assert split_reasoning("<think>a") == ("", "a")
    assert split_reasoning('{"x": "<think>"}') == ('{"x": "<think>"}', "")


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


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("role", ["generator", "navigator"])
def test_a_huge_reply_costs_little_time(name, role):
    outcome("{}", TYPES[role])
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        outcome(HUGE[name], TYPES[role])
        best = min(best, time.process_time() - started)
    assert best < 0.05


VALID = {path.stem.split("-")[0]: path.read_text() for path in CORPUS if path.stem.endswith("-plain")}
JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(sorted(TYPES)), st.text(max_size=300))
def test_any_text_is_a_reply_or_a_reply_error(role, text):
    outcome(text, TYPES[role])


@given(st.sampled_from(sorted(TYPES)), JSONISH)
def test_any_json_is_a_reply_or_a_reply_error(role, data):
    outcome(json.dumps(data), TYPES[role])
    outcome(json.dumps(dict.fromkeys(TYPES[role].model_fields, data)), TYPES[role])


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(TYPES)), st.lists(st.tuples(st.floats(0, 1), st.characters()), max_size=6))
def test_a_reply_with_changed_characters_is_a_reply_or_a_reply_error(role, changes):
    text = VALID[role]
    for place, char in changes:
        at = int(place * len(text))
        text = text[:at] + char + text[at + 1 :]
    outcome(text, TYPES[role])


@pytest.mark.parametrize("role", TYPES)
def test_a_thousand_byte_mutations_give_a_reply_or_a_reply_error(role):
    rng = random.Random(role)
    valid = VALID[role].encode()
    for _ in range(1000):
        raw = bytearray(valid)
        for _ in range(rng.randint(1, 8)):
            at = rng.randrange(len(raw))
            action = rng.randrange(4)
            if action == 0:
                raw[at] = rng.randrange(256)
            elif action == 1:
                del raw[at : at + rng.randint(1, 20)]
            elif action == 2:
                raw[at:at] = raw[at : at + rng.randint(1, 40)]
            else:
                raw[at:at] = rng.choice(
                    [b'"', b"{", b"}", b"]", b",", b"\\", b"\x00", b"<think>", b"```", b"1e999", b"NaN"]
                )
            if not raw:
                break
        outcome(raw.decode("utf-8", "replace"), TYPES[role])


def test_a_broken_proposal_is_dropped_and_named():
    parsed = parse_reply((GOLDEN / "generator-one-bad-of-three.txt").read_text(), Proposals)
    assert len(parsed.reply.proposals) == 2
    assert parsed.dropped[0].startswith("proposal 2: architecture: ")


def test_more_proposals_than_are_taken_are_cut():
    parsed = parse_reply((GOLDEN / "generator-too-many.txt").read_text(), Proposals)
    assert len(parsed.reply.proposals) == 64
    assert parsed.dropped == ("proposals 65 to 70: at most 64 are read",)


def test_what_an_error_says_is_plain_data_of_bounded_size():
    for path in CORPUS:
        try:
            parse_reply(path.read_bytes().decode(), TYPES[path.stem.split("-")[0]])
        except ReplyError as error:
            said = error.as_dict()
            assert json.loads(json.dumps(said)) == said
            assert len(json.dumps(said)) < 1_000


def test_a_long_key_given_twice_is_cut():
    with pytest.raises(ReplyError) as caught:
        parse_reply(json.dumps({"k" * 99: 1, "j": 2}).replace("j", "k" * 99), Proposals)
    assert (caught.value.code, len(caught.value.value)) == ("duplicate-key", 40)


def test_the_error_of_a_reply_that_was_cut_off_says_so():
    with pytest.raises(ReplyError, match="the JSON object is not closed: the reply ends after"):
        parse_reply((GOLDEN / "generator-cut-after-first.txt").read_text(), Proposals)
