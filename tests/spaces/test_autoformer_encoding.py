"""The encodings in which AutoFormer's subnets are published: every good form, and every bad one with its reason."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.spaces import InvalidArchitecture, get_space
from navarch.spaces.problems import shorten

NAMES = ("autoformer-tiny", "autoformer-small", "autoformer-base", "autoformer-tiny-r3")
TINY, SMALL, BASE, R3 = SPACES = tuple(get_space(name) for name in NAMES)
OF_LETTER = {"T": R3, "S": SMALL, "B": BASE}
SUBNET = {"depth": 12, "mlp_ratio": [3.5, 4] * 6, "num_heads": [3, 4, 4] * 4, "embed_dim": 216}
FLAT = [12, *SUBNET["mlp_ratio"], *SUBNET["num_heads"], 216]
CODE = "m2" + "h344h443h444" * 2 + "----"

archs = st.sampled_from(SPACES).flatmap(
    lambda space: st.integers(0, 10**6).map(lambda seed: (space, space.sample(random.Random(seed))))
)


def read(raw):
    """Return the subnet, or the InvalidArchitecture; any other exception is the test's failure."""
    try:
        return TINY.parse(raw)
    except InvalidArchitecture as error:
        return error


def problems_of(raw, space=TINY):
    with pytest.raises(InvalidArchitecture) as caught:
        space.parse(raw)
    return caught.value.problems


@pytest.fixture
def records(shared_file):
    return json.loads(shared_file("ground_truth/autoformer.json").read_text())["architectures"]


@pytest.mark.parametrize(
    "raw",
    [
        SUBNET,
        {**SUBNET, "space": "T"},
        {**SUBNET, "embed_dim": [216] * 12},
        {**SUBNET, "depth": 12.0, "mlp_ratio": [3.5, 4.0] * 6},
        {**SUBNET, "depth": "12", "mlp_ratio": ["3.5", "4"] * 6, "num_heads": tuple(SUBNET["num_heads"])},
        FLAT,
        tuple(FLAT),
        json.dumps(SUBNET, indent=2),
        str(FLAT),
        f" {tuple(FLAT)}\n",
        CODE,
        list(CODE),
        [216, 12, *(str(x) for pair in zip(*(FLAT[1:13], FLAT[13:25]), strict=True) for x in pair), *"----"],
    ],
    ids=[
        "dictionary",
        "with its letter",
        "a width per block",
        "floats",
        "option names",
        "flat list",
        "flat tuple",
        "JSON",
        "JSON list",
        "tuple as text",
        "code",
        "list of codes",
        "list of options that starts with a number",
    ],
)
def test_every_form_of_a_subnet_is_read(raw):
    arch = TINY.parse(raw)
    assert TINY.code(arch) == CODE
    assert json.loads(TINY.genotype(arch)) == SUBNET


@given(archs)
def test_every_encoding_comes_back_to_the_same_subnet(drawn):
    space, arch = drawn
    text = space.genotype(arch)
    published = json.loads(text)
    depth = published["depth"]
    flat = (depth, *published["mlp_ratio"], *published["num_heads"], published["embed_dim"])
    for encoding in (
        text,
        published,
        flat,
        str(flat),
        space.to_dict(arch),
        list(arch.values),
        space.code(arch),
    ):
        assert space.parse(encoding) == arch


def test_the_written_encoding_is_compact_json_with_numbers():
    text = TINY.genotype(TINY.parse(SUBNET))
    assert text.startswith('{"depth":12,"mlp_ratio":[3.5,4,3.5,')
    assert text.endswith('],"embed_dim":216}')


def test_every_ground_truth_record_comes_back_from_its_own_encoding(records):
    for record in records:
        space, published = OF_LETTER[record["encoding"]["space"]], dict(record["encoding"])
        arch = space.parse(published)
        del published["space"]
        assert json.loads(space.genotype(arch)) == published
        assert space.parse(space.genotype(arch)) == space.parse(published) == arch


def test_the_published_tiny_subnet_lies_outside_of_the_tiny_space(records):
    (published,) = (record["encoding"] for record in records if record["name"] == "published_T")
    problems = problems_of(published)
    assert {problem.code for problem in problems} == {"unknown-option"}
    assert [problem.dimension for problem in problems] == ["mlp_ratio_3", "mlp_ratio_5", "mlp_ratio_6"]
    assert {(problem.value, problem.allowed) for problem in problems} == {("3.0", ("3.5", "4"))}
    assert R3.parse(published)
    assert R3.name in TINY.siblings


