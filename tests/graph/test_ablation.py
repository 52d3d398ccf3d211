"""Ablations: a role that is left out is not called, and what the others read then is still true."""

import json

import pytest
from scripted_model import ScriptedModel

from navarch import NavarchError
from navarch.graph.ablation import forget
from navarch.graph.assemble import prepare
from navarch.graph.settings import load_settings
from navarch.graph.workflows import get_workflow

C3, C1, SKIP = "nor_conv_3x3", "nor_conv_1x1", "skip_connect"
EDGES = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")
NONE = json.dumps({"lessons": [], "retire": []})


def cell(*options):
    return dict(zip(EDGES, options, strict=True))


A, B, C, D = (cell(first, second, C3, SKIP, C3, C3) for first in (C3, C1) for second in (C3, C1))


def proposals(*architectures):
    return json.dumps({"proposals": [{"architecture": a, "why": "a reason"} for a in architectures]})


def direction(summary):
    reply = {"summary": summary, "patterns": [], "guidance": [], "build_on": [1], "explore": 0.5}
    return json.dumps(reply)


def strategy(summary):
    return json.dumps({"summary": summary, "patterns": [], "directions": []})


def verdicts(count):
    one = {"decision": "accept", "score": 0.5, "reason": "because"}
    return json.dumps({"verdicts": [{"candidate": n, **one} for n in range(1, count + 1)]})


def lesson(statement):
    kept = {"statement": statement, "dimension": None, "option": None, "effect": "helps"}
    return json.dumps({"lessons": [{**kept, "supports": [1], "contradicts": []}], "retire": []})


@pytest.fixture
def search(bench):
    """Run with a scripted model in every role that is given a script; return the models."""

    def run(*, trials=2, per_round=1, **flags):
        scripts = flags.pop("scripts")
        models = {role: ScriptedModel(script, name=f"openai:{role}") for role, script in scripts.items()}
        bench.use_models(**models)
        shape = {"trials_per_round": per_round, "uncriticised": 0, **flags.pop("search", {})}
        roles = {role: model.name for role, model in models.items()}
        bench.run(budget={"trials": trials}, search=shape, roles=roles, **flags)
        assert all(not model.script for model in models.values())
        return models

    return run


def called(bench):
    with bench.memory() as memory:
        return {call.role for call in memory.calls("r1")}


def said(messages):
    return "\n".join(message.text for message in messages)


def test_without_the_critic_the_first_valid_proposals_are_tried_in_order(search, bench):
    scripts = {"generator": [proposals(A, A, B, C), proposals(D, A)]}
    models = search(scripts=scripts, without="critic", trials=3, per_round=2)
    assert called(bench) == {"navigator", "generator", "distiller"}
    with bench.memory() as memory:
        assert [trial.architecture for trial in memory.trials("r1")] == [A, B, D]
        assert [row.status for row in memory.proposals("r1")].count("duplicate") == 2
    assert "Propose 16 new" in models["generator"].asked[0][1].text


def test_without_the_navigator_nobody_is_told_of_a_direction(search, bench):
    scripts = {
        "generator": [proposals(A), proposals(B)],
        "critic": [verdicts(1)] * 2,
        "distiller": [lesson("wide kernels pay"), NONE],
    }
    models = search(scripts=scripts, without=["navigator"])
    assert called(bench) == {"generator", "critic", "distiller"}
    for role in ("generator", "critic"):
        for messages in models[role].asked:
            assert "There is no direction: explore widely" in messages[1].text
            for told in ("The Navigator's direction", "direction of this round", "You are given a direction"):
                assert told not in said(messages)
    assert "Trials to build on" in models["generator"].asked[1][1].text
    with bench.memory() as memory:
        assert [memory.direction("r1", row.round) for row in memory.rounds("r1")] == [None, None]


def test_without_the_distiller_there_are_no_lessons(search, bench):
    scripts = {"navigator": [direction("one"), direction("two")], "generator": [proposals(A), proposals(B)]}
    models = search(scripts=scripts, without=["distiller"])
    assert called(bench) == {"navigator", "generator", "critic"}
    for model in models.values():
        assert all("essons" not in messages[1].text for messages in model.asked)
    with bench.memory() as memory:
        assert memory.lessons("r1", active=False) == []


