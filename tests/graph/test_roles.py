"""What each role is shown and what becomes of its replies, with scripted models in the roles' places."""

import json

import pytest
from scripted_model import ScriptedModel

C3, C1, SKIP, NONE, POOL = "nor_conv_3x3", "nor_conv_1x1", "skip_connect", "none", "avg_pool_3x3"
EDGES = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")


def cell(*options):
    return dict(zip(EDGES, options, strict=True))


def proposals(*architectures):
    return json.dumps({"proposals": [{"architecture": a, "why": "a reason"} for a in architectures]})


def direction(summary="look around", build_on=()):
    reply = {"summary": summary, "patterns": [], "guidance": [], "build_on": list(build_on), "explore": 0.5}
    return json.dumps(reply)


def verdicts(*decisions):
    return json.dumps(
        {
            "verdicts": [
                {"candidate": n, "decision": decision, "score": score, "reason": "because"}
                for n, (decision, score) in enumerate(decisions, start=1)
            ]
        }
    )


A = cell(C3, C3, C3, SKIP, C3, C3)
B = cell(C1, C3, C3, SKIP, C3, C3)
C = cell(C1, C1, C3, SKIP, C3, C3)
D = cell(SKIP, C1, C3, SKIP, C3, C3)


def scripted(bench, **scripts):
    models = {role: ScriptedModel(script, name=f"openai:{role}") for role, script in scripts.items()}
    bench.use_models(**models)
    return models, {role: f"openai:{role}" for role in models}


def system(messages):
    return messages[0].text


def test_refused_proposals_come_back_to_the_generator_with_their_reasons(bench):
    wrong = cell("conv_7x7", C3, C3, SKIP, C3, C3)
    models, roles = scripted(bench, generator=[proposals(A, wrong, A), proposals(B)])
    bench.run(budget={"trials": 2}, search={"trials_per_round": 2}, roles=roles)
    asked_again = models["generator"].asked[1][-1].text
    assert "conv_7x7" in asked_again
    assert "edge_0_1" in asked_again
    assert "333133" in asked_again
    with bench.memory() as memory:
        stored = [(row.attempt, row.status) for row in memory.proposals("r1")]
    assert stored == [(0, "selected"), (0, "invalid"), (0, "duplicate"), (1, "selected")]


def test_a_generator_that_only_repeats_itself_is_topped_up_with_random_candidates(bench):
    _, roles = scripted(bench, generator=[proposals(A)] * 3)
    bench.run(budget={"trials": 3}, search={"trials_per_round": 3, "retries": 2}, roles=roles)
    with bench.memory() as memory:
        origins = [row.origin for row in memory.proposals("r1", status="selected")]
    assert sorted(origins) == ["generator", "random-fill", "random-fill"]


def test_a_proposal_that_computes_the_same_as_a_finished_trial_is_a_duplicate(bench):
    swapped = cell(C1, C3, NONE, SKIP, C3, SKIP), cell(C3, C1, NONE, SKIP, SKIP, C3)
    _, roles = scripted(bench, generator=[proposals(swapped[0]), proposals(swapped[1], A)])
    bench.run(budget={"trials": 2}, search={"trials_per_round": 1}, roles=roles)
    with bench.memory() as memory:
        (duplicate,) = memory.proposals("r1", status="duplicate")
    assert (duplicate.problems[0]["code"], duplicate.problems[0]["value"]) == ("duplicate-trial", "1")


def test_roles_start_afresh_and_the_navigator_is_told_what_it_said_last(bench):
    models, roles = scripted(
        bench,
        navigator=[direction("first way"), direction("second way")],
        generator=[proposals(A), proposals(B)],
    )
    bench.run(budget={"trials": 2}, search={"trials_per_round": 1}, roles=roles)
    assert [m.role for m in models["generator"].asked[1]] == ["system", "user"]
    assert "first way" not in models["generator"].asked[1][-1].text
    assert "second way" in models["generator"].asked[1][-1].text
    system, user = models["navigator"].asked[1]
    assert (system.role, user.role) == ("system", "user")
    assert system == models["navigator"].asked[0][0]
    assert "first way" in user.text.split("What you said last:")[1]
    assert "333133" in user.text


