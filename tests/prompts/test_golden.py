"""Golden prompts: what every role reads in six situations. UPDATE_GOLDEN=1 writes them anew."""

import pytest
from samples import CAPS, HOSTILE, SITUATIONS, assert_golden, page, sample_view

from navarch.agents.errors import ReplyError, ReplyFault
from navarch.spaces import get_space

ROLES = ("navigator", "generator", "critic", "distiller")


def render(library, role, situation, **more):
    return page(library.render(role, {**sample_view(role, situation).to_dict(), **more}))


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("role", ROLES)
def test_the_rendered_prompt_equals_its_golden_file(library, role, situation):
    text = render(library, role, situation)
    assert_golden(f"{role}-{situation}", text)


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
        systems.add(library.render(role, sample_view(role, situation).to_dict()).system)
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


REPLY_ERRORS = (
    ReplyError("too-large", size=256),
    ReplyError("empty"),
    ReplyError("only-reasoning"),
    ReplyError("no-object"),
    ReplyError("not-closed", size=99),
    ReplyError("too-many-parts"),
    ReplyError("invalid-json", value="Expecting value", line=1, column=16),
    ReplyError("not-a-number", value="NaN"),
    ReplyError("too-deep"),
    ReplyError("duplicate-key", value="edge_0_1"),
    ReplyError("duplicate-key", value=HOSTILE),
    ReplyError("wrong-form", faults=[ReplyFault("", "invalid JSON: unexpected end of hex escape")]),
    ReplyError(
        "wrong-form",
        faults=[ReplyFault("proposals.0.why", "field required"), ReplyFault(HOSTILE, HOSTILE)],
        more=True,
    ),
)


def render_repair(library, error, stopped="", left=1):
    error.stopped = stopped
    return library.render("repair", {"role": "generator", "error": error.as_dict(), "left": left}).user


def test_the_repair_turn_of_every_error_equals_its_golden_file(library):
    texts = [render_repair(library, error) for error in REPLY_ERRORS]
    texts += [render_repair(library, ReplyError("empty"), stopped, 0) for stopped in ("length", "filter")]
    text = "\n\n=====\n\n".join(texts) + "\n"
    assert_golden("repair", text)


def test_hostile_text_in_a_reply_error_stays_on_its_quoted_line(library):
    for error in REPLY_ERRORS:
        text = render_repair(library, error)
        assert "<data>" not in text
        assert "\x1b" not in text
        assert len(text.splitlines()) <= 6


REFUSED = {"invalid": 0, "duplicate": 2, "vetoed": 0}


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        (REFUSED, "Proposals not trained since then: 2 duplicate.\n"),
        ({**REFUSED, "vetoed": 1}, "Proposals not trained since then: 2 duplicate, 1 vetoed.\n"),
        (dict.fromkeys(REFUSED, 0), None),
        ({}, None),
    ],
)
def test_the_navigator_reads_of_refused_proposals_where_there_were_any(library, counts, shown):
    text = render(library, "navigator", "full", refused=counts)
    assert shown in text if shown else "not trained" not in text


@pytest.mark.parametrize("role", ["generator", "critic"])
def test_without_a_direction_a_prompt_says_so(library, role):
    text = render(library, role, "full", direction={})
    assert "There is no direction: explore widely and build on the best trials." in text
    assert "\n<data>\n" not in text
    assert "exploring:" not in text


@pytest.mark.parametrize(("epochs", "shown"), [(1, "images, 1 epoch for"), (2, "images, 2 epochs for")])
def test_one_epoch_is_in_the_singular(library, epochs, shown):
    mission = {**sample_view("critic", "full").to_dict()["mission"], "epochs": epochs}
    assert shown in render(library, "critic", "full", mission=mission)


def test_the_navigator_reads_the_search_summed_up_and_what_it_said_last(library):
    text = render(library, "navigator", "longest")
    assert "What you said last:" in text
    assert "trials so far" in text
    assert "What you said last:" not in render(library, "navigator", "empty")


@pytest.mark.parametrize("role", ["generator", "critic", "distiller"])
def test_what_changes_every_round_stands_after_what_changes_slowly(library, role):
    data = sample_view(role, "full").to_dict()
    later = {**data, "mission": {**data["mission"], "round": 9, "trials_done": 30}}
    first, second = library.render(role, data), library.render(role, later)
    assert first.system == second.system
    same = next(n for n, (a, b) in enumerate(zip(first.user, second.user, strict=False)) if a != b)
    assert "L1, helps" in first.user[:same]
    if role == "generator":
        assert data["avoid"][-1] in first.user[:same]


def test_options_that_differ_by_dimension_are_listed_with_each(library):
    data = sample_view("generator", "empty").to_dict()
    small = [{"name": "k3", "code": "0", "meaning": "3x3 kernel"}, {"name": "k5", "code": "1", "meaning": ""}]
    depth = [{"name": "d2", "code": "0", "meaning": ""}]
    dimensions = [
        {"name": name, "meaning": "m", "options": options, "when": []}
        for name, options in (("a", small), ("b", small), ("c", depth))
    ]
    data["space"] = {
        "summary": "S.",
        "dimensions": dimensions,
        "rules": [],
        "size": 4,
        "code_example": "010",
        "example": ["k3", "k5", "d2"],
        "constraints": [],
        "prior": None,
    }
    system = library.render("generator", data).system
    assert "- `a`: m; options of list 1\n- `b`: m; options of list 1\n- `c`: m; options of list 2\n" in system
    assert "\nList 1 (its code in brackets):\n- `k3` (0): 3x3 kernel\n- `k5` (1)\n" in system
    assert "\nList 2 (its code in brackets):\n- `d2` (0)\n" in system
    assert '{"architecture": {"a": "k3", "b": "k5", "c": "d2"}, "why"' in system
    assert "Good to know" not in system


def test_options_of_each_dimension_stand_with_it_where_none_are_shared(library):
    data = sample_view("generator", "empty").to_dict()
    options = [
        {"name": "k3", "code": "0", "meaning": "3x3 kernel"},
        {"name": "k5", "code": "1", "meaning": ""},
    ]
    when = [{"dimension": "a", "options": ["k3", "k5"]}]
    dimensions = [
        {"name": "a", "meaning": "m", "options": options, "when": []},
        {"name": "b", "meaning": "n", "options": options[:1], "when": when},
    ]
    data["space"] = {**data["space"], "dimensions": dimensions, "example": ["k3", "k3"]}
    system = library.render("generator", data).system
    assert "- `a`: m; options `k3` (0, 3x3 kernel), `k5` (1)\n" in system
    assert (
        "- `b`: n (only if `a` is `k3` or `k5`; otherwise give `-`); options `k3` (0, 3x3 kernel)\n" in system
    )


def test_constraints_are_told_with_their_reasons(library):
    data = sample_view("generator", "empty").to_dict()
    data["space"] = {**data["space"], "constraints": get_space("transnas-macro").describe()["constraints"]}
    system = library.render("generator", data).system
    assert "at least 1 and at most 3 must be `double` or `both`." in system
    forbidden = {"kind": "forbidden", "choices": [["a", "x"], ["b", "y"]], "why": "They clash."}
    distinct = {"kind": "distinct", "dimensions": ["a", "b"], "why": "Two inputs."}
    data["space"] = {**data["space"], "constraints": [forbidden, distinct]}
    system = library.render("generator", data).system
    assert (
        "- Not together: `a` = `x`, `b` = `y`. They clash.\n- `a`, `b` must differ. Two inputs.\n" in system
    )
