"""Replies that come for an older step, twice, or after a cancellation change nothing: every write has its key (D5)."""

import pytest
from caller_bench import GOOD, Bench

from navarch.memory import CallKey, NewProposal, StoreError

LATE = GOOD["generator"].replace('"w"', '"late"')


def snapshot(memory):
    tables = ("calls", "texts", "proposals", "rounds", "trials", "lessons")
    return {table: sorted(memory._store.rows(f"SELECT * FROM {table}"), key=repr) for table in tables}


def settle(memory, round, reply):
    key = CallKey("r1", round, "generator", 0, 0)
    return memory.settle_call(key.call_id, state="ok", reply=reply, input_tokens=9, output_tokens=9)


@pytest.fixture
def bench(memory, library):
    """A run that has two answers: the first of them was cancelled once, and asked again."""

    def cancel(messages):
        raise KeyboardInterrupt

    bench = Bench(memory, library, [cancel, GOOD["generator"], GOOD["generator"]])
    with pytest.raises(KeyboardInterrupt):
        bench.ask(round=1)
    assert memory.calls("r1")[0].state == "reserved"
    assert [bench.ask(round=round).source for round in (1, 2)] == ["model", "model"]
    return bench


@pytest.mark.parametrize("round", [1, 2], ids=["an older step, after a cancellation", "the latest step"])
def test_another_reply_to_an_answered_question_is_refused_and_the_first_stays(bench, memory, round):
    before = snapshot(memory)
    with pytest.raises(StoreError, match="the first stays"):
        settle(memory, round, LATE)
    assert snapshot(memory) == before
    assert bench.ask(round=round).reply.proposals[0].why != "late"


@pytest.mark.parametrize("round", [1, 2], ids=["an older step", "the latest step"])
def test_the_same_reply_twice_is_stored_and_paid_once(bench, memory, round):
    before, spent = snapshot(memory), memory.spent("r1")
    assert settle(memory, round, GOOD["generator"]).input_tokens == 100
    assert (snapshot(memory), memory.spent("r1")) == (before, spent)


def test_what_was_cancelled_stays_spent_and_is_asked_once_more(bench, memory):
    first, second = memory.calls("r1")
    assert (first.tries, second.tries, len(bench.model.asked)) == (2, 1, 3)
    assert memory.spent("r1").tokens == 240 + first.lost_tokens > 240


def test_proposals_of_a_step_that_has_some_are_not_replaced(bench, memory):
    def add(why):
        return memory.add_proposals(
            "r1", 1, 0, [NewProposal(position=0, origin="generator", raw="{}", why=why)]
        )

    add("first")
    before = snapshot(memory)
    assert [row.why for row in add("late")] == ["first"]
    assert snapshot(memory) == before
