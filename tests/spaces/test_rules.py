"""Conditions, constraints, inputs and costs in a declaration: read, and refused with file, place and value."""

import pytest

from navarch import NavarchError, get_space
from navarch.spaces import Cost
from navarch.spaces.declaration import load_declaration

TOML = """
name = "widgets"
title = "Widgets"
summary = "A widget has parts."

[input]
classes = 4
channels = 1
resolution = 20

[base_cost]
params = 1000
macs = 5000

[[dimensions]]
name = "depth"
meaning = "how many blocks there are"
options = [
    { name = "1", code = "1", meaning = "one block" },
    { name = "2", code = "2", meaning = "two blocks", params = 10 },
]

[[dimensions]]
name = "second"
meaning = "what the second block does"
when = { depth = ["2"] }
options = [
    { name = "wide", code = "w", meaning = "many channels", params = 300, macs = 700 },
    { name = "thin", code = "t", meaning = "few channels" },
]

[[constraints]]
forbid = { depth = "2", second = "thin" }
why = "A thin second block never worked."
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "widgets.toml"
        path.write_text(text)
        return path

    return write


def test_a_file_is_a_space_with_costs_that_add_up(write):
    space = get_space(str(write(TOML)))
    assert space.size == 2
    one, two = space.parse({"depth": "1"}), space.parse({"depth": "2", "second": "wide"})
    assert space.cost(one, classes=4) == Cost(1000, 5000)
    assert space.cost(two, classes=4) == Cost(1310, 5700)
    assert (space.input.classes, space.input.channels, space.input.resolution) == (4, 1, 20)


def test_it_has_no_network_and_says_what_to_do(write):
    space = get_space(str(write(TOML)))
    with pytest.raises(
        NavarchError, match=r"'widgets' is declared in TOML and has no network .*--evaluator table"
    ):
        space.build(space.parse({"depth": "1"}), classes=4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'when = { depth = ["2"] }',
            'when = { height = ["2"] }',
            "'second': when: there is no dimension 'height'",
        ),
        (
            'when = { depth = ["2"] }',
            'when = { depth = ["3"] }',
            "'depth' does not offer '3': choose one of 1, 2",
        ),
        ('when = { depth = ["2"] }', 'when = { second = ["wide"] }', "cannot depend on itself"),
        ('when = { depth = ["2"] }', "when = { depth = [] }", r"depth is \[\]: name at least one"),
        ('when = { depth = ["2"] }', 'when = { depth = "2" }', "depth must be a list, not '2'"),
        ('when = { depth = ["2"] }', 'when = { depth = ["2", "2"] }', "depth names something twice"),
        ('when = { depth = ["2"] }', "when = { depth = [2] }", "entry 1 of depth must be a text, not 2"),
        ("forbid = {", "forbids = {", "has exactly one of distinct, count and forbid, not none of them"),
        ('second = "thin" }', 'second = "fat" }', "dimension 'second' does not offer 'fat'"),
        ('why = "A thin second block never worked."', "", "constraint 1: the key 'why' is missing"),
        ("classes = 4", "classes = 0", "input: classes must be at least 1, not 0"),
        ("classes = 4", "colours = 4", "input: the key 'classes' is missing"),
        ("params = 300", "params = -1", "option 1: params must be at least 0, not -1"),
        ("params = 1000", "weights = 1000", "base_cost: the key 'weights' is unknown"),
        ('name = "thin"', 'name = "-"', "must follow the pattern"),
        (
            'name = "widgets"',
            'name = "widgets"\nlarge_skeleton = { from_resolution = 64, width = 3 }',
            "no size 'width'",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_and_place(write, old, new, message):
    assert TOML.count(old) >= 1
    path = write(TOML.replace(old, new, 1))
    with pytest.raises(NavarchError, match=message) as caught:
        get_space(str(path))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_cycle_is_refused(write):
    text = TOML.replace(
        'meaning = "how many blocks there are"', 'meaning = "x"\nwhen = { second = ["wide"] }'
    )
    with pytest.raises(NavarchError, match=r"widgets\.toml: the conditions of depth, second form a cycle"):
        get_space(str(write(text)))


def test_the_name_of_another_space_is_refused(write):
    with pytest.raises(NavarchError, match=r"the name 'darts' is that of another search space"):
        get_space(str(write(TOML.replace('name = "widgets"', 'name = "darts"'))))


def test_constraints_that_leave_nothing_are_refused(write):
    never = '[[constraints]]\ncount = ["depth"]\noptions = ["1"]\nat_least = 2\nat_most = 2\nwhy = "Never."'
    with pytest.raises(NavarchError, match=r"widgets\.toml: the constraints leave no architecture"):
        get_space(str(write(TOML + never)))


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        ('count = ["depth"]\noptions = ["5"]', "none of its dimensions offers the option '5'"),
        ('count = ["depth"]\noptions = ["1"]\nat_least = 2\nat_most = 1', "at_least 2 and at_most 1"),
        ('distinct = ["depth", "height"]', "there is no dimension 'height'"),
        ('distinct = ["depth"]\ncount = ["depth"]', "not distinct and count"),
        ("forbid = {}", "name at least one dimension"),
    ],
)
def test_a_bad_constraint_is_said(write, constraint, message):
    text = TOML.replace('forbid = { depth = "2", second = "thin" }', constraint)
    with pytest.raises(NavarchError, match=message):
        load_declaration(write(text))
