import json
import threading
import zlib
from dataclasses import replace

import pytest

from navarch.memory import (
    BudgetExhausted,
    CallKey,
    CallLimit,
    Prices,
    ReplySources,
    StoreDamagedError,
    StoreError,
    render_digest,
    text_digest,
)

KEY = CallKey("demo", 0, "generator", 0, 0)


def test_a_call_is_reserved_settled_and_read_back(memory, make):
    call = make.reserve(memory, KEY)
    assert (call.state, call.tries, call.lost_tokens, call.ended_at) == ("reserved", 1, 0, None)
    assert memory.rendered(call) == [("system", "You design networks."), ("user", "Go on.")]
    settled = memory.settle_call(
        call.call_id,
        state="ok",
        reply="{}",
        reasoning="hm",
        parsed={"a": [1]},
        input_tokens=30,
        output_tokens=5,
        latency_s=0.5,
    )
    assert (settled.state, settled.parsed, settled.latency_s) == ("ok", {"a": [1]}, 0.5)
    assert memory.text(settled.reply) == "{}"
    assert memory.text(settled.reasoning) == "hm"
    assert memory.get_call(KEY) == settled
    assert memory.get_call(CallKey("demo", 0, "generator", 0, 1)) is None


ASKED = {
    "model": "offline", "prompt": "generator.md", "prompt_digest": "p1", "prompt_version": "1",
    "messages": [("system", "You design networks."), ("user", "Go on.")], "schema_digest": "s1",
}  # fmt: skip


@pytest.mark.parametrize("reply", ['{"a": [1, 0.5]}', '{"a": "\\u2028"}'])
def test_an_answer_that_costs_nothing_is_stored_in_one_step_as_in_two(memory, make, reply):
    for _ in range(2):
        memory.answer_call(KEY, source="offline", reply=reply, **ASKED)
    other = CallKey("demo", 0, "generator", 0, 1)
    row = memory.reserve_call(other, source="offline", reserved_tokens=0, **ASKED)
    two = memory.settle_call(row.call_id, state="ok", reply=reply, parsed=json.loads(reply))
    one = memory.get_call(KEY)
    own = {"call_id": one.call_id, "turn": 0, "started_at": one.started_at, "ended_at": one.ended_at}
    assert replace(two, **own) == one
    assert one.parsed == json.loads(reply)
    with pytest.raises(StoreError, match="another reply"):
        memory.answer_call(KEY, source="offline", reply="{}", **ASKED)


def test_an_answer_in_place_of_a_reservation_that_a_crash_left_keeps_its_tokens_lost(memory, make):
    make.reserve(memory, KEY)
    memory.answer_call(KEY, source="fallback", reply="{}", **ASKED)
    call = memory.get_call(KEY)
    assert (call.state, call.source, call.tries, call.lost_tokens) == ("ok", "fallback", 2, 100)


def test_the_render_digest_can_be_computed_before_the_call(memory, make):
    messages = [("user", "hostile \ud800 \x00 text")]
    assert make.reserve(memory, KEY, messages=messages).render_digest == render_digest(messages)


def test_a_settled_call_is_returned_and_not_reserved_again(memory, make):
    call = make.reserve(memory, KEY)
    settled = memory.settle_call(call.call_id, state="ok", reply="{}", input_tokens=1, output_tokens=1)
    assert make.reserve(memory, KEY, messages=[("user", "changed")], limit=CallLimit(max_calls=0)) == settled
    assert memory.settle_call(call.call_id, state="ok", reply="{}") == settled
    with pytest.raises(StoreError, match="another reply"):
        memory.settle_call(call.call_id, state="ok", reply="[]")


def test_an_interrupted_reservation_stays_counted_and_the_call_can_be_made_again(memory, make):
    make.reserve(memory, KEY, reserved_tokens=100)
    assert (memory.spent("demo").calls, memory.spent("demo").tokens) == (1, 100)
    again = make.reserve(memory, KEY, reserved_tokens=70)
    assert (again.state, again.tries, again.lost_tokens, again.reserved_tokens) == ("reserved", 2, 100, 70)
    assert (memory.spent("demo").calls, memory.spent("demo").tokens) == (2, 170)
    memory.settle_call(again.call_id, state="ok", reply="{}", input_tokens=20, output_tokens=5)
    assert (memory.spent("demo").calls, memory.spent("demo").tokens) == (2, 125)


@pytest.mark.parametrize("limit", [0, 1, 2, 3])
def test_the_limit_on_calls_stops_before_the_call_that_would_pass_it(memory, make, limit):
    for turn in range(limit):
        make.reserve(memory, CallKey("demo", 0, "generator", 0, turn), limit=CallLimit(max_calls=limit))
    with pytest.raises(BudgetExhausted) as caught:
        make.reserve(memory, CallKey("demo", 0, "generator", 1, 0), limit=CallLimit(max_calls=limit))
    assert (caught.value.what, len(memory.calls("demo"))) == ("calls", limit)


