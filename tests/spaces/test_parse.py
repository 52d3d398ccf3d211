"""Reading architectures: every good form, every bad form with its reason, and nothing else ever."""

import random
import time

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from navarch.spaces import InvalidArchitecture, get_space
from navarch.spaces.problems import shorten

SPACE = get_space("nas-bench-201")
EDGES = [dimension.name for dimension in SPACE.dimensions]
CELL = dict(
    zip(
        EDGES,
        ["nor_conv_3x3", "none", "skip_connect", "nor_conv_1x1", "avg_pool_3x3", "nor_conv_3x3"],
        strict=True,
    )
)
PUBLISHED = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_3x3~2|"

cells = st.lists(st.sampled_from(SPACE.dimensions[0].names), min_size=6, max_size=6).map(SPACE.parse)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(codec=None))
    | st.text(alphabet="01234567|~+ no", max_size=100)
    | st.sampled_from(["none", "nor_conv_3x3", *EDGES]),
    lambda inner: (
        st.lists(inner, max_size=8) | st.dictionaries(st.text() | st.sampled_from(EDGES), inner, max_size=8)
    ),
    max_leaves=20,
)


def read(raw):
    """Return the cell, or the InvalidArchitecture; any other exception is the test's failure."""
    try:
        return SPACE.parse(raw)
    except InvalidArchitecture as error:
        return error


def problems_of(raw):
    with pytest.raises(InvalidArchitecture) as caught:
        SPACE.parse(raw)
    return caught.value.problems


@pytest.mark.parametrize(
    "raw",
    [
        CELL,
        {name: CELL[name] for name in reversed(EDGES)},
        {**CELL, "edge_0_1": "3", "edge_2_3": "3"},
        list(CELL.values()),
        tuple(CELL.values()),
        ["3", "none", "1", "nor_conv_1x1", "4", "3"],
        "301243",
        PUBLISHED,
    ],
    ids=["object", "any order", "codes in an object", "list", "tuple", "mixed list", "code", "published"],
)
def test_every_form_of_a_cell_is_read(raw):
    assert SPACE.to_dict(SPACE.parse(raw)) == CELL


@given(cells)
def test_every_encoding_comes_back_to_the_same_cell(cell):
    for encoding in (SPACE.to_dict(cell), list(cell.values), SPACE.code(cell), SPACE.genotype(cell)):
        assert SPACE.parse(encoding) == cell


def test_the_published_string_names_the_source_of_every_edge():
    assert SPACE.genotype(SPACE.parse("301243")) == PUBLISHED


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (None, "not-an-object"),
        (True, "not-an-object"),
        (10**9, "not-an-object"),
        (10**6000, "not-an-object"),
        (float("nan"), "not-an-object"),
        (b"301243", "not-an-object"),
        ({"301243"}, "not-an-object"),
        ("", "wrong-length"),
        ("30124", "wrong-length"),
        ("3012433", "wrong-length"),
        ([], "wrong-length"),
        (["3"] * 7, "wrong-length"),
        (["3"] * 1_000_000, "wrong-length"),
        ({str(i): "3" for i in range(100_000)}, "wrong-length"),
        ("3" * 1_000_000, "wrong-length"),
        ("|" * 1_000_000, "wrong-length"),
        ("|" * 4_000, "wrong-length"),
        ("+" * 4_000, "wrong-length"),
        ("nor_conv_3x3~0", "wrong-length"),
        ("|none~0|+|none~0|none~1|", "wrong-length"),
        ("|none~0|+|none~0|+|none~0|none~1|none~2|", "wrong-length"),
        (PUBLISHED + "+|none~0|none~1|none~2|none~3|", "wrong-length"),
        ("|none~0|+|none~0|none~1|+none~0|none~1|none~2|", "bad-encoding"),
        ("|+|none~0|none~1|+|none~0|none~1|none~2|", "bad-encoding"),
        ("|none~1|+|none~0|none~1|+|none~0|none~1|none~2|", "bad-encoding"),
        ("|none~0|+|none~1|none~0|+|none~0|none~1|none~2|", "bad-encoding"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~02|", "bad-encoding"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~٢|", "bad-encoding"),
        ("|none|+|none~0|none~1|+|none~0|none~1|none~2|", "bad-encoding"),
        ("|3~0|+|none~0|none~1|+|none~0|none~1|none~2|", "unknown-option"),
        ("|None~0|+|none~0|none~1|+|none~0|none~1|none~2|", "unknown-option"),
        ("301245", "unknown-option"),
        ("30124\0", "unknown-option"),
        ("30124\ud800", "unknown-option"),
        ("30124٣", "unknown-option"),
        ({**CELL, "edge_0_1": "conv"}, "unknown-option"),
        ({**CELL, "edge_0_1": 5}, "unknown-option"),
        ({**CELL, "edge_0_1": 3.0}, "unknown-option"),
        ({**CELL, "edge_0_1": 10**5000}, "unknown-option"),
        ({**CELL, "edge_0_1": True}, "unknown-option"),
        ({**CELL, "edge_0_1": None}, "unknown-option"),
        ({**CELL, "edge_0_1": ["none"]}, "unknown-option"),
        ([[[[[["none"]]]]], "3", "3", "3", "3", "3"], "unknown-option"),
        ({name: CELL[name] for name in EDGES[1:]}, "missing-dimension"),
        ({}, "missing-dimension"),
        ({**CELL, "edge_3_4": "none"}, "unknown-dimension"),
        ({**CELL, 7: "none"}, "unknown-dimension"),
        ({**CELL, "edge\0\ud800": "none"}, "unknown-dimension"),
    ],
    ids=shorten,
)
def test_what_is_no_cell_is_refused_with_its_reason(raw, code):
    problems = problems_of(raw)
    assert {problem.code for problem in problems} == {code}
    for problem in problems:
        assert str(problem).isprintable()
        assert len(str(problem)) < 500


