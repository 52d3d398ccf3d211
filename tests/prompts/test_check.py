"""`check`: every fault of every file, with file and line, before a run."""

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path

import pytest
from samples import refused, trial

from navarch.agents import replies, views
from navarch.agents.errors import ReplyError, ReplyErrorCode, ReplyFault
from navarch.agents.roles import ROLES
from navarch.evaluation import Feedback
from navarch.prompts import VARIABLES
from navarch.prompts.variables import DIRECTION, FEEDBACK, PROBLEM, REPLY_ERROR, VALUE


def found(library):
    return [f"{Path(p.path).name}:{p.line}: {p.message}" for p in library.check()]


def test_the_defaults_have_no_problem(library):
    assert library.check() == ()


def test_an_unknown_variable_is_named_with_the_nearest_known_one(project):
    library = project({"repair": "one\n{{ eror }}\n"})
    assert found(library) == ["repair.md:2: uses the unknown variable 'eror'; did you mean 'error'?"]


def test_an_unknown_field_inside_a_loop_is_named(project):
    body = "a\n<!-- user -->\n{% for t in top %}\n{{ t.acuracy }}{{ t.number }}\n{% endfor %}"
    assert found(project({"critic": body}))[0].startswith("critic.md:4: uses the unknown field 'acuracy'")


@pytest.mark.parametrize(
    "body",
    [
        "{{ mission.rond }}",
        "{{ mission['rond'] }}",
        "{% set m = mission %}{{ m.rond }}",
        "{{ (top | first).rond }}",
        "{{ top[0].rond }}",
        "{{ top[:2][0].feedback.neighbours[0].rond }}",
        "{% for t in top | reverse %}{{ t.rond }}{% endfor %}",
        "{% for t in top if t.rond %}x{% endfor %}",
        "{% with t = top[0] %}{{ t.rond }}{% endwith %}",
        "{{ top.rond }}",
        "{% if false %}{{ mission.rond }}{% endif %}",
        "{% macro m(x) %}{{ mission.rond }}{% endmacro %}",
        "{{ mission.round if mission.rond else 1 }}",
        "{% set x %}{{ rond }}{% endset %}",
        "{% for a, b in refused.items() %}{{ rond }}{% endfor %}",
    ],
)
def test_an_unknown_name_is_found_wherever_it_stands(project, body):
    problems = found(project({"navigator": f"a\n<!-- user -->\n{body}"}))
    assert any("'rond'" in problem for problem in problems)


@pytest.mark.parametrize(
    "body",
    [
        "{% for t in top %}{{ loop.index }}{{ t.feedback.neighbours[0].margin }}{% endfor %}",
        "{% for status, n in refused.items() %}{{ status }}{{ n }}{% endfor %}",
        "{% macro m(t) %}{{ t.anything }}{% endmacro %}{{ m(top[0]) }}",
        "{% set ns = namespace(x=1) %}{% set ns.x = 2 %}{{ ns.x }}",
        "{{ (top | map(attribute='code') | list)[0] }}",
        "{{ mission | length }}{{ range(3) | list }}",
        "{% set rows = new %}{% include 'parts/trials.md' %}",
    ],
)
def test_what_is_known_passes(project, body):
    library = project({"navigator": f"a {{{{ mission.metric }}}}\n<!-- user -->\n{body}"})
    assert library.check() == ()


def test_a_part_is_checked_with_the_names_set_around_it(project):
    library = project({"parts/trials": "{% for t in rows %}{{ t.speed }}{% endfor %}{{ mission.metric }}"})
    problems = found(library)
    assert problems == [problems[0]]
    assert problems[0].startswith("trials.md:1: uses the unknown field 'speed'")


def test_declared_and_used_variables_must_agree(project):
    body = "---\nrole: repair\nvariables: [left, colour]\n---\n{{ error }}"
    assert found(project({"repair": body})) == [
        "repair.md:3: declares 'left' and does not use it",
        "repair.md:3: declares the unknown variable 'colour'; known are error, left, role",
        "repair.md:3: uses 'error' and does not declare it under `variables`",
    ]


def test_a_file_that_declares_nothing_may_use_every_variable_of_its_role(project):
    assert project({"repair": "{{ error }}"}).check() == ()


def test_a_syntax_error_is_named_with_its_line(project):
    library = project({"repair": "---\nrole: repair\n---\n\n{% if error %}\nx\n"})
    assert found(library)[0].startswith("repair.md:6: has a template error: Unexpected end of template")


