"""Once-for-All's own encoding: every form is read, every mistake is named, and nothing else ever happens."""

import copy
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from navarch.spaces import InvalidArchitecture, get_space

NARROW, WIDE = get_space("ofa-mobilenetv3"), get_space("ofa-mobilenetv3-w1.2")
both = pytest.mark.parametrize("space", [NARROW, WIDE], ids=lambda space: space.name)
KEYS = ("ks", "e", "d", "r", "image_size", "width_mult", "w", "wid", "mid", "out", "stride", "act", "se")
FLAT = {
    "ks": [3, 5, 7, 3, 5, 5, 5, 5, 7, 3, 3, 5, 3, 7, 0, 0, 5, 3, 7, 7],
    "e": [3, 4, 6, 3, 4, 4, 4, 4, 6, 3, 3, 6, 4, 3, 0, 0, 6, 6, 4, 3],
    "d": [2, 4, 3, 2, 4],
}
NESTED = {
    "ks": [[3, 5], [5, 5, 5, 5], [7, 3, 3], [3, 7], [5, 3, 7, 7]],
    "e": [[3, 4], [4, 4, 4, 4], [6, 3, 3], [4, 3], [6, 6, 4, 3]],
    "d": [2, 4, 3, 2, 4],
}
# what a published record repeats of this architecture at width 1.0
REPEATED = {
    "mid": [[48, 96], [96, 160, 160, 160], [240, 240, 240], [320, 336], [672, 960, 640, 480]],
    "out": [24, 40, 80, 112, 160],
    "stride": [2, 2, 2, 1, 2],
    "act": ["relu", "relu", "h_swish", "h_swish", "h_swish"],
    "se": [False, True, False, True, True],
}
GENOTYPE = (
    '{"ks":[3,5,0,0,5,5,5,5,7,3,3,0,3,7,0,0,5,3,7,7],"e":[3,4,0,0,4,4,4,4,6,3,3,0,4,3,0,0,6,6,4,3],'
    '"d":[2,4,3,2,4],"r":224}'
)

archs = st.integers(0, 2**32).map(lambda seed: NARROW.sample(random.Random(seed)))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 2, 3, 4, 5, 6, 7, 160, 224, 3.0, 1.2, 10**400, -1])
    | st.floats()
    | st.text(alphabet=st.characters(codec=None), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=8)
        | st.lists(inner, min_size=5, max_size=5)
        | st.lists(inner, min_size=20, max_size=20)
        | st.dictionaries(st.text(max_size=4) | st.sampled_from(KEYS), inner, max_size=8)
    ),
    max_leaves=30,
)


def problems_of(raw, space=NARROW):
    with pytest.raises(InvalidArchitecture) as caught:
        space.parse(raw)
    return [(p.code, p.dimension, p.value) for p in caught.value.problems]


def message_of(raw, space=NARROW):
    with pytest.raises(InvalidArchitecture) as caught:
        space.parse(raw)
    return str(caught.value)


def changed(record, key, index, value):
    record = copy.deepcopy(record)
    record[key][index] = value
    return record


# --- Reading ---


@pytest.mark.parametrize(
    "record",
    [
        FLAT,
        NESTED,
        {**FLAT, "e": NESTED["e"]},
        {key: tuple(value) for key, value in FLAT.items()},
        {**FLAT, "r": 224},
        {**FLAT, "r": [224]},
        {**FLAT, "r": "224"},
        {**FLAT, "image_size": 224.0},
        {**FLAT, "wid": None, "r": [224]},
        {**NESTED, "width_mult": 1.0, "image_size": 224, **REPEATED},
        {**FLAT, "w": 1, "stride": [2, 2, 2, 1, 2]},
        json.dumps(FLAT),
        " \n" + json.dumps({**NESTED, "image_size": 224, **REPEATED}, indent=1),
        GENOTYPE,
    ],
)
def test_every_form_of_a_record_is_read(record):
    assert NARROW.genotype(NARROW.parse(record)) == GENOTYPE


@both
@pytest.mark.parametrize("resolution", [160, 176, 192, 208, 224])
def test_the_resolution_of_a_record_is_kept(space, resolution):
    for record in ({**FLAT, "r": resolution}, {**NESTED, "image_size": [resolution]}):
        arch = space.parse(record)
        assert space.to_dict(arch)["resolution"] == str(resolution)
        assert json.loads(space.genotype(arch))["r"] == resolution


