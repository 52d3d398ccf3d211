"""The one path of every call: stored, repaired, fallen back from, resumed; offline just the same."""

import json

import pytest
from caller_bench import GOOD, REPLIES, Bench, Killed, killer
from samples import sample_view

from navarch.agents.errors import ModelError
from navarch.agents.model import Completion
from navarch.agents.redaction import Secret
from navarch.agents.roles import CRITIC, GENERATOR, ROLES
from navarch.memory import BudgetExhausted, CallKey, CallLimit, ReplySources
from navarch.prompts import PromptError, PromptLibrary

KEY = "sk-canary-1234567890abcdefghijkl"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_good_reply_is_typed_and_stored(memory, library, role):
    bench = Bench(memory, library, [GOOD[role.name]], role)
    answer = bench.ask()
    row = memory.calls("r1")[0]
    assert isinstance(answer.reply, role.reply_type)
    assert (answer.source, answer.call_id) == ("model", row.call_id)
    assert row.parsed == json.loads(GOOD[role.name])
    assert memory.text(row.reply) == GOOD[role.name]
    assert (row.model, row.prompt, row.prompt_digest) == (
        "openai:scripted",
        role.name,
        library.get(role.name).digest,
    )
    assert (row.input_tokens, row.output_tokens) == (100, 20)
    assert [(sender, memory.text(digest)) for sender, digest in row.messages] == [
        tuple(m) for m in bench.model.asked[0]
    ]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_an_offline_call_stores_the_prompt_that_a_model_would_have_read(memory, library, role):
    online = Bench(memory, library, [GOOD[role.name]], role)
    online.ask(round=1)
    offline = Bench(memory, library, None, role)
    answer = offline.ask(round=1, attempt=1)
    first, second = memory.calls("r1")
    assert (answer.source, second.source, second.model, second.state) == (
        "offline",
        "offline",
        "offline",
        "ok",
    )
    assert (first.messages, first.schema_digest) == (second.messages, second.schema_digest)
    assert memory.spent("r1").calls == 1


def test_a_bad_reply_is_repaired_with_the_exact_error(memory, library):
    bench = Bench(memory, library, ["no idea", "<think>hm</think>{}", GOOD["generator"]])
    assert bench.ask().source == "model"
    assert bench.rows() == [(0, "model", "bad-reply"), (1, "model", "bad-reply"), (2, "model", "ok")]
    first, second, third = bench.model.asked
    assert second[:2] == third[:2] == first
    assert second[2].text == "no idea"
    assert "There is no JSON object in the reply." in second[3].text
    assert third[2].text == "{}"
    assert '- "proposals": "field required"' in third[3].text
    assert "This is the last try." in third[3].text


def test_an_empty_reply_is_repaired_without_an_empty_message(memory, library):
    bench = Bench(memory, library, ["", GOOD["generator"]])
    bench.ask()
    assert [message.role for message in bench.model.asked[1]] == ["system", "user"]
    assert "The reply is empty." in bench.model.asked[1][1].text


def test_after_three_bad_replies_the_twin_answers_marked_as_fallback(memory, library):
    bench = Bench(memory, library, ["a", "b", "c"])
    answer = bench.ask()
    assert answer.source == "fallback"
    assert bench.rows()[2:] == [(2, "model", "bad-reply"), (3, "fallback", "ok")]
    assert answer.reply.proposals[0].why == "twin"


@pytest.mark.parametrize("bad", [3, 10])
def test_bad_replies_in_a_row_never_end_a_run(memory, library, bad):
    bench = Bench(memory, library, ["junk"] * bad * 3)
    assert [bench.ask(round=number).source for number in range(1, bad + 1)] == ["fallback"] * bad
    failed = memory.calls("r1", failed=True)
    assert [row.source for row in failed] == [*["model"] * 3, "fallback"] * bad


def test_a_fallback_equals_what_the_offline_role_would_have_said(memory, library):
    fallback = Bench(memory, library, ["a", "b", "c"]).ask(round=2, seed=7)
    memory.create_run(
        run_id="r2",
        workflow="w",
        space="s",
        task="t",
        task_digest="d" * 16,
        evaluator="e",
        seed=0,
        settings={},
        version="0",
    )
    bench = Bench(memory, library)
    view = sample_view("generator", "full")
    offline = bench.caller.ask(GENERATOR, view, run_id="r2", round=2, seed=7)
    assert offline.reply == fallback.reply


