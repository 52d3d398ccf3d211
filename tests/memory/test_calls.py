import threading

import pytest

from navarch.memory import BudgetExhausted, CallKey, CallLimit, StoreError, render_digest, text_digest

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
    reused, failed, running, _ = memory.add_trials("second", 0, [make.trial(index) for index in range(4)])
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