@pytest.mark.parametrize(("limit", "allowed"), [(0, 0), (99, 0), (100, 1), (199, 1), (200, 2)])
def test_the_limit_on_tokens_counts_the_worst_case(memory, make, limit, allowed):
    for turn in range(allowed):
        make.reserve(memory, CallKey("demo", 0, "critic", 0, turn), limit=CallLimit(max_tokens=limit))
    with pytest.raises(BudgetExhausted) as caught:
        make.reserve(memory, CallKey("demo", 0, "critic", 1, 0), limit=CallLimit(max_tokens=limit))
    assert (caught.value.what, memory.spent("demo").tokens) == ("tokens", 100 * allowed)


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (CallLimit(max_calls=1), "budget of 1 model call is spent"),
        (CallLimit(max_calls=2), "budget of 2 model calls is spent"),
        (CallLimit(max_tokens=250), "budget of 250 tokens has no room for the next call"),
        (CallLimit(max_tokens=1), "budget of 1 token has no room for the next call"),
    ],
)
def test_a_spent_budget_is_worded_as_the_reason_why_a_run_ended(memory, make, limit, text):
    for turn in range(2):
        make.reserve(memory, CallKey("demo", 0, "generator", 0, turn))
    with pytest.raises(BudgetExhausted) as caught:
        make.reserve(memory, CallKey("demo", 0, "critic"), limit=limit)
    assert str(caught.value) == text


def test_every_request_of_a_call_counts(memory, make):
    answered = make.reserve(memory, KEY)
    assert (answered.attempts, memory.spent("demo").calls) == (1, 1)
    assert memory.settle_call(answered.call_id, state="ok", reply="{}", attempts=3).attempts == 3
    assert memory.spent("demo").calls == 3
    failed = make.reserve(memory, CallKey("demo", 0, "generator", 0, 1))
    memory.settle_call(failed.call_id, state="error", error="server: HTTP 500", attempts=4)
    assert memory.spent("demo").calls == 7
    with pytest.raises(BudgetExhausted):
        make.reserve(memory, CallKey("demo", 0, "critic"), limit=CallLimit(max_calls=7))


def test_an_interrupted_try_counts_beside_the_requests_of_the_next(memory, make):
    make.reserve(memory, KEY)
    again = make.reserve(memory, KEY)
    memory.settle_call(again.call_id, state="ok", reply="{}", attempts=2)
    assert memory.spent("demo").calls == 3


@pytest.mark.parametrize("attempts", [0, -1, 1.5, True])
def test_an_impossible_number_of_requests_is_refused(memory, make, attempts):
    call = make.reserve(memory, KEY)
    with pytest.raises(StoreError):
        memory.settle_call(call.call_id, state="ok", reply="{}", attempts=attempts)


def test_nothing_is_written_when_the_budget_is_exhausted(memory, make):
    with pytest.raises(BudgetExhausted):
        make.reserve(memory, KEY, messages=[("user", "unsent")], limit=CallLimit(max_calls=0))
    with pytest.raises(StoreError, match="no text"):
        memory.text(text_digest("unsent"))


def test_a_crash_cannot_be_used_to_pass_the_limit(memory, make):
    limit = CallLimit(max_calls=2)
    make.reserve(memory, KEY, limit=limit)
    make.reserve(memory, KEY, limit=limit)
    with pytest.raises(BudgetExhausted):
        make.reserve(memory, KEY, limit=limit)
    assert memory.get_call(KEY).tries == 2


@pytest.mark.parametrize("source", ["offline", "fallback"])
def test_calls_that_cost_nothing_are_not_in_the_ledger(memory, make, source):
    make.reserve(memory, KEY, source=source, limit=CallLimit(max_calls=0, max_tokens=0))
    assert (memory.spent("demo").calls, memory.spent("demo").tokens) == (0, 0)


@pytest.mark.parametrize("usage", [(None, 5), (5, None), (-1, 5), (5, 2**62), (True, 5), ("3", 5)])
def test_missing_or_absurd_usage_counts_as_the_reservation(memory, make, usage):
    call = make.reserve(memory, KEY, reserved_tokens=100)
    memory.settle_call(call.call_id, state="ok", reply="{}", input_tokens=usage[0], output_tokens=usage[1])
    assert memory.spent("demo").tokens == 100