def test_the_random_state_depends_on_seed_role_round_and_attempt(memory, library):
    bench = Bench(memory, library)
    replies = [
        bench.ask(round=1, attempt=0).reply,
        bench.ask(round=1, attempt=1).reply,
        bench.ask(round=2, attempt=0).reply,
        bench.ask(round=3, attempt=0, seed=1).reply,
    ]
    assert len({reply.model_dump_json() for reply in replies}) == 4


def test_a_settled_question_is_not_asked_again(memory, library):
    first = Bench(memory, library, [GOOD["generator"]]).ask()
    again = Bench(memory, library, []).ask()
    assert again == first
    assert len(memory.calls("r1")) == 1


def test_a_settled_offline_answer_is_not_made_again(memory, library):
    bench = Bench(memory, library)
    assert bench.ask() == bench.ask()
    assert bench.twins["generator"].calls == 1


@pytest.mark.parametrize("point", ["call.rendered", "call.sending", "call.answered"])
def test_a_killed_call_is_made_once_more_and_its_cost_stays(memory, library, point):
    script = [GOOD["generator"]] if point == "call.answered" else []
    with pytest.raises(Killed):
        Bench(memory, library, script, fault=killer(point)).ask()
    resumed = Bench(memory, library, [GOOD["generator"]])
    assert resumed.ask().source == "model"
    assert len(resumed.model.asked) == 1
    rows = memory.calls("r1")
    assert [(row.turn, row.tries) for row in rows] == [(0, 1 if point == "call.rendered" else 2)]
    if point != "call.rendered":
        assert memory.spent("r1").tokens == 120 + rows[0].lost_tokens > 120


def test_a_question_killed_in_its_repair_goes_on_with_the_repair(memory, library):
    with pytest.raises(AssertionError):
        Bench(memory, library, ["junk"]).ask()
    resumed = Bench(memory, library, [GOOD["generator"]])
    assert resumed.ask().source == "model"
    assert "There is no JSON object" in resumed.model.asked[0][-1].text
    assert resumed.rows() == [(0, "model", "bad-reply"), (1, "model", "ok")]


def test_a_question_killed_before_its_fallback_falls_back(memory, library):
    bench = Bench(memory, library, ["a", "b", "c"])
    bench.twins["generator"].act = lambda view, rng: (_ for _ in ()).throw(Killed)
    with pytest.raises(Killed):
        bench.ask()
    resumed = Bench(memory, library, [])
    assert resumed.ask().source == "fallback"
    assert resumed.rows()[-1] == (3, "fallback", "ok")


def test_a_passing_failure_of_the_server_falls_back(memory, library):
    bench = Bench(memory, library, [ModelError("server", "HTTP 500", retryable=True)])
    assert bench.ask().source == "fallback"
    assert bench.rows() == [(0, "model", "error"), (1, "fallback", "ok")]
    assert memory.calls("r1")[0].error == "server: HTTP 500"


@pytest.mark.parametrize("kind", ["unreachable", "auth", "unknown-model", "bad-response"])
def test_a_server_that_never_worked_stops_the_run_at_its_first_call(memory, library, kind):
    bench = Bench(memory, library, [ModelError(kind, "start it")])
    with pytest.raises(ModelError, match="start it"):
        bench.ask()
    assert bench.rows() == [(0, "model", "error")]


def test_after_a_fatal_stop_the_question_is_asked_again(memory, library):
    with pytest.raises(ModelError):
        Bench(memory, library, [ModelError("unreachable", "start it")]).ask()
    resumed = Bench(memory, library, [GOOD["generator"]])
    assert resumed.ask().source == "model"
    assert resumed.rows() == [(0, "model", "error"), (1, "model", "ok")]


def test_a_server_that_worked_before_and_is_gone_falls_back(memory, library):
    bench = Bench(memory, library, [GOOD["generator"], ModelError("unreachable", "gone")])
    assert [bench.ask(round=1).source, bench.ask(round=2).source] == ["model", "fallback"]


