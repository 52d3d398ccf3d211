"""What `navarch show` counts of a model's replies, from the stored calls alone."""

import json
from dataclasses import replace

import pytest
from caller_bench import GOOD, Bench, Killed, killer
from hostile import CORPUS
from scripted_model import ScriptedModel

from navarch.agents.errors import ModelError
from navarch.agents.ladder import Ladder, ladders
from navarch.agents.model import Completion
from navarch.memory import NewProposal
from navarch.viewer.prompt_results import read_asked

GENERATED = GOOD["generator"]
DOWN = ModelError("server", "HTTP 500", retryable=True, attempts=4)
MAIN, SPARE = "openai:scripted", "openai:spare"


def counts(memory):
    """Return every model's ladder without the figures that are zero."""
    found = {ladder.model: ladder.as_dict() for ladder in ladders(memory, "r1")}
    return {
        model: {name: count for name, count in row.items() if count and name != "model"}
        for model, row in found.items()
    }


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([GENERATED], {"at_once": 1, "calls": 1, "requests": 1}),
        (["\ufeff" + GENERATED + "\n"], {"at_once": 1, "calls": 1, "requests": 1}),
        ([f"```json\n{GENERATED}\n```"], {"extracted": 1, "calls": 1, "requests": 1}),
        ([f"Sure: {GENERATED}"], {"extracted": 1, "calls": 1, "requests": 1}),
        ([f"<think>hm</think>{GENERATED}"], {"extracted": 1, "calls": 1, "requests": 1}),
        ([Completion(GENERATED, attempts=3)], {"at_once": 1, "calls": 1, "requests": 3}),
        (["a", GENERATED], {"repaired_1": 1, "calls": 2, "requests": 2}),
        (["a", "b", f"so: {GENERATED}"], {"repaired_2": 1, "calls": 3, "requests": 3}),
        (["a", "b", "c"], {"twin": 1, "calls": 3, "requests": 3}),
        ([DOWN], {"twin": 1, "calls": 1, "requests": 4, "errors": 1}),
        (
            [CORPUS["generator-one-bad-of-three"]],
            {"at_once": 1, "partly_valid": 1, "calls": 1, "requests": 1},
        ),
    ],
)
def test_a_question_ends_in_one_way(memory, library, script, expected):
    Bench(memory, library, script).ask()
    assert counts(memory) == {MAIN: {"questions": 1, **expected}}


@pytest.mark.parametrize(
    ("script", "outcome", "is_counted"),
    [
        ([GENERATED], "valid", True),
        ([f"Sure: {GENERATED}"], "valid", True),
        (["a", GENERATED], "repaired", True),
        (["a", "b", f"so: {GENERATED}"], "repaired", True),
        (["a", "b", "c"], "fallback", True),
        (["a", DOWN], "fallback", True),
        ([DOWN], "fallback", False),
    ],
)
def test_a_comparison_of_prompts_goes_by_the_same_endings(memory, library, script, outcome, is_counted):
    Bench(memory, library, script).ask()
    (asked,) = read_asked(memory, memory.get_run("r1"))
    assert (asked.outcome, asked.is_counted) == (outcome, is_counted)


def test_a_comparison_of_prompts_counts_a_spares_reply_and_leaves_out_what_is_open(memory, library):
    Bench(memory, library, [DOWN], spares=[ScriptedModel([GENERATED], SPARE)]).ask(round=1)
    with pytest.raises(Killed):
        Bench(memory, library, ["a", GENERATED], fault=killer("call.answered")).ask(round=2)
    (spared,) = read_asked(memory, memory.get_run("r1"))
    assert (spared.outcome, spared.calls, spared.is_counted) == ("valid", 1, True)

    def die(messages):
        raise Killed

    with pytest.raises(Killed):
        Bench(memory, library, ["a", die]).ask(round=3)
    opened = read_asked(memory, memory.get_run("r1"))[-1]
    assert (opened.outcome, opened.calls, opened.is_counted) == ("unanswered", 1, False)


def test_what_was_not_read_of_a_batch_is_no_invalid_proposal(memory, library):
    one = {"architecture": "x", "why": ""}
    batch = {"proposals": [{"architecture": 7}, *[one] * 90]}
    answer = Bench(memory, library, [json.dumps(batch)]).ask()
    items = [
        NewProposal(n, "generator", "{}", "", answer.call_id) for n in range(len(answer.reply.proposals))
    ]
    memory.add_proposals("r1", 1, 0, items)
    (asked,) = read_asked(memory, memory.get_run("r1"))
    assert (asked.proposed, asked.invalid) == (len(items) + 1, 1)


def test_a_spare_model_has_a_ladder_of_its_own(memory, library):
    spare = ScriptedModel([GENERATED], SPARE)
    Bench(memory, library, ["a", DOWN], spares=[spare]).ask()
    assert counts(memory) == {
        MAIN: {"questions": 1, "spare": 1, "calls": 2, "requests": 5, "errors": 1},
        SPARE: {"questions": 1, "repaired_1": 1, "calls": 1, "requests": 1},
    }


def test_a_call_that_a_crash_left_open_is_unanswered_until_it_is_made_again(memory, library):
    with pytest.raises(Killed):
        Bench(memory, library, [GENERATED], fault=killer("call.answered")).ask()
    assert counts(memory)[MAIN] == {"questions": 1, "unanswered": 1, "calls": 1, "requests": 1}
    Bench(memory, library, [GENERATED]).ask()
    assert counts(memory)[MAIN] == {"questions": 1, "at_once": 1, "calls": 1, "requests": 2}


def test_offline_roles_have_no_ladder(memory, library):
    Bench(memory, library).ask()
    assert ladders(memory, "r1") == []


def test_the_ways_in_which_questions_end_sum_up(memory, library):
    bench = Bench(memory, library, [GENERATED, "a", GENERATED, "a", "b", "c", f"so {GENERATED}", DOWN])
    for round in range(1, 6):
        bench.ask(round=round)
    (ladder,) = ladders(memory, "r1")
    ends = ("at_once", "extracted", "repaired_1", "repaired_2", "spare", "twin", "unanswered")
    assert ladder.questions == sum(getattr(ladder, end) for end in ends) == 5
    whole = replace(ladder, calls=0, requests=0, errors=0)
    assert whole == Ladder(MAIN, 5, at_once=1, extracted=1, repaired_1=1, twin=2)
    assert ladder.requests == memory.spent("r1").calls
