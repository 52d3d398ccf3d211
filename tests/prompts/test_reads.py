"""What a rendered text depends on, and that it is rendered once where nothing of that has changed."""

import pytest

from navarch.prompts import Checked, PromptError, PromptLibrary, load, template

PROMPT = "{{ mission.metric }} of {{ space.size }}\n<!-- user -->\nround {{ mission.round }}, {{ keep }}"


def data(round=1, metric="accuracy", size=7):
    return {"mission": {"metric": metric, "round": round}, "space": {"size": size}, "keep": 2}


@pytest.fixture
def counted(project, monkeypatch):
    """A library with one prompt, and the pieces that were rendered."""
    rendered = []

    def render(environment, piece, *rest):
        rendered.append(piece)
        return template.render(environment, piece, *rest)

    monkeypatch.setattr(load, "render", render)
    return project({"critic": PROMPT}), rendered


def test_a_part_is_rendered_once_while_what_it_reads_stays(counted):
    library, rendered = counted
    texts = [library.render("critic", data(round)) for round in (1, 2, 3)]
    assert [text.system for text in texts] == ["accuracy of 7"] * 3
    assert [text.user for text in texts] == ["round 1, 2", "round 2, 2", "round 3, 2"]
    assert (rendered.count("system"), rendered.count("user")) == (1, 3)


def test_another_value_or_kind_of_value_is_rendered_anew(counted):
    library, _ = counted
    sizes = [7, 7.0, True, 1, "7", None]
    assert [library.render("critic", data(size=size)).system for size in sizes] == [
        f"accuracy of {size}" for size in sizes
    ]
    assert library.render("critic", data(metric="error")).system == "error of 7"


def test_an_edit_of_a_file_is_rendered_anew(counted, project):
    library, _ = counted
    library.render("critic", data())
    project({"critic": PROMPT.replace("of", "in")})
    assert library.render("critic", data()).system == "accuracy in 7"


def test_what_is_kept_is_bounded(counted):
    library, _ = counted
    for size in range(load.MAX_KEPT + 2):
        library.render("critic", data(size=size))
    assert len(library._load("critic").kept) == 2


@pytest.mark.parametrize(
    "body", ["{{ space.size }}{{ [1, 2] | random }}", '{% import "parts/own.md" as own %}{{ space.size }}']
)
def test_what_draws_or_cannot_be_followed_is_not_kept(project, body):
    library = project({"critic": f"{body}\n<!-- user -->\n{{{{ keep }}}}", "parts/own": "x"})
    library.render("critic", data())
    assert library._load("critic").reads is None


def test_a_field_that_is_read_in_a_part_counts(project):
    library = project(
        {"critic": '{% include "parts/own.md" %}\n<!-- user -->\nx', "parts/own": "{{ mission.metric }}"}
    )
    assert [library.render("critic", data(metric=name)).system for name in "ab"] == ["a", "b"]
    whole = project({"critic": "{{ mission }}\n<!-- user -->\nx"})
    assert [whole.render("critic", data(round)).system[-2:] for round in (1, 2)] == ["1}", "2}"]


def test_the_defaults_systems_are_kept():
    library = PromptLibrary(project=None)
    assert all(
        library._load(name).reads is not None for name in ("navigator", "generator", "critic", "distiller")
    )


def test_an_if_that_asks_whether_there_is_anything_reads_no_more(project, counted):
    _, rendered = counted
    body = "{% if direction %}led{% elif lessons %}taught{% else %}free{% endif %}\n<!-- user -->\nx"
    library = project({"critic": body})
    told = ({"summary": "a"}, {"summary": "b"}, {})
    assert [library.render("critic", {"direction": one, "lessons": [1]}).system for one in told] == [
        "led",
        "led",
        "taught",
    ]
    assert rendered.count("system") == 2
    with pytest.raises(PromptError, match="direction"):  # what is missing is not what is empty
        library.render("critic", {"lessons": [1]})
    both = project({"critic": body.replace("led", "{{ direction.summary }}")})
    assert [both.render("critic", {"direction": one}).system for one in told[:2]] == ["a", "b"]


def test_data_that_is_known_to_be_plain_is_written_once_and_not_looked_through_again(project, monkeypatch):
    written, dumps = [], template.json.dumps
    monkeypatch.setattr(template.json, "dumps", lambda item: written.append(item) or dumps(item))
    library = project({"critic": "{{ space.rules | length }} of {{ direction }}\n<!-- user -->\nx"})
    space, rules = Checked(rules=["a", "b"]), 2
    for _ in range(3):
        assert library.render("critic", {"space": space, "direction": Checked()}).system == f"{rules} of {{}}"
    assert written.count(["a", "b"]) == 1
    assert template.check_plain([space])[0] is space
    other = Checked(rules=["a", "b", "c"])
    assert library.render("critic", {"space": other, "direction": Checked()}).system == "3 of {}"