def test_no_role_is_told_the_name_of_the_space_or_the_task(bench):
    models, roles = scripted(
        bench,
        navigator=[direction()],
        generator=[proposals(A)],
        critic=[verdicts(("accept", 0.5))],
        distiller=[json.dumps({"lessons": [], "retire": []})],
    )
    bench.run(budget={"trials": 1}, search={"trials_per_round": 1}, roles=roles)
    for model in models.values():
        for messages in model.asked:
            text = " ".join(m.text for m in messages).lower()
            assert "nas-bench" not in text
            assert "201" not in text
            assert "digits" not in text


def test_the_critic_decides_which_candidates_cost_anything(bench):
    critic = [verdicts(("veto", 0.9), ("accept", 0.2), ("accept", 0.8), ("accept", 0.5))]
    _, roles = scripted(bench, generator=[proposals(A, B, C, D)], critic=critic)
    bench.run(budget={"trials": 2}, search={"trials_per_round": 2, "uncriticised": 0}, roles=roles)
    with bench.memory() as memory:
        status = [row.status for row in memory.proposals("r1")]
        tried = [trial.architecture for trial in memory.trials("r1")]
    assert status == ["vetoed", "unselected", "selected", "selected"]
    assert tried == [C, D]


def test_a_critic_that_refuses_everything_cannot_stop_the_search(bench):
    _, roles = scripted(bench, generator=[proposals(A, B)], critic=[verdicts(("veto", 0.1), ("veto", 0.3))])
    bench.run(budget={"trials": 1}, search={"trials_per_round": 1, "uncriticised": 0}, roles=roles)
    with bench.memory() as memory:
        assert [trial.architecture for trial in memory.trials("r1")] == [B]


def test_a_slot_past_the_critic_is_marked(bench):
    critic = [verdicts(*[("accept", 0.5)] * 4)]
    _, roles = scripted(bench, generator=[proposals(A, B, C, D)], critic=critic)
    bench.run(budget={"trials": 2}, search={"trials_per_round": 2, "uncriticised": 1}, roles=roles)
    with bench.memory() as memory:
        chosen = memory.proposals("r1", status="selected")
    assert all(row.verdict["uncriticised"] for row in chosen)


def test_a_lesson_that_cites_an_unknown_trial_is_refused_and_the_run_goes_on(bench):
    lesson = {
        "statement": "x",
        "dimension": None,
        "option": None,
        "effect": "helps",
        "supports": [9],
        "contradicts": [],
    }
    _, roles = scripted(bench, distiller=[json.dumps({"lessons": [lesson], "retire": []})])
    result = bench.run(budget={"trials": 2}, search={"trials_per_round": 2}, roles=roles)
    assert result.run.state == "finished"
    with bench.memory() as memory:
        assert memory.lessons("r1") == []


def test_a_lesson_reaches_the_next_generator(bench):
    lesson = {
        "statement": "wide kernels pay",
        "dimension": None,
        "option": None,
        "effect": "helps",
        "supports": [1],
        "contradicts": [],
    }
    kept = json.dumps({"lessons": [lesson], "retire": []})
    none = json.dumps({"lessons": [], "retire": [1]})
    models, roles = scripted(bench, distiller=[kept, none], generator=[proposals(A), proposals(B)])
    bench.run(budget={"trials": 2}, search={"trials_per_round": 1}, roles=roles)
    assert "wide kernels pay" not in models["generator"].asked[0][-1].text
    assert "wide kernels pay" in models["generator"].asked[1][-1].text
    with bench.memory() as memory:
        assert [row.state for row in memory.lessons("r1", active=False)] == ["retired"]


@pytest.mark.parametrize(
    "reply",
    [
        f"Sure! Here it is:\n```json\n{proposals(A)}\n```\nGood luck.",
        f"<think>maybe {{}} or not</think>{proposals(A)}",
        f"{proposals(A)}",
    ],
    ids=["fence", "think", "bare"],
)
def test_a_reply_in_prose_fences_or_after_reasoning_is_read(bench, reply):
    _, roles = scripted(bench, generator=[reply])
    bench.run(budget={"trials": 1}, search={"trials_per_round": 1}, roles=roles)
    with bench.memory() as memory:
        (call,) = memory.calls("r1", role="generator")
        assert call.source == "model"
        assert [trial.architecture for trial in memory.trials("r1")] == [A]


