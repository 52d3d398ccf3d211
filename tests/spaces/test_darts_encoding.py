"""The published encodings of DARTS: read in every form, written back, and refused with a reason."""

import json
import random
from collections import namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navarch.spaces import InvalidArchitecture, get_space

SPACE = get_space("darts")
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
    "normal_concat=range(2, 6), "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), "
    "('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
    "reduce_concat=range(2, 6))"
)
CODE = "0c1c0c1c1c0s0s2d0m1m2s1m0m2s2s1m"
ARCH = SPACE.parse(CODE)
architectures = st.builds(random.Random, st.integers(0, 2**32)).map(SPACE.sample)


def plain(arch):
    """Return the genotype as the object of the ground truth."""
    edges = [
        [operation, int(source)]
        for source, operation in zip(arch.values[::2], arch.values[1::2], strict=True)
    ]
    concat = [2, 3, 4, 5]
    return {
        "normal": edges[:8],
        "normal_concat": concat,
        "reduce": edges[8:],
        "reduce_concat": list(concat),
    }


def changed(path, value):
    """Return DARTS_V2 as an object with one thing changed."""
    data = plain(ARCH)
    *inner, last = path
    place = data
    for key in inner:
        place = place[key]
    place[last] = value
    return data


def problems_of(raw):
    with pytest.raises(InvalidArchitecture) as caught:
        SPACE.parse(raw)
    return caught.value.problems


def test_the_published_text_is_read_and_written():
    assert SPACE.parse(DARTS_V2) == ARCH
    assert SPACE.genotype(ARCH) == DARTS_V2
    assert SPACE.code(ARCH) == CODE


@given(architectures)
def test_every_encoding_of_an_architecture_is_read_back(arch):
    data = plain(arch)
    published = namedtuple("published", data)(**data)
    for raw in (
        SPACE.genotype(arch),
        data,
        json.dumps(data),
        json.dumps(data, indent=2),
        published,
        json.dumps(list(data.values())),
        SPACE.to_dict(arch),
        SPACE.code(arch),
        list(arch.values),
    ):
        assert SPACE.parse(raw) == arch


@pytest.mark.parametrize(
    "text",
    [
        f"DARTS_V2 = {DARTS_V2}",
        f"\n  {DARTS_V2}  \n",
        DARTS_V2.replace("'", '"'),
        DARTS_V2.replace(" ", ""),
        DARTS_V2.replace(", ", ",\n    ").replace("(", "( ").replace(")", ",)").replace(" 6,)", " 6)"),
        DARTS_V2.replace("range(2, 6)", "[2, 3, 4, 5]"),
        DARTS_V2.replace("range(2, 6)", "(2, 3, 4, 5)"),
        DARTS_V2.replace("('", "['").replace("),", "],").replace(")]", "]]").replace("6],", "6),"),
        DARTS_V2.replace("normal_concat=range(2, 6), ", "").replace(", reduce_concat=range(2, 6)", ""),
    ],
)
def test_the_text_may_be_written_in_other_ways(text):
    assert SPACE.parse(text) == ARCH


@pytest.mark.parametrize("concat", [[2, 3, 4, 5], (2, 3, 4, 5), range(2, 6), "range(2, 6)", " range( 2,6 ) "])
def test_the_output_may_be_a_list_a_tuple_or_a_range(concat):
    assert SPACE.parse({**plain(ARCH), "normal_concat": concat, "reduce_concat": concat}) == ARCH