@given(archs)
def test_every_encoding_comes_back_to_the_same_architecture(arch):
    genotype = NARROW.genotype(arch)
    record = json.loads(genotype)
    assert [len(record[key]) for key in ("ks", "e", "d")] == [20, 20, 5]
    for encoding in (genotype, record, NARROW.to_dict(arch), list(arch.values), NARROW.code(arch)):
        assert NARROW.parse(encoding) == arch
    assert NARROW.canonical(arch) == arch


@given(archs, st.integers(0, 2**32))
def test_what_stands_in_entries_that_are_not_in_use_is_dropped(arch, seed):
    rng = random.Random(seed)
    record = json.loads(NARROW.genotype(arch))
    for key, legal in (("ks", (0, 3, 5, 7)), ("e", (0, 3, 4, 6))):
        record[key] = [entry or rng.choice(legal) for entry in record[key]]
    other = NARROW.parse(record)
    assert other == arch
    assert NARROW.digest(other) == NARROW.digest(arch)


# --- Refusing ---


@pytest.mark.parametrize("image_size", [156, 220, 236, 260, 223.5, True, "x", [], [224, 224], None, 10**400])
def test_a_resolution_that_is_no_option_is_answered_with_the_options(image_size):
    for key in ("r", "image_size"):
        (problem,) = problems_of({**FLAT, key: image_size})
        assert problem[:2] == ("unknown-option", "resolution")
        assert "choose one of 160, 176, 192, 208, 224" in message_of({**FLAT, key: image_size})


@pytest.mark.parametrize("value", [0, 1, 2, 4, 9, -3, 3.5, True, None, "3x3", [3], {}, 10**400, float("nan")])
def test_an_option_that_is_not_offered_is_named_with_its_dimension(value):
    kernel = problems_of(changed(FLAT, "ks", 5, value))
    assert [problem[:2] for problem in kernel] == [("unknown-option", "kernel_2_2")]
    nested = copy.deepcopy(NESTED)
    nested["ks"][1][1] = value
    assert problems_of(nested) == kernel


def test_illegal_entries_that_are_not_in_use_are_refused_too():
    assert problems_of(changed(FLAT, "ks", 2, 9)) == [("unknown-option", "kernel_1_3", "9")]
    assert problems_of(changed(FLAT, "e", 15, 5)) == [("unknown-option", "expand_4_4", "5")]


def test_depths_are_named_with_their_stage():
    assert problems_of(changed(FLAT, "d", 3, 5)) == [("unknown-option", "depth_4", "5")]
    assert problems_of({**FLAT, "d": [1, 4, 3, 2, "x"]}) == [
        ("unknown-option", "depth_1", "1"),
        ("unknown-option", "depth_5", "'x'"),
    ]


def test_every_wrong_entry_is_named_at_once():
    record = {**FLAT, "ks": [9] * 20, "e": [9] * 20, "d": [9] * 5, "r": 9, "w": 9}
    assert len(problems_of(record)) == 20 + 20 + 5 + 1 + 1


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({**FLAT, "ks": FLAT["ks"][:19]}, ("wrong-length", "ks", "a list of 19 items")),
        ({**FLAT, "e": [*FLAT["e"], 3]}, ("wrong-length", "e", "a list of 21 items")),
        ({**FLAT, "d": [2] * 4}, ("wrong-length", "d", "a list of 4 items")),
        ({**FLAT, "d": 2}, ("bad-encoding", "d", "2")),
        ({**FLAT, "ks": "3" * 20}, ("bad-encoding", "ks", f"'{'3' * 20}'")),
        ({**FLAT, "e": {}}, ("bad-encoding", "e", "an object with 0 members")),
        ({**FLAT, "r": 224, "image_size": 224}, ("bad-encoding", "image_size", "224")),
        ({**FLAT, "wid": 0}, ("bad-encoding", "wid", "0")),
        ({**FLAT, "width": 1.0}, ("unknown-dimension", "'width'", "1.0")),
        (changed(NESTED, "ks", 0, [3, 5, 7]), ("wrong-length", "ks[0]", "a list of 3 items")),
        (changed(NESTED, "e", 4, [6, 6, 4]), ("wrong-length", "e[4]", "a list of 3 items")),
        (changed(NESTED, "e", 4, 6), ("bad-encoding", "e[4]", "6")),
        ('{"ks": [3', ("bad-encoding", "", "'{\"ks\": [3'")),
    ],
)
def test_a_malformed_record_is_refused_with_its_place(record, problem):
    assert problems_of(record) == [problem]


def test_missing_lists_are_asked_for():
    assert message_of({"ks": FLAT["ks"]}) == (
        "an object with 1 members does not follow the encoding: expected the list e as well; "
        "an object with 1 members does not follow the encoding: expected the list d as well"
    )