def test_eight_threads_at_the_edge_never_pass_the_limit(memory, make):
    refused = []

    def ask(turn):
        try:
            make.reserve(memory, CallKey("demo", 0, "generator", 0, turn), limit=CallLimit(max_calls=3))
        except BudgetExhausted as error:
            refused.append(error)

    threads = [threading.Thread(target=ask, args=(turn,)) for turn in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(refused), memory.spent("demo").calls) == (5, 3)


def test_calls_are_listed_by_role_round_and_failure(memory, make):
    for round, role in ((0, "navigator"), (0, "generator"), (1, "generator")):
        call = make.reserve(memory, CallKey("demo", round, role))
        if round == 1:
            memory.settle_call(call.call_id, state="bad-reply", reply="prose", error="no JSON in it")
    assert [call.role for call in memory.calls("demo")] == ["navigator", "generator", "generator"]
    assert len(memory.calls("demo", role="generator")) == 2
    assert len(memory.calls("demo", role="generator", round=0)) == 1
    assert [call.error for call in memory.calls("demo", failed=True)] == ["no JSON in it"]


def test_failed_calls_include_those_in_which_an_offline_twin_stepped_in(memory, make):
    good = make.reserve(memory, CallKey("demo", 0, "navigator"))
    memory.settle_call(good.call_id, state="ok", reply="{}")
    offline = make.reserve(memory, CallKey("demo", 0, "critic"), source="offline")
    memory.settle_call(offline.call_id, state="ok", reply="{}")
    ask_in_vain(memory, make, 0)
    assert [call.source for call in memory.calls("demo", failed=True)] == ["model", "fallback"]
    assert memory.calls("demo", role="navigator", failed=True) == []


def ask_in_vain(memory, make, round, errors=("server: HTTP 500",)):
    """Store a question that the model failed, turn by turn, and that then fell back."""
    for turn, error in enumerate(errors):
        call = make.reserve(memory, CallKey("demo", round, "generator", 0, turn))
        memory.settle_call(call.call_id, state="error", error=error)
    last = make.reserve(memory, CallKey("demo", round, "generator", 0, len(errors)), source="fallback")
    memory.settle_call(last.call_id, state="ok", reply="{}")


def test_replies_are_counted_by_source_with_the_error_before_the_last_fallback(memory, make):
    assert memory.reply_sources("demo") == ReplySources(0, 0, 0, None)
    for round, source in enumerate(("model", "offline", "model")):
        call = make.reserve(memory, CallKey("demo", round, "critic"), source=source)
        memory.settle_call(call.call_id, state="ok", reply="{}", error="proposal 2: left out")
    assert memory.reply_sources("demo") == ReplySources(2, 1, 0, None)
    ask_in_vain(memory, make, 0, errors=("first", "second"))
    assert memory.reply_sources("demo") == ReplySources(2, 1, 1, "second")
    ask_in_vain(memory, make, 1, errors=("third",))
    repaired = make.reserve(memory, CallKey("demo", 2, "generator"))
    memory.settle_call(repaired.call_id, state="bad-reply", reply="x", error="repaired later")
    assert memory.reply_sources("demo") == ReplySources(2, 1, 2, "third")


def test_replies_of_another_run_are_not_counted(memory, make):
    memory.create_run(run_id="second", **make.RUN)
    ask_in_vain(memory, make, 0)
    assert memory.reply_sources("second") == ReplySources(0, 0, 0, None)


def test_what_a_repair_turn_says_is_kept_as_data(memory, make):
    call = make.reserve(memory, KEY)
    said = {"code": "no-object", "faults": []}
    row = memory.settle_call(call.call_id, state="bad-reply", reply="x", error="no object", reply_error=said)
    assert row.reply_error == said
    assert memory.get_call(KEY) == row


@pytest.mark.parametrize("state", ["bad-reply", "error"])
def test_a_failed_call_must_say_why(memory, make, state):
    call = make.reserve(memory, KEY)
    with pytest.raises(StoreError, match="CHECK"):
        memory.settle_call(call.call_id, state=state)
    assert memory.get_call(KEY).state == "reserved"


def test_settling_an_unreserved_call_is_an_error(memory):
    with pytest.raises(StoreError, match="reserve it first"):
        memory.settle_call("demo/r0.critic.0.0", state="ok", reply="{}")


def test_the_same_prompt_is_stored_once(memory, make):
    for turn in range(5):
        make.reserve(memory, CallKey("demo", 0, "generator", 0, turn))
    assert memory._store.rows("SELECT count(*) FROM texts") == [(2,)]


def test_the_ledger_counts_trials_by_what_became_of_them(memory, make):
    make.add_finished(memory, 3)
    memory.create_run(run_id="second", **make.RUN)
    reused, failed, running, _ = memory.add_trials("second", 1, [make.trial(index) for index in range(4)])
    make.finish(memory, reused, 50.0, reused_from="demo/t1")
    make.fail(memory, failed)
    memory.start_trial(running.trial_id)
    spent = memory.spent("second")
    assert (spent.trials, spent.reused, spent.waiting, spent.running, spent.train_seconds) == (
        2,
        1,
        1,
        1,
        1.5,
    )
    assert memory.spent("demo").train_seconds == 4.5


