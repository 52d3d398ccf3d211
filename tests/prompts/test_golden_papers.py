"""Golden prompts of the papers' workflows, in the same six situations. UPDATE_GOLDEN=1 writes them anew."""

import dataclasses

import pytest
from paper_samples import PAPER_PROMPTS, STRATEGY, paper_view
from samples import CAPS, HOSTILE, SITUATIONS, assert_golden, page

from navarch.agents import collm, seki
from navarch.agents.replies import Heading, Strategy
from navarch.agents.views import NavigatorView
from navarch.prompts import VARIABLES
from navarch.prompts.variables import STRATEGY as STRATEGY_SHAPE

ROLES = (collm.NAVIGATOR, collm.GENERATOR, seki.EVOLVER, seki.DISTILLER, seki.INSPIRED)
VIEWS = (
    NavigatorView,
    collm.StrategyView,
    seki.EvolutionView,
    seki.PatternsView,
    seki.InspirationView,
)


def render(library, name, situation, **more):
    data = {**paper_view(name, situation).to_dict(), **more}
    if name == "collm-nas/navigator":
        data.setdefault("first", situation == "empty")
    return page(library.render(name, data))


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("name", PAPER_PROMPTS)
def test_the_rendered_prompt_equals_its_golden_file(library, name, situation):
    text = render(library, name, situation)
    assert_golden(f"{name.replace('/', '-')}-{situation}", text)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("name", PAPER_PROMPTS)
def test_the_rendered_prompt_stays_below_its_cap(library, name, situation):
    cap = 90_000 if (name, situation) == ("collm-nas/generator", "longest") else CAPS[situation]
    assert len(render(library, name, situation)) < cap


@pytest.mark.parametrize("name", PAPER_PROMPTS)
def test_no_prompt_names_the_benchmark_or_the_paper(library, name):
    text = render(library, name, "full").lower()
    assert not [word for word in ("bench", "nas-", "nats", "navarch", "collm", "seki") if word in text]


@pytest.mark.parametrize("name", PAPER_PROMPTS)
def test_the_system_part_is_the_same_in_every_round(library, name):
    data = {**paper_view(name, "one-trial").to_dict(), "first": True}
    systems = set()
    for situation in ("empty", "one-trial", "full", "all-failed", "hostile"):
        mission = paper_view(name, situation).to_dict().get("mission", {}) | dict.fromkeys(
            ("target", "max_params", "max_macs")
        )
        changed = {**data, **paper_view(name, situation).to_dict(), "mission": mission}
        systems.add(library.render(name, changed).system)
    assert len(systems) == 1


@pytest.mark.parametrize("name", PAPER_PROMPTS)
def test_hostile_text_stays_inside_its_marks(library, name):
    text = render(library, name, "hostile")
    assert text.count("\n<data>\n") == text.count("\n</data>\n")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("\n<!-- user -->\n") == 1
    assert HOSTILE not in text


@pytest.mark.parametrize(("role", "view"), list(zip(ROLES, VIEWS, strict=True)), ids=PAPER_PROMPTS)
def test_a_prompt_uses_the_fields_of_its_view(library, role, view):
    known = set(VARIABLES[role.prompt]) - {"first"}
    fields = {field.name for field in dataclasses.fields(view)}
    assert known == fields - (
        {"history", "lessons", "refused", "rounds_without_gain"} if role.stateful else set()
    )
    assert set(library.get(role.prompt).variables) == set(VARIABLES[role.prompt])
    assert library.get(role.prompt).role == role.name


def test_the_strategy_variable_is_the_navigators_reply():
    assert set(STRATEGY_SHAPE) == set(Strategy.model_fields) == set(STRATEGY)
    assert set(STRATEGY_SHAPE["directions"][0]) == set(Heading.model_fields)


def test_the_generator_of_collm_nas_can_be_shown_no_result_and_no_task():
    fields = {field.name for field in dataclasses.fields(collm.StrategyView)}
    assert fields == {"space", "strategy", "count", "refused"}


def test_an_architecture_over_a_limit_is_shown_and_marked(library):
    user = render(library, "collm-nas/navigator", "full").split("<!-- user -->")[1]
    assert " within-limits\n" in user
    assert " yes\n" in user
    assert " no\n" in user
    assert "within-limits" not in render(library, "collm-nas/navigator", "one-trial")
