"""SPOS: published costs, the exact spread of costs, and the published encodings both ways."""

import json
from collections import Counter
from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.spaces import Cost, InvalidArchitecture, get_space

SPACE = get_space("spos-shufflenetv2")
PATH = "21012020202300003233"  # the best of the reference code
TUPLE = "(2, 1, 0, 1, 2, 0, 2, 0, 2, 0, 2, 3, 0, 0, 0, 0, 3, 2, 3, 3)"
FACTS = {
    PATH: Cost(3_558_464, 322_918_720),
    "0" * 20: Cost(3_154_880, 295_842_496),
    "1" * 20: Cost(3_211_968, 313_654_976),
    "2" * 20: Cost(3_297_600, 340_373_696),
    "3" * 20: Cost(3_870_816, 358_825_920),
}
paths = st.text(alphabet="0123", min_size=20, max_size=20).map(SPACE.parse)


def read(text):
    """Return the architecture, or the InvalidArchitecture; any other exception is the test's failure."""
    try:
        return SPACE.parse(text)
    except InvalidArchitecture as error:
        return error


def problems_of(raw):
    with pytest.raises(InvalidArchitecture) as caught:
        SPACE.parse(raw)
    return caught.value.problems


def costs_by_block():
    """Return the MACs that each operation adds to a chain of shuffle_3x3, block by block."""
    base = SPACE.cost(SPACE.parse("0" * 20), classes=1000).macs
    for i in range(20):
        edits = (SPACE.parse("0" * i + digit + "0" * (19 - i)) for digit in "0123")
        yield [SPACE.cost(edit, classes=1000).macs - base for edit in edits]


# --- Facts ---


def test_there_are_4_to_the_20_architectures_of_which_no_two_are_equal():
    assert SPACE.size == 4**20 == 1_099_511_627_776
    assert SPACE.canonical(SPACE.parse(PATH)) == SPACE.parse(PATH)


@pytest.mark.parametrize("code", FACTS)
def test_the_published_costs_are_met_exactly(code):
    assert SPACE.cost(SPACE.parse(code), classes=1000) == FACTS[code]


def test_every_ground_truth_record_is_met_exactly(shared_file):
    records = json.loads(shared_file("ground_truth/spos_shufflenetv2.json").read_text())["architectures"]
    assert records
    for record in records:
        cost = SPACE.cost(
            SPACE.parse(record["encoding"]), classes=record["num_classes"], resolution=record["input"][2]
        )
        assert cost == Cost(record["params"], record["macs"])


