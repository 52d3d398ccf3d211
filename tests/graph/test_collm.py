"""`collm-nas`: what its two roles see and when; what becomes of limits, duplicates and the target."""

import json
from itertools import pairwise

import pytest
from listeners import StopAfter
from scripted_model import ScriptedModel

C3, C1, SKIP, NONE, POOL = "nor_conv_3x3", "nor_conv_1x1", "skip_connect", "none", "avg_pool_3x3"
EDGES = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")


def cell(*options):
    return dict(zip(EDGES, options, strict=True))


def strategy(summary):
    heading = {"dimension": "edge_2_3", "advice": f"advice of {summary}", "prefer": [C3], "avoid": [NONE]}
    return json.dumps({"summary": summary, "patterns": [f"pattern of {summary}"], "directions": [heading]})


def proposals(*architectures):
    return json.dumps({"proposals": [{"architecture": a, "why": "a reason"} for a in architectures]})


A = cell(C3, C3, C3, C3, C3, C3)  # accuracy 94, 18 times the cost of F
B = cell(C1, C3, C3, SKIP, C3, C3)
C = cell(C1, C1, C3, SKIP, C3, C3)
D = cell(SKIP, C1, C3, SKIP, C3, C3)
E = cell(SKIP, C1, SKIP, SKIP, C1, C1)
F = cell(SKIP, SKIP, SKIP, SKIP, SKIP, SKIP)  # accuracy 58
G = cell(SKIP, SKIP, SKIP, SKIP, SKIP, C1)


@pytest.fixture
def collm(bench):
    """Run the workflow with scripted models and return them with the run's result."""

    def run(navigator, generator, *, progress=None, **flags):
        models = {
            "navigator": ScriptedModel(navigator, name="openai:navigator"),
            "generator": ScriptedModel(generator, name="openai:generator"),
        }
        bench.use_models(**models)
        roles = {role: model.name for role, model in models.items()}
        result = bench.run(workflow="collm-nas", roles=roles, progress=progress, **flags)
        return models, result

    return run


def said(messages):
    return "\n".join(message.text for message in messages)


def test_the_generator_sees_the_space_and_the_current_strategy_and_nothing_else(collm):
    models, _ = collm(
        [strategy("first way"), strategy("second way")], [proposals(A, B), proposals(C)], budget={"trials": 3}
    )
    first, second = models["generator"].asked
    for messages, mine, other in ((first, "first way", "second way"), (second, "second way", "first way")):
        assert [m.role for m in messages] == ["system", "user"]
        for part in ("", "pattern of ", "advice of "):
            assert part + mine in messages[1].text
        assert other not in said(messages)
    assert first[0] == second[0]
    for result in ("333333", "233133", "94.00", "accuracy", "trial", "target", "image classification"):
        assert result not in second[1].text
    assert "images" not in said(second).split("# The search space")[0]
    assert "# The task" not in said(second)


def test_the_navigator_is_one_conversation_that_is_told_each_rounds_results(collm):
    rounds = [strategy(f"way {n}") for n in range(1, 16)]
    batches = [proposals(cell(*(C3 if n >> bit & 1 else SKIP for bit in range(6)))) for n in range(1, 16)]
    models, _ = collm(rounds, batches, budget={"trials": 15}, target=99, collm={"room": 0})
    asked = models["navigator"].asked
    assert [m.role for m in asked[-1]] == ["system", *["user", "assistant"] * 14, "user"]
    for earlier, later in pairwise(asked):
        assert later[: len(earlier)] == earlier
    assert all(f"way {n}" in asked[-1][2 * n].text for n in range(1, 15))
    assert "Nothing has been measured yet" in asked[0][1].text
    last = asked[-1][-1].text
    new, best = last.split("Best so far:")
    assert "#14 " in new
    assert "#13 " not in new
    assert "#7 333111 " in best
    assert "Rethink your strategy" in last
    assert "99.00 %" in asked[0][0].text


