"""NAS-Bench-Macro: every row of its table, its classes of equal chains, and its encodings."""

import csv
import gzip
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.spaces import Architecture, Cost, InvalidArchitecture, get_space
from navarch.spaces.nas_bench_macro.cost import cost_table

SPACE = get_space("nas-bench-macro")
chains = st.text(alphabet="012", min_size=8, max_size=8).map(SPACE.parse)


@pytest.fixture(scope="module")
def all_chains():
    names = SPACE.dimensions[0].names
    return [Architecture(SPACE.name, values) for values in itertools.product(names, repeat=8)]


@pytest.fixture
def table(shared_file):
    with gzip.open(shared_file("data/nasbench_macro.csv.gz"), "rt") as file:
        return list(csv.DictReader(file))


# --- Facts ---


def test_6561_chains_form_3969_classes(all_chains):
    assert SPACE.size == len(all_chains) == 6_561
    assert len({SPACE.canonical(chain) for chain in all_chains}) == 9 * 21 * 21 == 3_969
    assert len({SPACE.digest(chain) for chain in all_chains}) == 3_969


def test_every_row_of_the_table_is_met_exactly(table):
    assert len(table) == 6_561
    for row in table:
        chain = SPACE.parse(row["arch"])
        assert SPACE.genotype(chain) == SPACE.code(chain) == row["arch"]
        assert SPACE.cost(chain, classes=10) == Cost(int(row["params"]), int(row["flops"]))


def test_the_classes_are_those_that_share_a_result_in_the_table(table):
    """The benchmark trained equal chains once: its rows repeat within a class, and never across classes."""
    found = {
        (
            SPACE.digest(SPACE.parse(row["arch"])),
            tuple(row[key] for key in ("acc_s1", "acc_s2", "acc_s3", "params")),
        )
        for row in table
    }
    assert len(found) == len({digest for digest, _ in found}) == len({result for _, result in found}) == 3_969


def test_every_ground_truth_record_is_met_exactly(shared_file):
    records = json.loads(shared_file("ground_truth/nas_bench_macro.json").read_text())["architectures"]
    assert records
    for record in records:
        assert SPACE.cost(SPACE.parse(record["encoding"]), classes=10) == Cost(
            record["params"], record["macs"]
        )


@pytest.mark.parametrize(
    ("code", "cost"),
    [
        ("22212220", Cost(1_985_514, 85_164_544)),
        ("22212202", Cost(1_985_514, 85_164_544)),
        ("00000000", Cost(387_882, 7_713_280)),
        ("11111111", Cost(1_588_874, 53_246_464)),
        ("02012100", Cost(890_666, 47_327_744)),
    ],
)
def test_the_published_costs_are_met_exactly(code, cost):
    assert SPACE.cost(SPACE.parse(code), classes=10) == cost


# --- Equality ---


@pytest.mark.parametrize(
    ("code", "canonical"),
    [
        ("22212202", "22212220"),  # the two that share the best accuracy
        ("12101202", "12110220"),
        ("01000100", "01000100"),  # the first layer of a stage stays where it is
        ("10012021", "10012021"),  # a stage of two layers has only one that could move
        ("00000000", "00000000"),
    ],
)
def test_known_canonical_forms(code, canonical):
    assert SPACE.code(SPACE.canonical(SPACE.parse(code))) == canonical


@given(chains)
def test_the_canonical_form_is_its_own_canonical_form_and_costs_the_same(chain):
    canonical = SPACE.canonical(chain)
    assert SPACE.canonical(canonical) == canonical
    assert SPACE.digest(canonical) == SPACE.digest(chain)
    assert SPACE.cost(canonical, classes=10) == SPACE.cost(chain, classes=10)


# --- Encodings ---


@given(chains)
def test_every_encoding_comes_back_to_the_same_chain(chain):
    digits = [int(digit) for digit in SPACE.code(chain)]
    for encoding in (
        SPACE.to_dict(chain),
        list(chain.values),
        SPACE.code(chain),
        SPACE.genotype(chain),
        digits,
    ):
        assert SPACE.parse(encoding) == chain


@pytest.mark.parametrize(
    ("raw", "code", "dimension", "value"),
    [
        ("2221222", "wrong-length", "", "'2221222'"),
        ("222122200", "wrong-length", "", "'222122200'"),
        ("22212223", "unknown-option", "layer_8", "'3'"),
        (22212220, "not-an-object", "", "22212220"),
        ([*[0] * 7, 10**9], "unknown-option", "layer_8", "1000000000"),
        ([*[0] * 7, 0.0], "unknown-option", "layer_8", "0.0"),
        ([*["identity"] * 7, "mbconv_k5_t3"], "unknown-option", "layer_8", "'mbconv_k5_t3'"),
    ],
)
def test_what_is_wrong_is_answered_with_a_reason(raw, code, dimension, value):
    with pytest.raises(InvalidArchitecture) as caught:
        SPACE.parse(raw)
    (problem,) = caught.value.problems
    assert (problem.code, problem.dimension, problem.value) == (code, dimension, value)
    assert problem.allowed


def test_a_chain_has_16_neighbours():
    assert len(set(SPACE.neighbours(SPACE.parse("22212220")))) == 16


def test_what_a_model_reads_names_no_benchmark():
    seen = (json.dumps(SPACE.describe()) + json.dumps(SPACE.json_schema())).lower()
    assert not [word for word in ("nas-bench", "nasbench", "macro", "cifar", "monte") if word in seen]


def test_the_rules_on_cost_that_a_model_reads_are_true():
    rows = cost_table(SPACE.dimensions[0].names, 10, 3, 32, **SPACE.skeleton).layers
    for i, (identity, small, large) in enumerate(rows):
        assert (identity == Cost(0, 0)) == (i not in (0, 2, 5))
        assert 2 < large.params / small.params < 2.5
        assert 2 < large.macs / small.macs < 2.5


def test_the_drawing_has_a_row_for_every_layer():
    (table,) = SPACE.sketch(SPACE.parse("02012100"))
    assert len(table.rows) == 10
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert table.rows[1] == ("layer_1", "1", "identity", "1x1", "-", "2", "64", "16x16")
    assert table.rows[2] == ("layer_2", "1", "mbconv_k5_t6", "5x5", "6", "1", "64", "16x16")
    assert table.rows[7] == ("layer_7", "3", "identity", "-", "-", "1", "256", "4x4")
    assert table.rows[9] == ("head", "-", "conv_1x1", "1x1", "-", "1", "1280", "4x4")