@pytest.mark.parametrize("length", [0, 1, 199, 200, 5000, 256 * 1024])
def test_texts_of_any_length_come_back_and_long_ones_take_less_room(memory, make, length):
    reply = "x" * length
    call = memory.settle_call(make.reserve(memory, KEY).call_id, state="ok", reply=reply, parsed={"x": 1})
    assert memory.text(call.reply) == reply
    where = "WHERE digest = ?"
    ((room,),) = memory._store.rows(
        f"SELECT coalesce(length(packed), length(text)) FROM texts {where}", [call.reply]
    )
    assert room == length if length < 200 else room < 200 + length // 100
    assert memory.check() == []


@pytest.mark.parametrize("packed", [b"", b"no zlib", zlib.compress(b"x" * 300_000), zlib.compress(b"\xff")])
def test_a_damaged_text_is_never_given_out(memory, make, packed):
    call = memory.settle_call(
        make.reserve(memory, KEY).call_id, state="ok", reply="word " * 200, parsed={"x": 1}
    )
    memory._store.rows("UPDATE texts SET packed = ? WHERE digest = ?", [packed, call.reply])
    with pytest.raises(StoreDamagedError, match="differs from its digest"):
        memory.text(call.reply)
    assert len(memory.check()) == 1


def test_a_reply_that_is_the_parsed_data_is_stored_once(memory, make):
    reply, parsed = '{"n": [1, true]}', {"n": [1, True]}
    settled = memory.settle_call(make.reserve(memory, KEY).call_id, state="ok", reply=reply, parsed=parsed)
    assert memory._store.rows("SELECT parsed FROM calls") == [(None,)]
    assert settled.parsed == parsed


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800"])
def test_parsed_data_never_hold_what_no_text_can(memory, make, escape):
    reply = f'{{"why":"{escape}"}}'
    call = make.reserve(memory, KEY)
    settled = memory.settle_call(call.call_id, state="ok", reply=reply, parsed=json.loads(reply))
    assert settled.parsed == {"why": "\ufffd"}


@pytest.mark.parametrize(
    ("reply", "parsed"),
    [('```\n{"n": 1}\n```', {"n": 1}), ('{"n": "1"}', {"n": 1}), ('{"n": true}', {"n": 1})],
)
def test_a_reply_that_says_it_otherwise_keeps_its_parsed_data(memory, make, reply, parsed):
    settled = memory.settle_call(make.reserve(memory, KEY).call_id, state="ok", reply=reply, parsed=parsed)
    assert (settled.parsed, type(settled.parsed["n"])) == (parsed, int)
    assert memory._store.rows("SELECT parsed IS NULL FROM calls") == [(0,)]


PRICES = Prices(input=2.0, output=10.0)  # for a million tokens


def test_money_is_what_was_reported_and_the_dearer_price_of_what_was_not(memory, make):
    told = make.reserve(memory, KEY)
    memory.settle_call(told.call_id, state="ok", reply="{}", input_tokens=3000, output_tokens=100)
    assert memory.money("demo", PRICES) == pytest.approx(3000 * 2e-6 + 100 * 10e-6)
    silent = make.reserve(memory, CallKey("demo", 0, "critic"), reserved_tokens=500)
    memory.settle_call(silent.call_id, state="ok", reply="{}")
    assert memory.money("demo", PRICES) == pytest.approx(0.007 + 500 * 10e-6)
    make.reserve(memory, CallKey("demo", 1, "critic"), reserved_tokens=100)
    make.reserve(memory, CallKey("demo", 1, "critic"), reserved_tokens=100)  # a crash lay between
    assert memory.money("demo", PRICES) == pytest.approx(0.012 + 2 * 100 * 10e-6)
    make.reserve(memory, CallKey("demo", 2, "critic"), source="offline", reserved_tokens=10**6)
    assert memory.money("demo", PRICES) == pytest.approx(0.014)


def test_a_call_whose_reservation_passes_the_limit_on_money_is_not_made(memory, make):
    limit = CallLimit(max_money=0.0025, prices=PRICES)
    make.reserve(memory, KEY, reserved_tokens=200, limit=limit)
    with pytest.raises(BudgetExhausted, match=r"budget of 0\.0025 in money has no room for the next call"):
        make.reserve(memory, CallKey("demo", 0, "critic"), reserved_tokens=51, limit=limit)
    make.reserve(memory, CallKey("demo", 0, "critic"), reserved_tokens=49, limit=limit)
