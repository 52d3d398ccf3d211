"""Parsing replies: what is found, kept and said of the kept corpus of odd replies."""

import json
import os

import pytest
from hostile import CORPUS, GOLDEN, TYPES, VALID

from navarch.agents.errors import ReplyError
from navarch.agents.parse import count_broken, parse_reply, split_reasoning
from navarch.agents.replies import Lessons, Proposals, Verdicts


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
    outcomes = {name: outcome(text, TYPES[name.split("-")[0]]) for name, text in CORPUS.items()}
    path = GOLDEN / "expected.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(
            json.dumps(outcomes, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
        )
    assert max(len(result.get("error", "")) for result in outcomes.values()) < 600
    assert outcomes == json.loads(path.read_text(encoding="utf-8"))


def test_the_corpus_is_large():
    assert len(CORPUS) >= 120


WRAPPINGS = {
    "pretty": lambda text: json.dumps(json.loads(text), indent=2),
    "fenced": "```json\n{}\n```".format,
    "in prose": "Here it is: {} Good luck.".format,
    "after reasoning": "<think>one {{, or two</think>{}".format,
    "after another try": '{{"a": 1}} no, rather {}'.format,
}


@pytest.mark.parametrize("role", TYPES)
@pytest.mark.parametrize("form", WRAPPINGS)
def test_a_good_reply_is_found_in_every_wrapping(role, form):
    plain = parse_reply(VALID[role], TYPES[role]).reply
    assert parse_reply(WRAPPINGS[form](VALID[role]), TYPES[role]).reply == plain


def test_how_a_reply_was_found_is_told():
    forms = {"plain": "whole", "fenced": "fenced", "prose-around": "prose"}
    for form, how in forms.items():
        assert parse_reply(CORPUS[f"generator-{form}"], Proposals).how == how


def test_reasoning_is_kept_apart():
    assert split_reasoning("<think>a</think>b") == ("b", "a")
    assert split_reasoning("a</think>b") == ("b", "a")
    assert split_reasoning("<think>a") == ("", "a")
    assert split_reasoning('{"x": "<think>"}') == ('{"x": "<think>"}', "")


def test_a_broken_proposal_is_dropped_and_named():
    parsed = parse_reply(CORPUS["generator-one-bad-of-three"], Proposals)
    assert len(parsed.reply.proposals) == 2
    assert parsed.dropped[0].startswith("proposal 2: architecture: ")


def test_a_broken_verdict_is_dropped_and_named():
    parsed = parse_reply(CORPUS["critic-one-good-of-three"], Verdicts)
    assert [verdict.candidate for verdict in parsed.reply.verdicts] == [1]
    assert [line.split(":")[0] for line in parsed.dropped] == ["verdict 2", "verdict 3"]


def test_the_first_lesson_that_is_whole_is_kept_with_what_else_was_said():
    parsed = parse_reply(CORPUS["distiller-bad-then-good"], Lessons)
    assert [lesson.statement for lesson in parsed.reply.lessons] == ["shortcuts help"]
    assert (parsed.reply.retire, parsed.dropped[0].split(":")[0]) == ([2], "lesson 1")


@pytest.mark.parametrize(
    ("name", "reply_type"),
    [("distiller-good-lesson-bad-retire", Lessons), ("generator-all-bad", Proposals)],
)
def test_a_batch_without_a_sound_rest_or_a_sound_item_is_no_reply(name, reply_type):
    with pytest.raises(ReplyError):
        parse_reply(CORPUS[name], reply_type)


def test_more_proposals_than_are_taken_are_cut():
    parsed = parse_reply(CORPUS["generator-too-many"], Proposals)
    assert len(parsed.reply.proposals) == 64
    assert parsed.dropped == ("proposals 65 to 70: at most 64 are read",)


@pytest.mark.parametrize(("sound", "broken", "unread"), [(3, 0, 0), (1, 2, 0), (64, 0, 1), (63, 1, 9)])
def test_items_that_are_not_read_are_not_broken(sound, broken, unread):
    items = [{"architecture": "x", "why": ""}] * sound + [{"architecture": 7}] * broken
    items += [{"architecture": "x", "why": ""}] * unread
    dropped = parse_reply(json.dumps({"proposals": items}), Proposals).dropped
    assert (count_broken(dropped), len(dropped)) == (broken, broken + bool(unread))


def test_what_an_error_says_is_plain_data_of_bounded_size():
    for name, text in CORPUS.items():
        try:
            parse_reply(text, TYPES[name.split("-")[0]])
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
        parse_reply(CORPUS["generator-cut-after-first"], Proposals)
