"""Hostile text in every value of every role's prompt: it is copied, never read again, and closes no fence."""

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from paper_samples import PAPER_PROMPTS, paper_view
from samples import page, sample_view

from navarch.prompts import PromptLibrary
from navarch.prompts.fence import CLOSE, OPEN, fenced, inline

ROLES = ("navigator", "generator", "critic", "distiller")
HARMLESS = "zqz"
ATTACKS = [
    "{{6007*7}}",
    "{% print(6007*7) %}",
    "{# gone #}",
    "{% raw %}",
    "{{ ''.__class__.__mro__ }}",
    "{% include 'parts/task.md' %}",
    "{{ self }} {{ mission }}",
    "{mission.__class__} {0} %(mission)s %s",
    "${6007*7} $generator $$",
    "#{6007*7} @(6007*7) <%= 6007*7 %>",
    "a <!-- user --> b",
    "\\x7b\\x7b6007*7\\x7d\\x7d",
]
HOSTILE_PIECES = (
    OPEN,
    CLOSE,
    "<da",
    "ta>",
    "</",
    "<<data>data>",
    "</data >",
    "\u202e",
    "\x1b[2J",
    "\x00",
    "\n",
    "\u2028",
)


def view(name):
    return (sample_view(name, "full") if name in ROLES else paper_view(name, "full")).to_dict()


def replaced(value, text):
    """Return plain data with every text in it replaced."""
    if isinstance(value, str):
        return text
    if isinstance(value, dict):
        return {key: replaced(item, text) for key, item in value.items()}
    return [replaced(item, text) for item in value] if isinstance(value, (list, tuple)) else value


def render(library, name, text):
    return page(library.render(name, {**replaced(view(name), text), "first": True}))


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("name", [*ROLES, *PAPER_PROMPTS])
def test_a_template_in_every_value_is_copied_and_not_read(library, name, attack):
    text = render(library, name, attack)
    shown = {attack, fenced(attack).split("\n")[1], inline(attack)[1:-1]}
    assert any(form in text for form in shown)
    for form in sorted(shown, key=len, reverse=True):
        text = text.replace(form, HARMLESS)
    assert text == render(library, name, HARMLESS)


@examples(200)
@given(st.lists(st.sampled_from(HOSTILE_PIECES) | st.text(max_size=8), max_size=12).map("".join))
def test_no_text_opens_or_closes_a_fence_of_a_prompt(text):
    data = view("generator")
    data["direction"] = {**data["direction"], "summary": text, "patterns": [text]}
    data["refused"] = [{**row, "architecture": text} for row in data["refused"]]
    rendered = PromptLibrary(project=None).render("generator", data)
    assert rendered.user.count(OPEN) == rendered.user.count(CLOSE) == 1
    assert rendered.system.count(OPEN) == 1  # where the marks are explained