def test_a_conversation_that_has_grown_long_begins_anew_with_what_it_showed(collm):
    rounds = [strategy(f"way {n} " + "long " * 20) for n in range(1, 23)]
    batches = [proposals(cell(*(C3 if n >> bit & 1 else SKIP for bit in range(6)))) for n in range(1, 23)]
    models, _ = collm(rounds, batches, budget={"trials": 22}, collm={"room": 2_000})
    asked = models["navigator"].asked
    turns = [sum(m.role == "assistant" for m in messages) for messages in asked]
    assert turns[:3] == [0, 1, 2]
    assert turns.count(0) > 3
    for earlier, later, before, kept in zip(asked, asked[1:], turns, turns[1:], strict=False):
        assert later[0] == earlier[0]
        assert kept in (0, before + 1)
        assert kept == 0 or later[: len(earlier)] == earlier
        assert before > 0 or kept == 1  # what has begun anew goes on
    anew = next(n for n, kept in enumerate(turns) if kept == 0 and n > 9)
    told = asked[anew][1].text
    summed, _, results = told.partition("What you said last:")
    assert f"Of the {anew} trials so far" in summed
    assert summed.count("\n#") == 9
    assert "#7 333111 " in summed  # the best
    assert f"\n#{anew} " in summed  # the latest
    assert f"way {anew} " in results
    assert f"pattern of way {anew} " in results
    assert "Best so far:" in results


def test_the_conversation_can_be_cut_to_its_last_rounds(collm):
    rounds = [strategy(f"way {n}") for n in range(1, 4)]
    models, _ = collm(
        rounds, [proposals(A), proposals(B), proposals(C)], budget={"trials": 3}, collm={"turns": 1}
    )
    assert [m.role for m in models["navigator"].asked[-1]] == ["system", "user", "assistant", "user"]


def test_over_limit_architectures_are_measured_and_shown_and_never_best(collm, bench):
    models, result = collm(
        [strategy("one"), strategy("two")],
        [proposals(A, F), proposals(G)],
        budget={"trials": 3},
        limits={"max_params": 22_000},
    )
    with bench.memory() as memory:
        trials = memory.trials("r1")
        assert memory.proposals("r1", status="invalid") == []
        assert [row.best for row in memory.rounds("r1")] == [58.0, 61.0]
    assert [trial.architecture for trial in trials] == [A, F, G]
    assert trials[0].val_accuracy > trials[2].val_accuracy
    assert trials[0].params > 22_000 >= trials[2].params
    told = models["navigator"].asked[1][-1].text
    new, best = told.split("Best so far:")
    assert "#1 333333 94.00 " in new
    assert new.count(" no\n") == new.count(" yes\n") == 1
    assert "#2 111111 58.00 " in best
    assert "#1 " not in best
    assert result.best.number == 3
    assert [list(a.values) for a in bench.evaluator.tested] == [list(G.values())]


def test_the_target_counts_within_the_limits_alone(collm):
    _, result = collm(
        [strategy("one")] * 2,
        [proposals(A, F), proposals(G)],
        budget={"trials": 9},
        limits={"max_params": 22_000},
        target=61,
    )
    assert result.reason == "target of 61 % is reached"
    assert result.best.number == 3


def test_the_search_stops_at_the_target_after_the_batch(collm, bench):
    models, result = collm([strategy("one")], [proposals(F, A, G)], budget={"trials": 50}, target=94)
    assert result.reason == "target of 94 % is reached"
    assert len(bench.table()) == 3
    assert len(models["navigator"].asked) == len(models["generator"].asked) == 1


def test_illegal_and_duplicate_proposals_are_skipped_in_silence(collm, bench):
    wrong = cell("conv_7x7", C3, C3, SKIP, C3, C3)
    models, _ = collm(
        [strategy("one"), strategy("two")],
        [proposals(A, wrong, A, B), proposals(B, A, C)],
        budget={"trials": 3},
    )
    with bench.memory() as memory:
        assert [row.status for row in memory.proposals("r1")] == [
            *("valid", "invalid", "duplicate", "valid"),
            *("duplicate", "duplicate", "valid"),
        ]
    assert [row["code"] for row in bench.table()] == ["333333", "233133", "223133"]
    everything = "".join(said(m) for model in models.values() for m in model.asked[1:])
    assert "conv_7x7" not in everything
    assert "refused" not in everything
    assert "duplicate" not in everything