def test_all_problems_of_an_object_are_named_at_once():
    raw = {**CELL, "edge_0_2": "conv", "edge_9_9": "none"}
    del raw["edge_1_2"]
    found = [(problem.code, problem.dimension, problem.value) for problem in problems_of(raw)]
    assert found == [
        ("missing-dimension", "edge_1_2", ""),
        ("unknown-dimension", "'edge_9_9'", "'none'"),
        ("unknown-option", "edge_0_2", "'conv'"),
    ]


def test_all_problems_of_a_published_string_are_named_at_once():
    found = [
        (problem.code, problem.dimension, problem.value)
        for problem in problems_of("|none~1|+|conv~0|none~1|+|none~0|none~1|pool~2|")
    ]
    assert found == [
        ("bad-encoding", "edge_0_1", "'none~1'"),
        ("unknown-option", "edge_0_2", "'conv'"),
        ("unknown-option", "edge_2_3", "'pool'"),
    ]


def test_a_wrong_source_is_answered_with_the_right_one():
    (problem,) = problems_of("|none~0|+|none~0|none~0|+|none~0|none~1|none~2|")
    assert (problem.dimension, problem.allowed[0]) == ("edge_1_2", "none~1")


def test_an_unknown_option_is_answered_with_the_options():
    (problem,) = problems_of({**CELL, "edge_1_3": "max_pool_3x3"})
    assert problem.allowed == SPACE.dimensions[4].names


def test_deep_nesting_is_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert problems_of(deep)[0].code == "wrong-length"
    assert problems_of({**CELL, "edge_0_1": deep})[0].code == "unknown-option"


@examples(300)
@given(json_values)
def test_any_json_value_is_a_cell_or_an_invalid_architecture(raw):
    result = read(raw)
    if isinstance(result, InvalidArchitecture):
        assert result.problems
        assert str(result).isprintable()
    else:
        assert SPACE.parse(SPACE.to_dict(result)) == result


@given(st.data())
def test_a_published_string_with_one_character_changed_is_refused_or_another_cell(data):
    text = SPACE.genotype(SPACE.sample(random.Random(data.draw(st.integers(0, 10**6)))))
    place = data.draw(st.integers(0, len(text) - 1))
    broken = text[:place] + data.draw(st.characters(codec=None)) + text[place + 1 :]
    result = read(broken)
    assert isinstance(result, InvalidArchitecture) or SPACE.genotype(result) == broken


def test_huge_input_is_refused_without_reading_all_of_it():
    huge = ["|none~0|" * 10_000_000, ["none"] * 10_000_000]
    start = time.process_time()
    for raw in huge:
        problems_of(raw)
    assert time.process_time() - start < 0.1
