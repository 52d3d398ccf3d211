"""The encodings of TransNAS-Bench-101: both ways, and every bad one with its reasons."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navarch.spaces import INACTIVE, InvalidArchitecture, get_space
from navarch.spaces.problems import shorten

MICRO = get_space("transnas-micro")
MACRO = get_space("transnas-macro")
SPACES = pytest.mark.parametrize("space", [MICRO, MACRO], ids=lambda space: space.name)

cells = st.text(alphabet="0123", min_size=6, max_size=6).map(MICRO.parse)
outlines = st.integers(0, 10**9).map(lambda seed: MACRO.sample(random.Random(seed)))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(codec=None), max_size=20)
    | st.text(alphabet="0123456-_basic", max_size=20)
    | st.sampled_from([*MICRO.names, *MACRO.names, "none", "both", "64-41414-1_02_333", "64-1234-basic"]),
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from([*MICRO.names, *MACRO.names]), inner, max_size=8
        )
    ),
    max_leaves=12,
)


def problems_of(space, raw):
    with pytest.raises(InvalidArchitecture) as caught:
        space.parse(raw)
    return caught.value.problems


def read(space, raw):
    """Return the architecture, or the InvalidArchitecture; any other exception is the test's failure."""
    try:
        return space.parse(raw)
    except InvalidArchitecture as error:
        return error


@given(cells)
def test_every_encoding_of_a_cell_comes_back(cell):
    for encoding in (MICRO.to_dict(cell), list(cell.values), MICRO.code(cell), MICRO.genotype(cell)):
        assert MICRO.parse(encoding) == cell


@given(outlines)
def test_every_encoding_of_an_outline_comes_back(outline):
    used = {name: value for name, value in MACRO.to_dict(outline).items() if value != INACTIVE}
    for encoding in (MACRO.to_dict(outline), used, list(outline.values), MACRO.code(outline)):
        assert MACRO.parse(encoding) == outline
    assert MACRO.parse(MACRO.genotype(outline)) == outline


def test_the_published_strings_hold_the_digits_in_the_order_of_the_dimensions():
    assert MICRO.genotype(MICRO.parse("102333")) == "64-41414-1_02_333"
    assert MICRO.to_dict(MICRO.parse("64-41414-0_12_323")) == {
        "edge_0_1": "none",
        "edge_0_2": "skip_connect",
        "edge_1_2": "nor_conv_1x1",
        "edge_0_3": "nor_conv_3x3",
        "edge_1_3": "nor_conv_1x1",
        "edge_2_3": "nor_conv_3x3",
    }
    assert MACRO.parse("64-12341-basic").values == (
        "5", "same", "double", "stride", "both", "same", INACTIVE,
    )  # fmt: skip
    assert MACRO.code(MACRO.parse("64-1234-basic")) == "41234--"