def test_without_memory_roles_see_nothing_of_earlier_rounds_and_what_is_known_is_refused(search, bench):
    scripts = {
        "navigator": [direction("first way"), direction("second way")],
        "generator": [proposals(A), proposals(A), proposals(B)],
        "critic": [verdicts(1)] * 2,
    }
    models = search(scripts=scripts, search={"memory": "none"})
    assert called(bench) == {"navigator", "generator", "critic"}
    for model in models.values():
        assert [m.role for m in model.asked[-1]][:2] == ["system", "user"]
    second = models["navigator"].asked[1]
    assert [m.role for m in second] == ["system", "user"]
    assert "What was measured is not shown to you" in second[1].text
    assert "Nothing has been measured yet" in models["navigator"].asked[0][1].text
    for messages in (second, models["generator"].asked[1], models["critic"].asked[1]):
        assert "1 of 2 trials are done" in messages[1].text
        for known in ("first way", "333133", "94.00", "85.00"):
            assert known not in messages[1].text
    assert "it is trial #1 again" in models["generator"].asked[2][1].text
    with bench.memory() as memory:
        assert [row.status for row in memory.proposals("r1")] == ["selected", "duplicate", "selected"]


@pytest.mark.parametrize(
    ("memory", "navigator", "generator"),
    [("navigator", 4, 2), ("generator", 2, 4), ("both", 4, 4), ("neither", 2, 2)],
)
def test_each_role_of_collm_nas_remembers_its_conversation_or_starts_afresh(
    search, memory, navigator, generator
):
    scripts = {
        "navigator": [strategy("first way"), strategy("second way")],
        "generator": [proposals(A), proposals(B)],
    }
    models = search(scripts=scripts, workflow="collm-nas", collm={"memory": memory})
    assert [len(models[role].asked[1]) for role in ("navigator", "generator")] == [navigator, generator]
    assert "#1 333133 " in models["navigator"].asked[1][-1].text
    assert ("first way" in said(models["generator"].asked[1])) == (generator == 4)


def test_collm_nas_without_its_navigator_explores_without_a_strategy(search, bench):
    scripts = {"generator": [proposals(A), proposals(B)]}
    models = search(scripts=scripts, workflow="collm-nas", without=["navigator"])
    assert called(bench) == {"generator"}
    assert "There is no strategy: explore the space widely." in models["generator"].asked[1][1].text


def test_seki_without_its_distiller_is_inspired_by_the_trials_alone(search, bench):
    scripts = {"generator": [json.dumps({"architecture": B, "why": "because"})]}
    models = search(scripts=scripts, workflow="seki", without=["distiller"], seki={"self_evolution": 0})
    assert called(bench) == {"generator"}
    assert "Patterns found in them:\n(none)" in models["generator"].asked[0][1].text


def test_an_ablated_run_that_is_stopped_goes_on_as_it_was(bench):
    from navarch.graph.progress import Silent
    from navarch.memory import Memory

    class StopAtOnce(Silent):
        def validated(self, round, attempt, counts):
            with Memory.open(bench.db) as memory:
                memory.request_stop("r1")

    whole = bench.run(budget={"trials": 4}, without=["critic", "navigator"], db=bench.folder / "whole.db")
    bench.run(budget={"trials": 4}, without=["critic", "navigator"], progress=StopAtOnce())
    result = bench.resume()
    assert called(bench) == {"generator", "distiller"}
    assert result.best.architecture == whole.best.architecture


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"without": ["generator"]}, "nobody would propose architectures in workflow 'navarch'"),
        ({"workflow": "random", "without": "critic"}, "'random' has no such role; its roles: none"),
        ({"workflow": "seki", "without": "critic"}, "no such role; its roles: generator, distiller"),
        ({"workflow": "collm-nas", "without": "generator"}, "nobody would propose"),
    ],
)
def test_a_role_that_cannot_be_left_out_is_refused_with_a_reason(flags, words):
    with pytest.raises(NavarchError, match=words):
        prepare(load_settings(None, flags))


def test_an_unknown_role_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NavarchError, match=r"'without.0' \(given on the command line\) has value 'boss'"):
        load_settings(None, {"without": ["boss"]})


def test_to_forget_is_for_workflows_with_a_memory_of_roles():
    assert forget(load_settings(None, {})).search.memory == "none"
    assert forget(load_settings(None, {"workflow": "collm-nas"})).collm.memory == "neither"
    with pytest.raises(NavarchError, match="'seki' there is no memory of roles"):
        forget(load_settings(None, {"workflow": "seki"}))


def test_the_graph_of_an_ablation_has_no_node_for_what_is_left_out():
    def nodes(name, *roles):
        return set(get_workflow(name).leaving_out(roles).build().nodes)

    common = {"generator", "validator", "evaluator"}
    assert nodes("navarch", "critic") == {*common, "navigator", "distiller"}
    assert nodes("navarch", "navigator", "critic", "distiller") == {*common, "opening"}
    assert nodes("collm-nas", "navigator") == {*common, "opening"}