def test_refusals_are_reported_where_the_setting_says_so(collm, bench):
    wrong = cell("conv_7x7", C3, C3, SKIP, C3, C3)
    models, _ = collm(
        [strategy("one")],
        [proposals(A, wrong, A), proposals(B)],
        budget={"trials": 2},
        collm={"report_refused": True, "proposals": 2},
    )
    again = models["generator"].asked[1]
    assert [m.role for m in again] == ["system", "user"]
    assert "conv_7x7" in again[1].text
    assert "333333" in again[1].text
    assert [row["code"] for row in bench.table()] == ["333333", "233133"]


def test_rounds_without_anything_new_end_the_search_after_a_while(collm, bench):
    models, result = collm(
        [strategy("one")] * 4, [proposals(A)] * 4, budget={"trials": 9}, collm={"empty_rounds": 3}
    )
    assert "3 rounds in a row" in result.reason
    assert len(bench.table()) == 1
    assert "Your last strategy led to no new architecture" in models["navigator"].asked[2][-1].text


def test_the_rounds_can_be_counted_out(collm):
    _, result = collm(
        [strategy("one")] * 2, [proposals(A), proposals(B)], budget={"trials": 9}, collm={"rounds": 2}
    )
    assert result.reason == "all 2 rounds are done"


def test_a_batch_larger_than_asked_is_measured_whole_and_the_budget_cuts_the_last(collm, bench):
    models, _ = collm(
        [strategy("one")] * 2,
        [proposals(A, B, C), proposals(D, E, F)],
        budget={"trials": 5},
        collm={"proposals": 2},
    )
    assert "Propose 2 architectures." in models["generator"].asked[1][1].text
    with bench.memory() as memory:
        assert [row.new_trials for row in memory.rounds("r1")] == [3, 2]


def test_no_role_is_told_the_name_of_the_space_or_the_task(collm):
    models, _ = collm([strategy("one")], [proposals(A)], budget={"trials": 1})
    for model in models.values():
        text = said(model.asked[0]).lower()
        assert not [word for word in ("nas-bench", "201", "digits", "collm") if word in text]


@pytest.mark.slow
@pytest.mark.parametrize(
    "trials", [pytest.param(1, marks=pytest.mark.slow), 10, pytest.param(14, marks=pytest.mark.slow)]
)
def test_a_run_stopped_in_the_middle_resumes_to_the_same_trials(bench, trials):
    flags = {"workflow": "collm-nas", "budget": {"trials": 24}, "limits": {"max_params": 60_000}, "seed": 4}
    assert bench.run(**flags, progress=StopAfter(bench, trials)).run.state == "stopped"
    assert bench.resume().run.state == "finished"
    table, calls = bench.table(), shown(bench)
    bench.db = bench.folder / "unstopped.db"
    bench.run(**flags)
    assert bench.table() == table
    assert shown(bench) == calls


def shown(bench):
    with bench.memory() as memory:
        return [(call.call_id, call.messages, call.parsed) for call in memory.calls("r1")]


def test_the_offline_twins_learn_and_keep_within_the_limits(bench):
    result = bench.run(workflow="collm-nas", budget={"trials": 60}, limits={"max_params": 60_000})
    table = bench.table()
    assert len(table) == 60
    over = [row for row in table if row["params"] > 60_000]
    assert over
    assert result.best.params <= 60_000
    assert result.best.val_accuracy == max(r["val_accuracy"] for r in table if r["params"] <= 60_000)
    first, last = table[:20], table[-20:]
    assert sum(r["val_accuracy"] for r in last) > sum(r["val_accuracy"] for r in first)