@pytest.mark.parametrize(
    ("path", "value", "code", "dimension", "shown"),
    [
        (("normal", 0, 1), 2, "unknown-option", "normal_2_a_source", "2"),
        (("normal", 3, 1), 3, "unknown-option", "normal_3_b_source", "3"),
        (("reduce", 7, 1), 5, "unknown-option", "reduce_5_b_source", "5"),
        (("reduce", 7, 1), -1, "unknown-option", "reduce_5_b_source", "-1"),
        (("normal", 0, 1), True, "unknown-option", "normal_2_a_source", "True"),
        (("normal", 0, 1), 0.0, "unknown-option", "normal_2_a_source", "0.0"),
        (("normal", 0, 1), float("nan"), "unknown-option", "normal_2_a_source", "nan"),
        (
            ("normal", 0, 1),
            10**1000,
            "unknown-option",
            "normal_2_a_source",
            "an integer of 3322 bits",
        ),
        (("normal", 0, 1), [0], "unknown-option", "normal_2_a_source", "a list of 1 items"),
        (("normal", 1, 1), 0, "equal-options", "normal_2_b_source", "'0'"),
        (("reduce", 3, 1), 2, "equal-options", "reduce_3_b_source", "'2'"),
        (("normal", 0, 0), "none", "unknown-option", "normal_2_a_op", "'none'"),
        (("reduce", 5, 0), "sep_conv_7x7", "unknown-option", "reduce_4_b_op", "'sep_conv_7x7'"),
        (("reduce", 5, 0), "c", "unknown-option", "reduce_4_b_op", "'c'"),
        (("reduce", 5, 0), "\ud800", "unknown-option", "reduce_4_b_op", r"'\ud800'"),
        (("reduce", 5, 0), None, "unknown-option", "reduce_4_b_op", "None"),
        (("reduce", 5), ["skip_connect"], "bad-encoding", "reduce_4_b_op", "a list of 1 items"),
        (("reduce", 5), "skip_connect", "bad-encoding", "reduce_4_b_op", "'skip_connect'"),
        (("normal",), [], "wrong-length", "normal", "a list of 0 items"),
        (("normal",), [["skip_connect", 0]] * 10, "wrong-length", "normal", "a list of 10 items"),
        (("normal",), "many", "bad-encoding", "normal", "'many'"),
        (("normal",), {"a": 1}, "bad-encoding", "normal", "an object with 1 members"),
        (("normal_concat",), [4, 5, 6], "bad-encoding", "normal_concat", "[4, 5, 6]"),
        (("normal_concat",), [5, 4, 3, 2], "bad-encoding", "normal_concat", "[5, 4, 3, 2]"),
        (
            ("normal_concat",),
            [2.0, 3.0, 4.0, 5.0],
            "bad-encoding",
            "normal_concat",
            "[2.0, 3.0, 4.0, 5.0]",
        ),
        (("normal_concat",), None, "bad-encoding", "normal_concat", "None"),
        (("reduce_concat",), range(2, 7), "bad-encoding", "reduce_concat", "range(2, 7)"),
        (
            ("reduce_concat",),
            range(2, 10**999),
            "bad-encoding",
            "reduce_concat",
            "range(2, an integer of 3319 bits)",
        ),
        (("reduce_concat",), "range(2, 7)", "bad-encoding", "reduce_concat", "'range(2, 7)'"),
        (("concat",), [2], "unknown-dimension", "'concat'", "a list of 1 items"),
    ],
)
def test_a_wrong_genotype_is_refused_where_it_is_wrong(path, value, code, dimension, shown):
    (problem,) = problems_of(changed(path, value))
    assert (problem.code, problem.dimension, problem.value) == (code, dimension, shown)
    assert problem.allowed


def test_every_problem_of_a_genotype_is_reported_at_once():
    data = changed(("normal", 0), ["none", 7])
    data["reduce"][2] = ["skip_connect", "2"]
    data["reduce_concat"] = [3, 4]
    del data["normal_concat"]
    assert [(problem.code, problem.dimension) for problem in problems_of(data)] == [
        ("unknown-option", "normal_2_a_source"),
        ("unknown-option", "normal_2_a_op"),
        ("unknown-option", "reduce_3_a_source"),
        ("bad-encoding", "reduce_concat"),
    ]


def test_a_missing_cell_is_reported():
    data = plain(ARCH)
    del data["reduce"]
    (problem,) = problems_of(data)
    assert (problem.code, problem.dimension) == ("missing-dimension", "reduce")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Genotype", "'('"),
        ("Genotype(", "a name"),
        ("Genotype([('skip_connect', 0)])", "a name"),
        ("Genotype(normal=[('skip_connect', 0)]", "')'"),
        ("Genotype(normal=[('skip_connect' 0)])", "')'"),
        ("Genotype(normal=[('skip_connect', 0))", "']'"),
        ("Genotype(normal=[('skip_connect', 0)]) or 1", "nothing more"),
        ("Genotype(normal=[[[0]]])", "a list of pairs"),
        ("Genotype(normal=open('x'))", "a list of pairs"),
        ("Genotype(normal=[], normal=[])", "only once"),
        ("Genotype(normal=range(2))", "','"),
        ("Genotype(normal=range(2, x))", "a whole number"),
        ("Genotype(normal=range(2, 6, 1))", "')'"),
        ("Genotype(normal=__import__)", "a list of pairs"),
        ("Genotype(normal='a)", "names, whole numbers"),
        ("Genotype(normal=1.5)", "names, whole numbers"),
        ("Genotype(normal=" + "9" * 400 + ")", "')'"),
        ("other(Genotype)", "Genotype("),
        ('{"normal": [', "valid JSON"),
        ("[" * 4000, "valid JSON"),
        ('{"normal": ' + "9" * 4000 + "}", "8 pairs"),
    ],
)
def test_a_text_that_is_no_genotype_is_refused_with_what_was_expected(text, expected):
    assert expected in str(problems_of(text)[0])


def test_a_long_list_costs_no_work():
    (problem,) = problems_of({"normal": [["skip_connect", 0]] * 10**6, "reduce": plain(ARCH)["reduce"]})
    assert problem.code == "wrong-length"


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(SPACE.names),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(["normal", "normal_concat", "reduce", "reduce_concat", "x"]), json_like)
    | st.lists(json_like, min_size=4, max_size=4)
)
def test_no_plain_data_raises_another_error(raw):
    for given_raw in (raw, json.dumps(raw)):
        with pytest.raises(InvalidArchitecture):
            SPACE.parse(given_raw)


@given(st.integers(0, len(DARTS_V2)), st.integers(0, 9), st.text(max_size=4))
def test_no_damage_to_a_text_raises_another_error(start, length, patch):
    text = DARTS_V2[:start] + patch + DARTS_V2[start + length :]
    try:
        arch = SPACE.parse(text)
    except InvalidArchitecture:
        assert all(str(problem).isprintable() for problem in problems_of(text))
    else:
        assert SPACE.parse(SPACE.genotype(arch)) == arch
