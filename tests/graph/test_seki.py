"""`seki`: its two stages in order and number, what each step sees, and what inspiration draws from."""

import json
from itertools import pairwise

import pytest
from listeners import StopAfter
from scripted_model import ScriptedModel

from navarch import NavarchError

pytestmark = pytest.mark.slow  # whole runs

C3, SKIP, NONE = "nor_conv_3x3", "skip_connect", "none"
EDGES = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")
OPTION = {"0": "none", "1": "skip_connect", "2": "nor_conv_1x1", "3": "nor_conv_3x3", "4": "avg_pool_3x3"}


def cell(code):
    return dict(zip(EDGES, (OPTION[char] for char in code), strict=True))


def evolution(code, strategy="make it wider"):
    return json.dumps({"strategies": [strategy], "architecture": cell(code)})


def patterns(*lines):
    return json.dumps({"patterns": list(lines)})


def inspired(code):
    return json.dumps({"architecture": cell(code), "why": "takes up the patterns"})


START = "111111"  # accuracy 58


@pytest.fixture
def seki(bench):
    """Run the workflow with scripted models and return them with the run's result."""

    def run(generator, distiller=(), *, progress=None, **flags):
        models = {
            "generator": ScriptedModel(generator, name="openai:generator"),
            "distiller": ScriptedModel(distiller, name="openai:distiller"),
        }
        bench.use_models(**models)
        roles = {role: model.name for role, model in models.items()}
        flags["seki"] = {"start": START, **flags.get("seki", {})}
        result = bench.run(workflow="seki", roles=roles, progress=progress, **flags)
        return models, result

    return run


def said(messages):
    return "\n".join(message.text for message in messages)


def prompts_of(bench):
    with bench.memory() as memory:
        return [(call.round, call.prompt.removeprefix("seki/")) for call in memory.calls("r1")]


EVOLUTIONS = [evolution("111113"), evolution("111133"), evolution("111333")]


def test_lambda_steps_of_self_evolution_come_before_gamma_of_inspiration(seki, bench):
    seki(
        [*EVOLUTIONS, inspired("113333"), inspired("133333")],
        [patterns("wide ends"), patterns("wide again")],
        budget={"trials": 6},
        seki={"self_evolution": 3},
    )
    assert prompts_of(bench) == [
        *((round, "self-evolution") for round in (2, 3, 4)),
        *((round, step) for round in (5, 6) for step in ("patterns", "inspiration")),
    ]
    assert [row["code"] for row in bench.table()] == [START, "111113", "111133", "111333", "113333", "133333"]


@pytest.mark.parametrize(("given", "steps"), [(None, 5), (0, 0), (2, 2), (10, 10), (99, 10)])
def test_the_stages_share_what_the_start_leaves_of_the_budget(bench, given, steps):
    bench.run(workflow="seki", budget={"trials": 11}, seki={"self_evolution": given})
    read = [name for _, name in dict.fromkeys(prompts_of(bench))]
    assert read.count("self-evolution") == steps
    assert read.count("patterns") == read.count("inspiration") == 10 - steps
    assert read[:steps] == ["self-evolution"] * steps


def test_self_evolution_sees_the_task_the_space_and_the_current_architecture_alone(seki):
    models, _ = seki(EVOLUTIONS, budget={"trials": 4}, seki={"self_evolution": 3})
    for messages, code, score in zip(
        models["generator"].asked, (START, "111113", "111133"), ("58.00", "64.00", "70.00"), strict=True
    ):
        assert [m.role for m in messages] == ["system", "user"]
        assert "# The search space" in messages[0].text
        assert "# The task" in messages[0].text
        assert f" {code} {score} " in messages[1].text
        assert messages[1].text.count("\n#") == 1
        assert "make it wider" not in said(messages)
    assert models["distiller"].asked == []


def test_strategies_come_before_the_architecture_and_are_kept_with_it(seki, bench):
    models, _ = seki(
        [evolution("111113", "widen the last edge")], budget={"trials": 2}, seki={"self_evolution": 1}
    )
    schema = models["generator"].schemas[0]
    assert list(schema["properties"]) == ["strategies", "architecture"]
    user = models["generator"].asked[0][1].text
    assert user.index("Step one") < user.index("Step two")
    with bench.memory() as memory:
        assert [row.why for row in memory.proposals("r1")] == ["", "widen the last edge"]


@pytest.mark.parametrize(("evolve_from", "codes"), [("last", ("111110", "111100")), ("best", (START, START))])
def test_self_evolution_goes_on_from_the_last_or_the_best(seki, evolve_from, codes):
    models, _ = seki(
        [evolution("111110"), evolution("111100"), evolution("111000")],
        budget={"trials": 4},
        seki={"self_evolution": 3, "evolve_from": evolve_from},
    )
    shown = [messages[1].text for messages in models["generator"].asked]
    assert f" {START} " in shown[0]
    for text, code in zip(shown[1:], codes, strict=True):
        assert f" {code} " in text


def test_a_failed_trial_has_no_score_to_go_on_from(seki, bench):
    bench.prepare = lambda evaluator: evaluator.fails.update({2: "oom"})
    models, _ = seki(EVOLUTIONS[:2], budget={"trials": 3}, seki={"self_evolution": 2, "evolve_from": "last"})
    assert f" {START} 58.00 " in models["generator"].asked[1][1].text