@pytest.mark.parametrize(
    ("space", "letter", "sentence"),
    [
        (TINY, "S", "expected 'T' in autoformer-tiny, because 'S' belongs to autoformer-small"),
        (SMALL, "T", "expected 'S' in autoformer-small, because 'T' belongs to autoformer-tiny"),
        (R3, "B", "expected 'T' in autoformer-tiny-r3, because 'B' belongs to autoformer-base"),
        (TINY, "t", "'t' does not follow the encoding in dimension space: expected 'T' in autoformer-tiny"),
        (BASE, None, "None does not follow the encoding in dimension space: expected 'B' in autoformer-base"),
        (BASE, [[]], "expected 'B' in autoformer-base"),
    ],
)
def test_a_letter_of_another_space_is_answered_with_the_right_space(space, letter, sentence):
    problem = problems_of({**SUBNET, "space": letter}, space)[0]
    assert (problem.code, problem.dimension) == ("bad-encoding", "space")
    assert str(problem).endswith(sentence)


DEEP = json.loads("[" * 500 + "]" * 500)


@pytest.mark.parametrize(
    ("raw", "code", "dimension"),
    [
        ({**SUBNET, "depth": 13}, "wrong-length", "mlp_ratio"),
        ({**SUBNET, "mlp_ratio": [4] * 11}, "wrong-length", "mlp_ratio"),
        ({**SUBNET, "mlp_ratio": [4] * 1_000_000}, "wrong-length", "mlp_ratio"),
        ({**SUBNET, "num_heads": []}, "wrong-length", "num_heads"),
        ({**SUBNET, "num_heads": [3] * 14}, "wrong-length", "num_heads"),
        ({**SUBNET, "num_heads": 3}, "bad-encoding", "num_heads"),
        ({**SUBNET, "mlp_ratio": "4" * 12}, "bad-encoding", "mlp_ratio"),
        ({**SUBNET, "mlp_ratio": None}, "bad-encoding", "mlp_ratio"),
        ({**SUBNET, "mlp_ratio": {"1": 4}}, "bad-encoding", "mlp_ratio"),
        ({**SUBNET, "embed_dim": []}, "bad-encoding", "embed_dim"),
        ({**SUBNET, "embed_dim": [216] * 11}, "bad-encoding", "embed_dim"),
        ({**SUBNET, "embed_dim": [216] * 11 + [192]}, "bad-encoding", "embed_dim"),
        ({**SUBNET, "embed_dim": [DEEP] * 12}, "unknown-option", "embed_dim"),
        ({**SUBNET, "embed_dim": 10**9}, "unknown-option", "embed_dim"),
        ({**SUBNET, "embed_dim": 10**6000}, "unknown-option", "embed_dim"),
        ({**SUBNET, "embed_dim": 320}, "unknown-option", "embed_dim"),
        ({**SUBNET, "embed_dim": True}, "unknown-option", "embed_dim"),
        ({**SUBNET, "depth": 15}, "unknown-option", "depth"),
        ({**SUBNET, "depth": float("nan")}, "unknown-option", "depth"),
        ({**SUBNET, "depth": [12]}, "unknown-option", "depth"),
        ({**SUBNET, "mlp_ratio": [3.5, 4.5] + [4] * 10}, "unknown-option", "mlp_ratio_2"),
        ({**SUBNET, "mlp_ratio": [float("inf")] + [4] * 11}, "unknown-option", "mlp_ratio_1"),
        ({**SUBNET, "num_heads": [3] * 11 + [5]}, "unknown-option", "heads_12"),
        ({**SUBNET, "num_heads": [3] * 11 + [DEEP]}, "unknown-option", "heads_12"),
        ({**SUBNET, "num_heads": [3] * 11 + ["\ud800"]}, "unknown-option", "heads_12"),
        ({key: SUBNET[key] for key in ("depth", "mlp_ratio", "embed_dim")}, "missing-dimension", "num_heads"),
        ({key: SUBNET[key] for key in ("mlp_ratio", "num_heads", "embed_dim")}, "missing-dimension", "depth"),
        ({**SUBNET, "drop_path": 0.1}, "unknown-dimension", "'drop_path'"),
        ({**SUBNET, 7: 0.1}, "unknown-dimension", "7"),
        ({**SUBNET, **{str(i): i for i in range(10_000)}}, "wrong-length", ""),
        (FLAT[:-1], "wrong-length", ""),
        ([*FLAT, 216], "wrong-length", ""),
        ([13, *FLAT[1:]], "wrong-length", ""),
        ([14] * 1_000_000, "wrong-length", ""),
        ([11, *FLAT[1:]], "unknown-option", "depth"),
        ([float("nan")], "unknown-option", "depth"),
        ([*FLAT[:-1], 217], "unknown-option", "embed_dim"),
        ([12, DEEP, *FLAT[2:]], "unknown-option", "mlp_ratio_1"),
        ("{", "bad-encoding", ""),
        ("(", "bad-encoding", ""),
        ("(12, 3.5", "bad-encoding", ""),
        ("[" * 4_000, "bad-encoding", ""),
        ("{'depth': 12}", "bad-encoding", ""),
        (f'{{"mlp_ratio": {"9" * 4_070}', "bad-encoding", ""),
        (json.dumps(SUBNET) * 100, "wrong-length", ""),
        (CODE[:-1], "wrong-length", ""),
        (CODE[:-1] + "3", "inactive-dimension", "heads_14"),
        (CODE[:1] + "4" + CODE[2:], "missing-dimension", "mlp_ratio_13"),
        (CODE[:1] + "5" + CODE[2:], "unknown-option", "depth"),
    ],
    ids=lambda value: shorten(value)[:40],
)
def test_what_is_no_subnet_is_refused_with_its_reason(raw, code, dimension):
    problems = problems_of(raw)
    assert (problems[0].code, problems[0].dimension) == (code, dimension)
    for problem in problems:
        assert str(problem).isprintable()
        assert len(str(problem)) < 500