def test_two_failed_replies_are_repaired_and_a_third_falls_back_marked_so(bench):
    models, roles = scripted(bench, generator=["no idea", "still none", proposals(A)])
    bench.run(budget={"trials": 1}, search={"trials_per_round": 1}, roles=roles)
    assert "could not be used" in models["generator"].asked[1][-1].text
    with bench.memory() as memory:
        assert [call.state for call in memory.calls("r1", role="generator")] == [
            "bad-reply",
            "bad-reply",
            "ok",
        ]

    _, roles = scripted(bench, generator=["no"] * 3)
    bench.run(budget={"trials": 1}, search={"trials_per_round": 1}, roles=roles, train={"seed": 1})
    with bench.memory() as memory:
        rows = memory.calls("r2", role="generator")
        assert [row.source for row in rows] == ["model", "model", "model", "fallback"]
        assert memory.spent("r2").calls == 3
        assert memory.calls("r2", failed=True)


def test_a_lesson_that_does_not_exist_cannot_be_retired_and_the_run_goes_on(bench):
    _, roles = scripted(bench, distiller=[json.dumps({"lessons": [], "retire": [99]})])
    result = bench.run(budget={"trials": 2}, search={"trials_per_round": 2}, roles=roles)
    assert result.run.state == "finished"


def test_an_absurdly_large_proposal_is_refused_and_the_run_goes_on(bench):
    large = {f"{n}" + "😀" * 70: "😀" * 80 for n in range(100)}
    _, roles = scripted(bench, generator=[proposals(large, A)])
    result = bench.run(budget={"trials": 1}, search={"trials_per_round": 1}, roles=roles)
    assert result.run.state == "finished"
    with bench.memory() as memory:
        assert [row.status for row in memory.proposals("r1")] == ["invalid", "selected"]


def test_proposals_that_are_paid_for_are_evaluated_when_the_critic_cannot_be_asked(bench):
    _, roles = scripted(bench, navigator=[direction()], generator=[proposals(A, B)], critic=[], distiller=[])
    result = bench.run(budget={"trials": 9, "calls": 2}, search={"trials_per_round": 2}, roles=roles)
    assert result.reason == "budget of 2 model calls is spent"
    assert len(bench.table()) == 2
    assert result.test is not None


def test_a_proposal_can_be_traced_to_its_call(bench):
    _, roles = scripted(bench, generator=[proposals(A)])
    bench.run(budget={"trials": 1}, search={"trials_per_round": 1}, roles=roles)
    with bench.memory() as memory:
        (call,) = memory.calls("r1", role="generator")
        (row,) = memory.proposals("r1")
    assert row.call_id == call.call_id


def test_replies_in_a_models_place_are_counted_with_the_reason(bench):
    from navarch.agents.errors import ModelError

    broken = ModelError("server", "the server failed (HTTP 500)", retryable=True)
    _, roles = scripted(bench, generator=[proposals(A), broken])
    result = bench.run(budget={"trials": 2}, search={"trials_per_round": 1}, roles=roles)
    assert (result.replies.model, result.replies.fallback) == (1, 1)
    assert "500" in str(result.replies.last_error)


def test_a_spent_call_budget_ends_the_search_and_keeps_what_was_found(bench):
    _, roles = scripted(bench, generator=[proposals(A), proposals(B)])
    result = bench.run(budget={"trials": 9, "calls": 2}, search={"trials_per_round": 1}, roles=roles)
    assert result.run.state == "finished"
    assert "2" in result.reason
    assert "call" in result.reason
    assert len(bench.table()) == 2
    assert result.test is not None


def test_a_resumed_run_does_not_pay_for_a_reply_it_has(bench):
    from navarch.graph.progress import Silent
    from navarch.memory import Memory

    class StopAtOnce(Silent):
        def validated(self, round, attempt, counts):
            with Memory.open(bench.db) as memory:
                memory.request_stop("r1")

    models, roles = scripted(bench, generator=[proposals(A)])
    bench.run(budget={"trials": 1}, search={"trials_per_round": 1}, roles=roles, progress=StopAtOnce())
    assert bench.resume().run.state == "finished"
    assert len(models["generator"].asked) == 1