def test_the_exact_spread_of_the_costs_is_as_published():
    """Add up block by block how many of the 4^20 architectures have which cost."""
    base, rows = FACTS["0" * 20].macs, list(costs_by_block())
    unit = gcd(*(extra for row in rows for extra in row))
    ways = Counter({0: 1})
    for row in rows:
        longer = Counter()
        for extra in row:
            for known, count in ways.items():
                longer[known + extra // unit] += count
        ways = longer
    assert ways.total() == SPACE.size

    def share_within(macs):
        return sum(n for extra, n in ways.items() if base + extra * unit <= macs) / SPACE.size

    for share, published in ((0.05, 307e6), (0.5, 327e6), (0.95, 346e6)):
        assert share_within(published - 0.5e6) < share < share_within(published + 0.5e6)
    assert share_within(330e6) == pytest.approx(
        0.595, abs=0.01
    )  # exactly 0.5892; the published share is sampled


@given(paths)
def test_the_cost_is_the_sum_over_the_blocks(path):
    base = SPACE.cost(SPACE.parse("0" * 20), classes=10)
    total = base
    for i, digit in enumerate(SPACE.code(path)):
        alone = SPACE.cost(SPACE.parse("0" * i + digit + "0" * (19 - i)), classes=10)
        total += Cost(alone.params - base.params, alone.macs - base.macs)
    assert SPACE.cost(path, classes=10) == total


def test_the_rules_on_cost_that_a_model_reads_are_true():
    firsts = {0, 4, 8, 16}
    for i, (k3, k5, k7, xception) in enumerate(costs_by_block()):
        assert k3 < k5 < k7
        assert (xception < k3) if i in firsts else (xception > k7)


# --- Encodings ---


@pytest.mark.parametrize(
    "raw",
    [
        PATH,
        TUPLE,
        TUPLE.replace(" ", ""),
        f"  {TUPLE}\n",
        "[" + TUPLE[1:-1] + "]",
        TUPLE[1:-1],
        [int(digit) for digit in PATH],
        tuple(int(digit) for digit in PATH),
        list(PATH),
    ],
)
def test_every_published_form_is_read(raw):
    assert SPACE.code(SPACE.parse(raw)) == PATH


def test_the_published_form_is_a_tuple():
    assert SPACE.genotype(SPACE.parse(PATH)) == TUPLE


@given(paths)
def test_every_encoding_comes_back_to_the_same_architecture(path):
    digits = [int(digit) for digit in SPACE.code(path)]
    for encoding in (
        SPACE.to_dict(path),
        list(path.values),
        SPACE.code(path),
        SPACE.genotype(path),
        digits,
        json.dumps(digits),
        str(tuple(digits)),
    ):
        assert SPACE.parse(encoding) == path


@pytest.mark.parametrize(
    ("raw", "code", "dimension", "value"),
    [
        (TUPLE.replace("3)", "4)"), "unknown-option", "block_20", "'4'"),
        (TUPLE.replace("(2", "(-2"), "unknown-option", "block_1", "'-2'"),
        (TUPLE.replace("(2, 1", "(2, 1.0"), "unknown-option", "block_2", "'1.0'"),
        (TUPLE.replace("(2, 1", "(2, "), "unknown-option", "block_2", "''"),
        (TUPLE.replace("(2, 1", "(2, \u0661"), "unknown-option", "block_2", "'\u0661'"),
        ([4, *[0] * 19], "unknown-option", "block_1", "4"),
        ([*[0] * 19, 10**9], "unknown-option", "block_20", "1000000000"),
        ([*[0] * 19, 10**6000], "unknown-option", "block_20", "an integer of 19932 bits"),
        ([*[0] * 19, 1.0], "unknown-option", "block_20", "1.0"),
        ([*[0] * 19, True], "unknown-option", "block_20", "True"),
        ([*[0] * 19, [0]], "unknown-option", "block_20", "a list of 1 items"),
        ("(2, 1)", "wrong-length", "", "'(2, 1)'"),
        ("()", "wrong-length", "", "'()'"),
        ("(", "bad-encoding", "", "'('"),
        ("(2, 1, 0]", "bad-encoding", "", "'(2, 1, 0]'"),
        ([0] * 21, "wrong-length", "", "a list of 21 items"),
        ("0" * 19, "wrong-length", "", repr("0" * 19)),
        ("", "wrong-length", "", "''"),
    ],
)
def test_what_is_wrong_is_answered_with_a_reason(raw, code, dimension, value):
    (problem,) = problems_of(raw)
    assert (problem.code, problem.dimension, problem.value) == (code, dimension, value)
    assert problem.allowed


def test_every_wrong_digit_is_named():
    found = problems_of(", ".join("0123456789" * 2))
    assert [problem.dimension for problem in found] == [
        f"block_{i}" for i in range(1, 21) if (i - 1) % 10 > 3
    ]
    assert found[0].allowed == ("0", "1", "2", "3")


@given(
    st.text(alphabet="0123,()[] 4", max_size=80) | st.text(alphabet=st.characters(codec=None), max_size=80)
)
def test_any_text_is_an_architecture_or_an_invalid_one(text):
    result = read(text)
    if isinstance(result, InvalidArchitecture):
        assert result.problems
        assert str(result).isprintable()
    else:
        assert SPACE.code(result) == "".join(character for character in text if character in "0123")


def test_an_architecture_has_60_neighbours():
    assert len(set(SPACE.neighbours(SPACE.parse(PATH)))) == 60


def test_what_a_model_reads_names_no_paper():
    seen = (json.dumps(SPACE.describe()) + json.dumps(SPACE.json_schema())).lower()
    assert not [
        word for word in ("spos", "shufflenet", "single path", "imagenet", SPACE.title) if word in seen
    ]


def test_the_drawing_has_a_row_for_every_block():
    (table,) = SPACE.sketch(SPACE.parse(PATH))
    assert len(table.rows) == 22
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert table.rows[0] == ("stem", "-", "conv_3x3", "3x3", "2", "16", "112x112")
    assert table.rows[12] == ("block_12", "3", "xception", "3x3", "1", "320", "14x14")
    assert table.rows[17] == ("block_17", "4", "xception", "3x3", "2", "640", "7x7")
    assert table.rows[21] == ("head", "-", "conv_1x1", "1x1", "1", "1024", "7x7")