@pytest.mark.parametrize("key", ["width_mult", "w"])
def test_another_width_is_answered_with_the_space_that_has_it(key):
    assert message_of({**FLAT, key: 1.2}) == (
        f"1.2 does not follow the encoding in dimension {key}: expected 1 here, "
        "1.2 in the space ofa-mobilenetv3-w1.2"
    )
    assert message_of({**FLAT, key: 1}, WIDE).endswith("expected 1.2 here, 1 in the space ofa-mobilenetv3")
    assert WIDE.parse({**FLAT, key: 1.2}) == WIDE.parse(FLAT)
    for value in (True, None, "1.0", [1.0], 10**400, float("nan")):
        assert [problem[:2] for problem in problems_of({**FLAT, key: value})] == [("bad-encoding", key)]


@pytest.mark.parametrize(
    ("key", "value", "where", "expected"),
    [
        ("mid", changed(REPEATED, "mid", 3, [320, 320])["mid"], "mid[3][1]", "336"),
        ("mid", REPEATED["mid"][:4], "mid", "5 entries"),
        ("mid", [48, *REPEATED["mid"][1:]], "mid[0]", "a list of 2 entries"),
        ("out", [32, 40, 80, 112, 160], "out[0]", "24"),
        ("stride", [2, 2, 2, 2, 2], "stride[3]", "1"),
        ("stride", [2, 2, 2, True, 2], "stride[3]", "1"),
        ("act", ["relu"] * 2 + ["h_swish"] * 2 + ["relu"], "act[4]", '"h_swish"'),
        ("se", [False, True, False, True, False], "se[4]", "true"),
        ("se", [0, True, False, True, True], "se[0]", "false"),
        ("se", None, "se", "a list of 5 entries"),
    ],
)
def test_what_a_record_repeats_must_follow_from_the_rest(key, value, where, expected):
    record = {**NESTED, **REPEATED, key: value}
    (problem,) = problems_of(record)
    assert problem[1] == where
    assert f"expected {expected}" in message_of(record)


def test_a_record_of_the_wide_space_repeats_its_own_channels():
    assert problems_of({**NESTED, "out": REPEATED["out"]}, WIDE)
    assert WIDE.parse({**NESTED, "out": [32, 48, 96, 136, 192]}) == WIDE.parse(NESTED)


def test_blocks_that_are_not_in_use_must_be_left_out_of_the_plain_form():
    plain = NARROW.to_dict(NARROW.parse(FLAT))
    assert problems_of({**plain, "kernel_1_3": "3"}) == [("inactive-dimension", "kernel_1_3", "'3'")]
    assert problems_of({**plain, "kernel_2_4": "-"}) == [("missing-dimension", "kernel_2_4", "")]
    assert NARROW.parse({k: v for k, v in plain.items() if v != "-"}) == NARROW.parse(FLAT)


def test_deep_and_huge_records_are_refused():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for key in KEYS:
        assert problems_of({**FLAT, key: deep})
        assert problems_of({**FLAT, key: [0] * 100_000})
    assert problems_of({"ks": [], **{str(i): 0 for i in range(100_000)}})[0][0] == "wrong-length"
    assert problems_of('{"ks":' * 600)[0][0] == "bad-encoding"
    assert problems_of(GENOTYPE + " " * 10_000)[0][0] == "wrong-length"


def read(raw, take):
    """Return the architecture, or the InvalidArchitecture; any other exception is the test's failure."""
    try:
        return take(raw)
    except InvalidArchitecture as error:
        return error


def check(result):
    if isinstance(result, InvalidArchitecture):
        assert result.problems
        assert str(result).isprintable()


@settings(max_examples=60)
@given(json_values, st.sampled_from(KEYS))
def test_any_json_value_in_a_record_is_an_architecture_or_an_invalid_one(value, key):
    for raw in ({**FLAT, key: value}, {**NESTED, **REPEATED, key: value}, value, {key: value}):
        check(read(raw, NARROW.parse))
        check(read(raw, WIDE.read_with_resolution))


@given(st.data())
def test_a_genotype_with_one_character_changed_is_refused_or_another_architecture(data):
    text = NARROW.genotype(NARROW.sample(random.Random(data.draw(st.integers(0, 10**6)))))
    place = data.draw(st.integers(0, len(text) - 1))
    result = read(text[:place] + data.draw(st.characters(codec=None)) + text[place + 1 :], NARROW.parse)
    assert isinstance(result, InvalidArchitecture) or NARROW.parse(NARROW.genotype(result)) == result