def test_all_problems_of_a_dictionary_are_named_at_once():
    raw = {"space": "S", "depth": 12, "mlp_ratio": [9] + [4] * 11, "num_heads": [3], "extra": 1}
    found = [(problem.code, problem.dimension, problem.value) for problem in problems_of(raw)]
    assert found == [
        ("unknown-dimension", "'extra'", "1"),
        ("bad-encoding", "space", "'S'"),
        ("unknown-option", "mlp_ratio_1", "9"),
        ("wrong-length", "num_heads", "a list of 1 items"),
        ("missing-dimension", "embed_dim", ""),
    ]


def test_a_wrong_length_says_which_list_and_how_long_it_should_be():
    (problem,) = problems_of({**SUBNET, "num_heads": [3] * 5})
    assert (
        str(problem)
        == "a list of 5 items has the wrong length: expected 12 numbers, one per block in num_heads"
    )
    (problem,) = problems_of(FLAT[:-1])
    assert problem.allowed == ("26 numbers: depth 12, 12 MLP ratios, 12 numbers of heads, embed_dim",)


numbers = st.integers() | st.floats() | st.sampled_from([3, 3.5, 4, 12, 13, 192, 216, True, "3.5", None])
json_values = st.recursive(
    numbers
    | st.text(alphabet=st.characters(codec=None))
    | st.text(alphabet="[({})], 1234.5eNn", max_size=60),
    lambda inner: (
        st.lists(inner, max_size=30)
        | st.dictionaries(st.sampled_from(["space", *SUBNET, "heads_1"]), inner, max_size=6)
    ),
    max_leaves=30,
)
near_misses = st.fixed_dictionaries(
    {},
    optional={
        "space": st.sampled_from("TSB") | json_values,
        "depth": st.sampled_from([12, 13, 14]) | json_values,
        "mlp_ratio": st.lists(numbers, min_size=11, max_size=14) | json_values,
        "num_heads": st.lists(st.sampled_from([3, 4]), min_size=12, max_size=13) | json_values,
        "embed_dim": st.sampled_from([192, 216]) | json_values,
    },
)


@given(json_values | near_misses)
def test_any_json_value_is_a_subnet_or_an_invalid_architecture(raw):
    result = read(raw)
    if isinstance(result, InvalidArchitecture):
        assert result.problems
        assert str(result).isprintable()
    else:
        assert TINY.parse(TINY.genotype(result)) == result
