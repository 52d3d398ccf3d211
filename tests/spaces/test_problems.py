"""Problems: one clean sentence each, whatever the value was, and plain data both ways."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch import NavarchError
from navarch.spaces import InvalidArchitecture, Problem
from navarch.spaces.problems import shorten

SENTENCES = {
    Problem("not-an-object", "", "7", ("an object",)): "7 is not an architecture: give an object",
    Problem(
        "wrong-length", "", "'333'", ("6 characters",)
    ): "'333' has the wrong length: expected 6 characters",
    Problem("bad-encoding", "", "'x'", ("a~0",)): "'x' does not follow the encoding: expected a~0",
    Problem("bad-encoding", "edge", "'x'", ("a~0",)): (
        "'x' does not follow the encoding in dimension edge: expected a~0"
    ),
    Problem("missing-dimension", "edge", "", ("a", "b")): "dimension edge is missing: choose one of a, b",
    Problem("unknown-dimension", "'edge'", "'a'", ("x", "y")): (
        "there is no dimension 'edge': the dimensions are x, y"
    ),
    Problem(
        "unknown-option", "edge", "'c'", ("a", "b")
    ): "dimension edge does not offer 'c': choose one of a, b",
}


@pytest.mark.parametrize("problem", SENTENCES, ids=lambda problem: problem.code)
def test_a_problem_reads_as_one_sentence(problem):
    assert str(problem) == SENTENCES[problem]


@pytest.mark.parametrize("problem", SENTENCES, ids=lambda problem: problem.code)
def test_a_problem_survives_the_way_through_plain_data(problem):
    assert Problem.from_dict(problem.as_dict()) == problem


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"code": "no-such-code", "dimension": "", "value": "", "allowed": []},
        {"code": ["wrong-length"], "dimension": "", "value": "", "allowed": []},
        {"code": "wrong-length", "dimension": 1, "value": "", "allowed": []},
        {"code": "wrong-length", "dimension": "", "value": "", "allowed": "abc"},
    ],
)
def test_data_that_describe_no_problem_are_refused(data):
    with pytest.raises(NavarchError, match="the record of a problem"):
        Problem.from_dict(data)


def test_a_long_list_of_allowed_words_is_cut():
    sentence = str(Problem("unknown-option", "width", "'9'", tuple(str(i) for i in range(100))))
    assert sentence.endswith("8, 9, 10, 11 and 88 more")


def test_many_problems_are_counted_and_all_kept():
    error = InvalidArchitecture(list(SENTENCES))
    assert error.problems == tuple(SENTENCES)
    assert str(error).count("; ") == 3
    assert str(error).endswith("; and 4 more")


def test_the_error_can_be_copied_and_pickled():
    error = InvalidArchitecture(list(SENTENCES))
    assert copy.copy(error).problems == error.problems
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


@given(st.text() | st.text(alphabet=st.characters(codec=None)) | st.binary() | st.floats() | st.none())
def test_a_shown_value_is_printable_and_short(value):
    shown = shorten(value)
    assert shown.isprintable()
    assert len(shown) < 800
    shown.encode()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\0b\ud800\u202e", r"'a\x00b\ud800\u202e'"),
        ("x" * 61, f"'{'x' * 60}'... (61 characters)"),
        (10**9, "1000000000"),
        (-(10**9), "-1000000000"),
        (10**6000, "an integer of 19932 bits"),
        (True, "True"),
        (float("nan"), "nan"),
        ({"a": 1}, "an object with 1 members"),
        ([1, 2], "a list of 2 items"),
        (b"a", "a value of type bytes"),
    ],
    ids=lambda value: shorten(value)[:30],
)
def test_a_value_is_shown_in_words_that_a_reader_knows(value, shown):
    assert shorten(value) == shown