def test_an_unknown_filter_is_named_with_its_line(project):
    assert found(project({"repair": "a\n{{ error | fence }}"})) == [
        "repair.md:2: has a template error: No filter named 'fence'."
    ]


def test_an_unused_part_of_the_user_is_checked_too(project):
    assert found(project({"parts/mine": "a\n{% endif %}"}))[0].startswith("mine.md:2: has a template error")


def test_a_slip_in_a_prompts_name_is_found(project):
    library = project({"navigater": "---\nrole: navigator\n---\nx", "README": "# Notes\n{{ x"})
    assert found(library)[0].startswith(
        "navigater.md:1: is not used, because no prompt is called 'navigater'"
    )
    assert len(library.check()) == 1


def test_every_file_is_checked_and_not_only_the_first_bad_one(project):
    assert len(project({"repair": "{{ a }}", "offline/why": "{{ b }}"}).check()) == 2


def test_a_bad_name_stops_a_call_also_where_the_data_would_not_reach_it(project):
    library = project({"repair": "{% if left > 5 %}{{ eror }}{% endif %}x"})
    with pytest.raises(Exception, match="did you mean 'error'"):
        library.render("repair", {"left": 0})


def shape_of(kind):
    """Return the shape of a field's type, as `VARIABLES` writes it."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return {field.name: shape_of(hints[field.name]) for field in dataclasses.fields(kind)}
    if typing.get_origin(kind) is tuple:
        return (shape_of(typing.get_args(kind)[0]),)
    return (
        "open"
        if kind is not str and typing.get_origin(kind) in (Mapping, typing.Union, type(int | None))
        else VALUE
    )


def agree(shape, known):
    """Compare a view's shape with the known variables; where the view's field is open, ours may say more."""
    if shape == "open":
        return True
    if isinstance(shape, dict) and isinstance(known, dict):
        return set(shape) == set(known) and all(agree(shape[name], known[name]) for name in shape)
    if isinstance(shape, tuple) and isinstance(known, tuple):
        return agree(shape[0], known[0])
    return shape == known


@pytest.mark.parametrize("role", [role.name for role in ROLES])
def test_the_variables_of_a_role_are_the_fields_of_its_view(role):
    view = getattr(views, f"{role.capitalize()}View")
    known = dict(VARIABLES[role])
    known.pop("first", None)
    assert agree(shape_of(view), known)


@pytest.mark.parametrize("role", [role.name for role in ROLES])
def test_every_field_of_a_view_is_used_by_its_prompt(library, role):
    # The twins estimate from the history; a model is spared a hundred rows, and shown the few that sum them up. The
    # best are among these.
    spared = {"history", "top"} if role == "navigator" else {"history"}
    assert set(library.get(role).variables) == set(VARIABLES[role]) - spared


def test_the_direction_variable_is_the_navigators_reply():
    assert set(DIRECTION) == set(replies.Direction.model_fields)
    assert set(DIRECTION["guidance"][0]) == set(replies.Guidance.model_fields)


def test_the_feedback_variable_is_the_feedback_record():
    assert set(FEEDBACK) == {field.name for field in dataclasses.fields(Feedback)}
    assert set(FEEDBACK) == set(trial(1, "333132", 90.0).feedback)


def test_the_problem_variable_is_the_problem_record():
    from navarch.spaces import InvalidArchitecture, get_space

    with pytest.raises(InvalidArchitecture) as caught:
        get_space("nas-bench-201").parse({})
    assert set(caught.value.problems[0].as_dict()) == set(PROBLEM) == set(refused("full")[0].problems[0])


def test_the_error_variable_of_the_repair_turn_is_the_reply_error():
    assert set(REPLY_ERROR) == set(ReplyError("empty").as_dict())
    assert set(REPLY_ERROR["faults"][0]) == set(ReplyFault._fields)


def test_the_default_prompts_word_every_code_of_a_reply_error(library):
    text = next(part.text for part in library.parts() if part.name == "parts/reply-error")
    unworded = [code for code in typing.get_args(ReplyErrorCode) if f'"{code}"' not in text]
    assert unworded == ["wrong-form"]  # the last branch


def test_the_default_prompts_word_every_problem_code_of_the_spaces(library):
    from navarch.spaces.problems import ProblemCode

    text = next(part.text for part in library.parts() if part.name == "parts/refused")
    assert [code for code in typing.get_args(ProblemCode) if f'"{code}"' not in text] == []
