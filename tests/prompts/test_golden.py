"""Golden prompts: what every role reads in six situations. UPDATE_GOLDEN=1 writes them anew."""

import os
from pathlib import Path

import pytest
from samples import HOSTILE, SITUATIONS, sample_view

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "prompts"
ROLES = ("navigator", "generator", "critic", "distiller")
# Characters of system + user; a token is about four of them.
CAPS = {
    "empty": 8_000,
    "one-trial": 8_000,
    "full": 11_000,
    "all-failed": 8_500,
    "hostile": 14_000,
    "longest": 50_000,
}


def render(library, role, situation, **more):
    data = {**sample_view(role, situation).to_dict(), **more}
    if role == "navigator":
        data.setdefault("first", situation != "full")
    rendered = library.render(role, data)
    return f"{rendered.system}\n\n<!-- user -->\n\n{rendered.user}\n"


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("role", ROLES)
def test_the_rendered_prompt_equals_its_golden_file(library, role, situation):
    text = render(library, role, situation)
    path = GOLDEN / f"{role}-{situation}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("role", ROLES)
def test_the_rendered_prompt_stays_below_its_cap(library, role, situation):
    assert len(render(library, role, situation)) < CAPS[situation]


@pytest.mark.parametrize("role", ROLES)
def test_no_prompt_names_the_benchmark(library, role):
    text = render(library, role, "full").lower()
    assert not [word for word in ("bench", "nas-", "nats", "navarch") if word in text]


@pytest.mark.parametrize("role", ROLES)
def test_the_system_part_is_the_same_in_every_round(library, role):
    systems = set()
    for situation in ("empty", "one-trial", "full", "all-failed", "hostile"):
        data = sample_view(role, situation).to_dict()
        systems.add(library.render(role, {**data, "first": True}).system)
    assert len(systems) == 1


def test_the_first_system_prompt_of_the_generator_is_below_900_tokens(library):
    system = library.render("generator", sample_view("generator", "empty").to_dict()).system
    assert len(system) / 4.3 < 900  # English prose with code has 4.3 to 4.7 characters a token


@pytest.mark.parametrize("role", ROLES)
def test_every_reason_of_a_failure_reaches_the_reader(library, role):
    if role in ("navigator", "distiller"):
        assert all(reason in render(library, role, "all-failed") for reason in ("oom", "timeout", "crashed"))


@pytest.mark.parametrize("role", ROLES)
def test_hostile_text_stays_inside_its_marks(library, role):
    text = render(library, role, "hostile")
    opened, closed = text.count("\n<data>\n"), text.count("\n</data>\n")
    assert opened == closed
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("\n<!-- user -->\n") == 1
    assert HOSTILE not in text


def test_later_turns_of_the_navigator_leave_the_history_out(library):
    first, later = (render(library, "navigator", "longest", first=first) for first in (True, False))
    assert len(later) < len(first) - 5_000


def test_options_that_differ_by_dimension_are_listed_with_each(library):
    data = sample_view("generator", "empty").to_dict()
    small = [{"name": "k3", "code": "0", "meaning": "3x3 kernel"}, {"name": "k5", "code": "1", "meaning": ""}]
    depth = [{"name": "d2", "code": "0", "meaning": ""}]
    dimensions = [
        {"name": name, "meaning": "m", "options": options}
        for name, options in (("a", small), ("b", small), ("c", depth))
    ]
    data["space"] = {"summary": "S.", "dimensions": dimensions, "rules": [], "size": 4, "code_example": "010"}
    system = library.render("generator", data).system
    assert "- `a`: m; options `k3` (0, 3x3 kernel), `k5` (1)\n- `b`: m; options as before\n" in system
    assert "\n- `c`: m; options `d2` (0)\n" in system
    assert '{"architecture": {"a": "k3", "b": "k5", "c": "d2"}, "why"' in system
    assert "Good to know" not in system