def test_the_budget_is_checked_before_a_call_and_nothing_is_written(memory, library):
    bench = Bench(memory, library, [], limit=CallLimit(max_calls=0, max_tokens=None))
    with pytest.raises(BudgetExhausted):
        bench.ask()
    assert memory.calls("r1") == []


def test_repair_turns_count_against_the_budget(memory, library):
    bench = Bench(memory, library, ["a", "b"], limit=CallLimit(max_calls=2, max_tokens=None))
    with pytest.raises(BudgetExhausted):
        bench.ask()
    assert len(bench.model.asked) == 2


def test_the_reservation_covers_the_prompt_and_the_longest_reply(memory, library):
    bench = Bench(memory, library, [GOOD["generator"]])
    bench.ask()
    sent = sum(len(message.text) for message in bench.model.asked[0])
    assert memory.calls("r1")[0].reserved_tokens >= sent / 3 + library.get("generator").sampling.max_tokens


def test_offline_calls_cost_no_budget(memory, library):
    bench = Bench(memory, library, limit=CallLimit(max_calls=0, max_tokens=0))
    assert bench.ask().source == "offline"


def test_broken_proposals_are_named_also_after_a_resume(memory, library):
    text = (REPLIES / "generator-one-bad-of-three.txt").read_text()
    first = Bench(memory, library, [text]).ask()
    assert first.dropped[0].startswith("proposal 2")
    assert Bench(memory, library, []).ask() == first


def test_reasoning_is_stored_and_not_sent_back(memory, library):
    bench = Bench(
        memory, library, [Completion("<think>deep</think>junk", reasoning="apart"), GOOD["generator"]]
    )
    bench.ask()
    assert memory.text(memory.calls("r1")[0].reasoning) == "apart\ndeep"
    assert "deep" not in bench.model.asked[1][2].text


def test_a_reply_cut_off_by_the_limit_says_so_in_the_repair(memory, library):
    bench = Bench(memory, library, [Completion('{"proposals": [', finish_reason="length"), GOOD["generator"]])
    bench.ask()
    assert "cut off because it was too long" in bench.model.asked[1][-1].text
    assert memory.calls("r1")[0].error.endswith("(the model stopped early: length)")


def test_a_servers_own_word_for_the_end_is_quoted_in_the_repair(memory, library):
    script = [Completion("x", finish_reason="</data> filter\n" + "y" * 99), GOOD["generator"]]
    bench = Bench(memory, library, script)
    bench.ask()
    assert 'The reply ended early: "‹/data› filter yyy' in bench.model.asked[1][-1].text


def test_what_is_wrong_with_a_reply_is_worded_by_a_prompt_part_alone(memory, tmp_path):
    part = tmp_path / "parts" / "reply-error.md"
    part.parent.mkdir()
    part.write_text("Fault {{ error.code }}.\n")
    bench = Bench(memory, PromptLibrary(tmp_path, None), ["no idea", GOOD["generator"]])
    bench.ask()
    assert bench.model.asked[1][-1].text.startswith("Your reply could not be used:\nFault no-object.\n\nSend")


def test_a_repair_after_a_resume_says_the_same(memory, library):
    script = [Completion('{"proposals": [{"why": 1}]}', finish_reason="length")]
    whole = Bench(memory, library, [*script, GOOD["generator"]])
    whole.ask(round=1)
    with pytest.raises(AssertionError):
        Bench(memory, library, script).ask(round=2)
    resumed = Bench(memory, library, [GOOD["generator"]])
    resumed.ask(round=2)
    assert resumed.model.asked[0] == whole.model.asked[1]


def test_every_request_of_a_call_is_in_the_ledger(memory, library):
    script = [
        Completion("junk", attempts=2),
        Completion(GOOD["generator"], attempts=3),
        ModelError("server", "HTTP 500", attempts=4),
    ]
    bench = Bench(memory, library, script)
    bench.ask(round=1)
    bench.ask(round=2)
    assert [row.attempts for row in memory.calls("r1")] == [2, 3, 4, 1]
    assert memory.spent("r1").calls == 9