def test_the_distiller_supplies_the_patterns_of_what_was_drawn(seki):
    models, _ = seki(
        [*EVOLUTIONS, inspired("113333")],
        [patterns("nor_conv_3x3 into the output pays")],
        budget={"trials": 5},
        seki={"self_evolution": 3, "top": 3, "draw": 2},
    )
    asked, written = models["distiller"].asked[0], models["generator"].asked[-1]
    assert [m.role for m in asked] == [m.role for m in written] == ["system", "user"]
    assert rows(asked[1].text) == rows(written[1].text)
    assert "nor_conv_3x3 into the output pays" in written[1].text
    assert "pays" not in said(asked)


def rows(text):
    return [line.split()[1] for line in text.splitlines() if line.startswith("#")]


def drawn_codes(bench, run="r1"):
    with bench.memory() as memory:
        asked = [memory.text(call.messages[-1][1]) for call in memory.calls(run, role="distiller")]
    return [rows(text) for text in asked]


@pytest.mark.slow
def test_inspiration_draws_xi_at_random_from_the_top_k_alone(bench):
    flags = {"workflow": "seki", "budget": {"trials": 30}, "seki": {"self_evolution": 9, "top": 5, "draw": 3}}
    bench.run(**flags, seed=3)
    drawn = drawn_codes(bench)
    table = bench.table()
    assert len(drawn) == 20
    for round, codes in enumerate(drawn, start=11):
        known = [row for row in table if row["round"] < round]
        best = sorted(known, key=lambda row: (-row["val_accuracy"], row["params"], row["number"]))[:5]
        ranks = [[row["code"] for row in best].index(code) for code in codes]
        assert ranks == sorted(set(ranks))
        assert len(ranks) == 3
    tops = [tuple(codes) for codes in drawn]
    assert any(a != b for a, b in pairwise(tops))
    bench.run(**flags, seed=3)
    assert drawn_codes(bench, "r2") == drawn
    bench.run(**flags, seed=4)
    assert drawn_codes(bench, "r3") != drawn


def test_a_refused_proposal_is_asked_for_again_with_the_reason(seki, bench):
    models, _ = seki(
        [evolution(START), evolution("111113")], budget={"trials": 2}, seki={"self_evolution": 1}
    )
    again = models["generator"].asked[1]
    assert [m.role for m in again] == ["system", "user"]
    assert "it is trial #1 again" in again[1].text
    assert [row["code"] for row in bench.table()] == [START, "111113"]


def test_a_refused_proposal_can_cost_its_iteration_instead(seki, bench):
    models, result = seki(
        [evolution(START), evolution("111113")],
        budget={"trials": 3},
        seki={"self_evolution": 2, "refused": "skip"},
    )
    assert result.reason == "all 3 rounds are done"
    assert [row["code"] for row in bench.table()] == [START, "111113"]
    assert "refused" not in models["generator"].asked[1][1].text
    with bench.memory() as memory:
        assert [row.new_trials for row in memory.rounds("r1")] == [1, 0, 1]


def test_a_model_that_only_repeats_itself_cannot_hold_the_run(seki, bench):
    _, result = seki([evolution(START)] * 9, budget={"trials": 4}, seki={"self_evolution": 3})
    assert result.reason == "all 4 rounds are done"
    assert len(bench.table()) == 1


def test_the_target_ends_the_search(seki, bench):
    _, result = seki(EVOLUTIONS, budget={"trials": 40}, target=70)
    assert result.reason == "target of 70 % is reached"
    assert len(bench.table()) == 3


def test_without_a_start_a_random_one_within_the_limits_is_measured_first(bench):
    for run, seed in (("r1", 0), ("r2", 1)):
        bench.run(workflow="seki", budget={"trials": 3}, limits={"max_params": 60_000}, seed=seed)
        assert all(row["params"] <= 60_000 for row in bench.table(run))
        with bench.memory() as memory:
            assert memory.proposals(run)[0].origin == "start"
    assert bench.table("r1")[0]["code"] != bench.table("r2")[0]["code"]


def test_a_start_that_the_space_does_not_know_is_refused_before_the_run(bench):
    with pytest.raises(NavarchError):
        bench.run(workflow="seki", seki={"start": "999999"})
    assert not bench.db.exists()


def test_no_role_is_told_the_name_of_the_space_or_the_task(seki):
    models, _ = seki(
        [EVOLUTIONS[0], inspired("113333")],
        [patterns("wide")],
        budget={"trials": 3},
        seki={"self_evolution": 1},
    )
    for model in models.values():
        for messages in model.asked:
            text = said(messages).lower()
            assert not [word for word in ("nas-bench", "201", "digits", "seki") if word in text]


@pytest.mark.parametrize(
    ("trials", "checkpoints"),
    [
        (4, "lost"),
        (8, "kept"),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((1, "kept"), (1, "lost"), (4, "kept"))),
    ],
)
def test_a_run_stopped_in_either_stage_resumes_to_the_same_trials(bench, trials, checkpoints):
    flags = {"workflow": "seki", "budget": {"trials": 11}, "seed": 4}
    assert bench.run(**flags, progress=StopAfter(bench, trials)).run.state == "stopped"
    if checkpoints == "lost":
        for file in (bench.folder / ".navarch").glob("*checkpoints*"):
            file.unlink()
    assert bench.resume().run.state == "finished"
    table, calls = bench.table(), shown(bench)
    bench.db = bench.folder / "unstopped.db"
    bench.run(**flags)
    assert bench.table() == table
    assert shown(bench) == calls


def shown(bench):
    with bench.memory() as memory:
        return [(call.call_id, call.messages, call.parsed) for call in memory.calls("r1")]


@pytest.mark.slow
def test_the_offline_twins_learn(bench):
    bench.run(workflow="seki", budget={"trials": 60}, seed=1)
    table = bench.table()
    assert sum(r["val_accuracy"] for r in table[-20:]) > sum(r["val_accuracy"] for r in table[:20])