@pytest.mark.parametrize(
    ("space", "raw", "expected"),
    [
        (MICRO, "64-41414-1_02_33", [("wrong-length", "", "'1_02_33'")]),
        (MICRO, "64-41414-1_02_3333", [("wrong-length", "", "'1_02_3333'")]),
        (MICRO, "64-41414-102333", [("wrong-length", "", "'102333'")]),
        (MICRO, "64-41414-1_02_333-basic", [("bad-encoding", "", "'64-41414-1_02_333-basic'")]),
        (MICRO, "1_02_333", [("bad-encoding", "", "'1_02_333'")]),
        (MICRO, "32-41414-1_02_333", [("bad-encoding", "", "'32'")]),
        (MICRO, "1000000000-41414-1_02_333", [("bad-encoding", "", "'1000000000'")]),
        (MICRO, "64-4141-1_02_333", [("bad-encoding", "", "'4141'")]),
        (MICRO, "64-1234-basic", [("bad-encoding", "", "'1234'"), ("wrong-length", "", "'basic'")]),
        (MICRO, "64-41414-4_02_333", [("unknown-option", "edge_0_1", "'4'")]),
        (MICRO, "64-41414-1_02_33٣", [("unknown-option", "edge_2_3", "'٣'")]),
        (
            MICRO,
            "16-41414-9_02_3x3",
            [
                ("bad-encoding", "", "'16'"),
                ("unknown-option", "edge_0_1", "'9'"),
                ("unknown-option", "edge_1_3", "'x'"),
            ],
        ),
        (MICRO, "4" * 6, [("unknown-option", name, "'4'") for name in MICRO.names]),
        (MICRO, "10233", [("wrong-length", "", "'10233'")]),
        (MACRO, "64-123-basic", [("wrong-length", "modules", "'123'")]),
        (MACRO, "64-1234123-basic", [("wrong-length", "modules", "'1234123'")]),
        (MACRO, "64--basic", [("wrong-length", "modules", "''")]),
        (MACRO, "128-1234-basic", [("bad-encoding", "", "'128'")]),
        (MACRO, "64-1234-bottleneck", [("bad-encoding", "", "'bottleneck'")]),
        (MACRO, "64-1234", [("bad-encoding", "", "'64-1234'")]),
        (MACRO, "4-12341", [("bad-encoding", "", "'4-12341'")]),
        (MACRO, "64-1256-basic", [("unknown-option", "module_3", "'5'"), ("unknown-option", "module_4", "'6'")]),
        (MACRO, "64-4444-basic", [("too-many", "module_4", "4 of double or both")]),
        (MACRO, "64-222211-basic", [("too-many", "module_4", "4 of double or both"),
                                    ("too-few", "module_1", "0 of stride or both")]),
        (MACRO, "64-333332-basic", [("too-many", "module_5", "5 of stride or both")]),
        (MACRO, "64-3311-basic", [("too-few", "module_1", "0 of double or both")]),
        (MACRO, "41234-1", [("inactive-dimension", "module_6", "'same'")]),
        (MACRO, "51234--", [("missing-dimension", "module_5", "")]),
        (MACRO, {"modules": "4", "module_1": "both", "module_2": "same", "module_3": "same"},
            [("missing-dimension", "module_4", "")]),
        (MACRO, {"modules": 10**9, "module_1": "both", "module_2": "same", "module_3": "same", "module_4": "same"},
            [("unknown-option", "modules", "1000000000")]),
    ],
    ids=lambda value: shorten(value)[:40],
)  # fmt: skip
def test_what_is_no_architecture_is_refused_with_every_reason(space, raw, expected):
    problems = problems_of(space, raw)
    assert [(problem.code, problem.dimension, problem.value) for problem in problems] == expected
    assert all(problem.allowed and str(problem).isprintable() for problem in problems)


def test_a_refused_part_of_a_string_is_answered_with_what_is_allowed():
    (digit,) = problems_of(MICRO, "64-41414-1_07_333")
    assert digit.allowed == ("0", "1", "2", "3")
    (doublings,) = problems_of(MACRO, "64-4444-basic")
    assert doublings.allowed == ("at most 3", "One to three modules double the channels.")
    (modules,) = problems_of(MACRO, "64-123-basic")
    assert str(modules) == "'123' has the wrong length: expected 4 to 6 digits, one for each module"


@SPACES
@settings(max_examples=60)
@given(json_values)
def test_any_json_value_is_an_architecture_or_an_invalid_one(space, raw):
    result = read(space, raw)
    if isinstance(result, InvalidArchitecture):
        assert result.problems
        assert str(result).isprintable()
    else:
        assert space.parse(space.to_dict(result)) == result


@SPACES
@given(st.data())
def test_a_published_string_with_one_character_changed_is_refused_or_another_architecture(space, data):
    text = space.genotype(space.sample(random.Random(data.draw(st.integers(0, 10**6)))))
    place = data.draw(st.integers(0, len(text) - 1))
    broken = (
        text[:place]
        + data.draw(st.sampled_from("0123456-_b") | st.characters(codec=None))
        + text[place + 1 :]
    )
    result = read(space, broken)
    assert isinstance(result, InvalidArchitecture) or space.genotype(result) == broken


@SPACES
def test_endless_strings_are_refused(space):
    for raw in ("-" * 4_000, "64-" + "1" * 4_000 + "-basic", "64-41414-" + "_" * 4_000, "64-" * 10**6):
        assert problems_of(space, raw)