def test_replies_are_marked_and_can_be_counted_by_where_they_came_from(memory, library):
    server_down = ModelError("server", "HTTP 500", retryable=True)
    bench = Bench(memory, library, [GOOD["generator"], "a", "b", "c", server_down, GOOD["generator"]])
    sources = [bench.ask(round=number).source for number in (1, 2, 3, 4)]
    assert sources == ["model", "fallback", "fallback", "model"]
    assert memory.reply_sources("r1") == ReplySources(2, 0, 2, "server: HTTP 500")
    Bench(memory, library).ask(round=5)
    assert memory.reply_sources("r1").offline == 1


@pytest.mark.parametrize("placeholder", ["none", "EMPTY", "x"])
def test_a_placeholder_for_a_key_does_not_change_replies(memory, library, placeholder):
    architecture = {"edge_0_1": "none", "edge_0_2": "EMPTY", "edge_1_2": "x"}
    text = json.dumps({"proposals": [{"architecture": architecture, "why": "none, EMPTY, x"}]})
    script = [Completion(text, reasoning="none EMPTY x"), ModelError("server", "none EMPTY x")]
    bench = Bench(memory, library, script, secrets=[Secret(placeholder)])
    assert bench.ask(round=1).reply.proposals[0].architecture == architecture
    bench.ask(round=2)
    answered, failed, _ = memory.calls("r1")
    assert (memory.text(answered.reply), memory.text(answered.reasoning)) == (text, "none EMPTY x")
    assert failed.error == "server: none EMPTY x"


def test_the_schema_and_sampling_reach_the_client(memory, library):
    bench = Bench(memory, library, [GOOD["critic"]], CRITIC)
    bench.ask()
    assert bench.model.schemas[0]["required"] == ["verdicts"]
    assert bench.model.samplings[0] == library.get("critic").sampling


def test_an_edited_prompt_counts_from_the_next_call_on(memory, tmp_path):
    (tmp_path / "prompts").mkdir()
    library = PromptLibrary(project=tmp_path / "prompts")
    bench = Bench(memory, library, [GOOD["critic"]] * 2, CRITIC)
    bench.ask(round=1)
    (tmp_path / "prompts" / "critic.md").write_text(
        "---\nversion: mine\n---\nShort.\n<!-- user -->\n{{ keep }}"
    )
    bench.ask(round=2)
    before, after = memory.calls("r1")
    assert (before.prompt_version, after.prompt_version) == ("2", "mine")
    assert before.prompt_digest != after.prompt_digest
    assert [m.text for m in bench.model.asked[1]] == ["Short.", "4"]


def test_a_broken_prompt_stops_before_anything_is_stored(memory, tmp_path):
    (tmp_path / "critic.md").write_text("a\n<!-- user -->\n{{ colour }}")
    bench = Bench(memory, PromptLibrary(tmp_path, None), [], CRITIC)
    with pytest.raises(PromptError, match=r"critic\.md:3"):
        bench.ask()
    assert memory.calls("r1") == []


def test_a_key_is_in_no_byte_of_the_memory(memory, library, tmp_path):
    secret = Secret(KEY)
    script = [
        Completion(f"no {KEY}", reasoning=f"my key is {KEY}"),
        Completion(GOOD["generator"].replace('"w"', f'"key {KEY}"')),
        ModelError("auth", f"refused {KEY}"),
    ]
    bench = Bench(memory, library, script, secrets=[secret])
    bench.ask(round=1)
    bench.ask(round=2)
    memory.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    pieces = {KEY[n : n + 12].encode() for n in range(len(KEY) - 11)}
    assert not [piece for piece in pieces if piece in stored]


def test_odd_characters_in_a_reply_are_stored(memory, library):
    bench = Bench(memory, library, ["\ud800\x00\u202e", GOOD["generator"]])
    assert bench.ask().source == "model"


def test_an_interrupted_reservation_is_visible_in_the_trace(memory, library):
    with pytest.raises(Killed):
        Bench(memory, library, [], fault=killer("call.sending")).ask()
    assert memory.get_call(CallKey("r1", 1, "generator", 0, 0)).state == "reserved"
