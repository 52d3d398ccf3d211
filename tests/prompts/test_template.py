"""Rendering: plain data in, text out; nothing in a file or a value is executed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.prompts import PromptError
from navarch.prompts.template import check_plain, percent, short, signed

ATTACKS = [
    "{{ error.__class__ }}",
    "{{ error.__class__.__mro__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ error.format.__globals__ }}",
    "{{ '{0.__class__}'.format(error) }}",
    "{{ ('%' ~ 's') % error }}",
    "{{ 'a' * 10000000000 }}",
    "{{ 9 ** 999999 }}",
    "{{ [1] * 10000000000 }}",
    "{% import 'os' as os %}",
    "{% import os %}",
    "{% include '/etc/passwd' %}",
    "{% include '../critic.md' %}",
    "{% include 'parts/../../x.md' %}",
    "{% include error %}",
    "{% extends 'parts/space.md' %}x{% block a %}{{ nothing }}{% endblock %}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ namespace.__init__ }}",
    "{{ range(10000000) | list | length }}",
    "{{ undefined_name }}",
    "{{ error | attr('__class__') }}",
    "{{ error | unknown_filter }}",
    "{{ error is unknown_test }}",
    "{{ error() }}",
    "{{ 1 / 0 }}",
    "{{ error",
    "{% if error %}",
    "{% for x in %}",
    "{% include 'parts/missing.md' %}",
    "{{ config.items() }}",
    "{{ request.application }}",
    "{% set x = [].append(1) %}{{ [1].append(2) }}",
]
LITERAL = [
    "${__import__('os').system('id')}",
    "$generator $$ ${error}",
    "%(error)s %s",
    "<%= 7*7 %> <% import os %>",
    "{error.__class__} {0}",
    "`id` $(id) #!/bin/sh",
    "@{7*7} *{7*7} ~{x}",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_in_a_file_is_a_prompt_error(project, attack):
    library = project({"repair": f"{{{{ error }}}}\n{attack}\n"})
    with pytest.raises(PromptError) as caught:
        library.render("repair", {"role": "r", "error": "e", "left": 0})
    assert "repair.md" in str(caught.value) or "parts/" in str(caught.value)


@pytest.mark.parametrize("text", LITERAL)
def test_other_template_languages_are_plain_text_in_a_file(project, text):
    assert project({"repair": text}).render("repair", {}).user == text


@pytest.mark.parametrize("value", [*ATTACKS, *LITERAL, "{{7*7}}", "{% raw %}", "{# x #}", "<!-- user -->"])
def test_a_value_is_never_rendered_again(project, value):
    library = project({"repair": "a {{ error }} b"})
    assert library.render("repair", {"error": value}).user == f"a {value} b"


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=60).map(str.strip).filter(bool)
)
def test_any_value_comes_out_as_it_is(value):
    from navarch.prompts import PromptLibrary

    # The default repair prompt fences its error, so the part of the phrase that does not is looked at.
    line = PromptLibrary(project=None).phrase("offline/lesson", LESSON | {"dimension": value})
    assert " ".join(f"o in {value} helps".split()) in line or len(line) == 400


LESSON = {"option": "o", "dimension": "d", "effect": "helps", "difference": 1.5, "with_n": 3, "without_n": 4}


def test_an_error_names_the_line_of_the_file_below_front_matter(project):
    library = project({"repair": "---\nrole: repair\n---\none\ntwo {{ left + error }}\n"})
    with pytest.raises(PromptError, match=r"repair\.md:5: cannot be rendered"):
        library.render("repair", {"error": "e", "left": 1})


def test_an_error_in_a_part_names_the_part(project):
    library = project({"repair": 'x {% include "parts/mine.md" %}', "parts/mine": "one\n{{ 1 / left }}\n"})
    with pytest.raises(PromptError, match=r"parts/mine\.md:2: cannot be rendered: division by zero"):
        library.render("repair", {"left": 0})


def test_an_error_in_the_user_part_names_its_line(project):
    library = project({"critic": "a\n<!-- user -->\nb\n{{ keep / 0 }}\n"})
    with pytest.raises(PromptError, match=r"critic\.md:4: cannot be rendered"):
        library.render("critic", {"keep": 1})


def test_a_variable_that_the_data_lacks_is_named(project):
    with pytest.raises(PromptError, match="'error' is undefined"):
        project({"repair": "{{ error }}"}).render("repair", {})


def test_a_part_that_includes_itself_is_refused(project):
    library = project({"repair": '{% include "parts/me.md" %}', "parts/me": '{% include "parts/me.md" %}'})
    with pytest.raises(PromptError, match="includes itself"):
        library.render("repair", {})


def test_a_text_that_grows_without_bound_is_refused(project):
    body = "{% for a in range(9999) %}{% for b in range(9999) %}0123456789{% endfor %}{% endfor %}"
    with pytest.raises(PromptError, match="grows past"):
        project({"repair": body}).render("repair", {})


@pytest.mark.parametrize("value", [object(), b"x", {1: 2}, {"a": {"b": open}}, {1, 2}, 1j])
def test_data_that_is_not_plain_is_refused(project, value):
    with pytest.raises(PromptError, match=r"not plain data|key that is not text"):
        project({"repair": "{{ error }}"}).render("repair", {"error": value})


def test_data_that_contains_itself_is_refused(project):
    loop = []
    loop.append(loop)
    with pytest.raises(PromptError, match="nested too deeply"):
        project({"repair": "{{ error }}"}).render("repair", {"error": loop})


def test_tuples_become_lists():
    assert check_plain({"a": (1, (2,))}) == {"a": [1, [2]]}


def test_a_key_of_the_data_is_found_before_a_method_of_dicts(project):
    library = project({"critic": "a\n<!-- user -->\n{{ candidates[0].values[0] }}"})
    assert library.render("critic", {"candidates": [{"values": ["none"]}]}).user == "none"


def test_numbers_are_written_short():
    assert [short(n) for n in (987, 73_306, 1_073_466, 2_500_000_000)] == ["987", "73.3k", "1.07M", "2.5G"]
    assert (percent(91.256), percent(None), signed(0.5), signed(-1)) == ("91.26", "?", "+0.50", "-1.00")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "12", True])
def test_a_number_filter_refuses_what_is_no_number(value):
    with pytest.raises(ValueError, match="is not a number"):
        percent(value)
