"""Recipes: what they name exists, which rows need a model, where runs lie, and what finished ones show."""

import pytest

from navarch import NavarchError
from navarch.evaluation import get_task, task_names
from navarch.graph.grid import variant_flags, workflow_of
from navarch.graph.settings import assign, load_settings
from navarch.graph.workflows import get_workflow
from navarch.viewer.reproduce import NO_MODEL, NOT_RUN, plan_recipe, show_entries
from navarch.viewer.reproduce_recipe import load_recipe, read_recipe, recipe_names

TABLE = {"table": {"path": "nb201.csv.gz"}}
SMALL = {
    "title": "t", "source": "s", "data": "a table", "trials": 3, "seeds": 2, "cautions": ["c"],
    "cases": [{"name": "one", "task": "nb201-cifar10"}],
    "rows": [{"name": "r", "workflow": "random", "published": {"one": {"val": 90.0}}}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", recipe_names())
def test_what_a_recipe_names_exists_and_every_figure_is_a_percentage(name):
    recipe = load_recipe(name)
    assert recipe.cautions
    assert any(row.published for row in recipe.rows)
    for row in recipe.rows:
        if row.workflow is not None:
            get_workflow(workflow_of(row.workflow))
            load_settings(None, variant_flags(row.workflow))
    for case in recipe.cases:
        load_settings(None, case.set)
        if case.task not in task_names():
            pytest.skip(f"this version has no task {case.task!r}")
        assert get_task(case.task).evaluator == "table"


def test_the_recipes_are_the_four_that_were_promised():
    assert recipe_names() == ("collm-nas-table4", "nb201-baselines", "ofa-pareto", "seki-nb201")


@pytest.mark.slow
def test_without_a_model_its_rows_have_no_runs_and_say_so(tmp_path):
    entries = plan_recipe(load_recipe("collm-nas-table4"), tmp_path, seeds=1, flags=TABLE)
    why = {entry.row.name: entry.why_not for entry in entries}
    assert [name for name, reason in why.items() if reason == NO_MODEL] == ["CoLLM-NAS", "navarch"]
    assert why["LLMatic (2,000)"] == NOT_RUN
    assert why["CoLLM-NAS, offline roles"] == why["random search"] == ""
    assert all(bool(entry.cells) == (not entry.why_not) for entry in entries)


def test_a_model_plays_the_roles_of_its_rows_alone(tmp_path):
    recipe = load_recipe("collm-nas-table4")
    served = {"model": "openai:q/w", "base_url": "http://127.0.0.1:1/v1"}
    entries = plan_recipe(recipe, tmp_path, seeds=1, flags=TABLE, **served)
    first = {entry.row.name: entry.cells[0] for entry in reversed(entries) if entry.cells}
    models = {name: cell.settings.model for name, cell in first.items() if cell.settings.model != "offline"}
    assert models == {"CoLLM-NAS": "openai:q/w", "navarch": "openai:q/w"}
    assert first["CoLLM-NAS"].settings.server.base_url == "http://127.0.0.1:1/v1"
    assert first["random search"].settings.server.base_url is None
    assert first["CoLLM-NAS"].settings.collm.room == 0  # the whole conversation, as the paper has it
    assert first["CoLLM-NAS"].settings.db == (
        tmp_path / "100-trials" / "nb201-cifar10" / "collm-nas,collm.room=0,model=openai-q-w" / "seed-0.db"
    )


@pytest.mark.slow
def test_budgets_are_those_of_the_row_the_case_or_the_recipe_unless_given(tmp_path):
    recipe = load_recipe("nb201-baselines")
    entries = plan_recipe(recipe, tmp_path, seeds=1, flags=TABLE)
    assert {entry.case.name: entry.trials for entry in entries}["CIFAR-10 @50"] == 50
    assert {entry.trials for entry in entries} == {50, 100}
    few = plan_recipe(recipe, tmp_path, seeds=1, trials=6, flags=TABLE)
    assert {cell.settings.budget.trials for entry in few for cell in entry.cells} == {6}
    wide = load_recipe("ofa-pareto")
    trials = {row.name: wide.trials_of(wide.cases[0], row) for row in wide.rows}
    assert (trials["evolution, 1,000"], trials["navarch, 250"], trials["navarch, 100"]) == (1000, 250, 100)
    assert [case.set["limits"]["max_macs"] for case in wide.cases] == [n * 10**8 for n in (2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rows": [{"name": "r", "published": {"two": {"val": 1}}}]}, "row 'r' has figures for"),
        ({"rows": [{"name": "r", "published": {"one": {"val": 101}}}]}, "published.one.val"),
        ({"trials": 0}, "trials"),
        ({"speed": 3}, "speed"),
    ],
    ids=str,
)
def test_a_wrong_recipe_is_named(changes, words):
    with pytest.raises(NavarchError, match=words):
        read_recipe({**SMALL, **changes}, "mine")


def test_an_unknown_recipe_is_named_with_the_known_ones():
    with pytest.raises(NavarchError, match="'table9': use one of collm-nas-table4"):
        load_recipe("table9")


def test_what_has_not_run_shows_the_published_figure_alone(tmp_path):
    recipe = read_recipe(SMALL, "mine")
    flags = {}
    assign(flags, "table.path=t.csv")
    (row,) = show_entries(recipe, plan_recipe(recipe, tmp_path, flags=flags))["one"]
    assert (row.published.val, row.val, row.finished, row.runs) == (90.0, None, 0, 2)
    assert row.as_dict()["published"] == {"val": 90.0}
