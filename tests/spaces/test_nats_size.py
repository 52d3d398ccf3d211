"""The size search space of NATS-Bench: published costs, strings and indices."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.spaces import Architecture, Cost, InvalidArchitecture, get_space

SPACE = get_space("nats-size")
WIDTHS = tuple(str(width) for width in range(8, 65, 8))
networks = st.tuples(*[st.sampled_from(WIDTHS)] * 5).map(SPACE.parse)


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


# --- Facts ---


def test_every_architecture_stands_at_its_place_in_the_order_of_the_benchmark():
    indices = [
        SPACE.index(Architecture(SPACE.name, values)) for values in itertools.product(WIDTHS, repeat=5)
    ]
    assert indices == list(range(32_768))
    assert SPACE.size == 32_768
    assert SPACE.index(SPACE.parse("8:8:8:8:8")) == 0
    assert SPACE.index(SPACE.parse("64:64:64:64:64")) == 32_767


@pytest.mark.parametrize(
    ("text", "params", "flops"),
    [("8:8:8:8:8", 11_714, 4_481_114), ("64:64:64:64:64", 713_674, 274_399_882)],
)
def test_the_published_costs_are_met_exactly(text, params, flops):
    arch = SPACE.parse(text)
    assert SPACE.cost(arch, classes=10) == Cost(params, flops - 10)
    assert SPACE.other_costs(arch, classes=10) == {"published_flops": flops}


def test_every_ground_truth_record_is_met_exactly(shared_file):
    records = json.loads(shared_file("ground_truth/nats_bench_size.json").read_text())["architectures"]
    assert records
    for record in records:
        arch = SPACE.parse(record["encoding"])
        task = {"classes": record["num_classes"], "resolution": record["input"][2]}
        assert SPACE.cost(arch, **task).params == record["params"]
        published = SPACE.other_costs(arch, **task)["published_flops"]
        assert published == round(record["flops_M_official_counter"] * 1e6)
        assert SPACE.index(arch) == record["nats_index"]


def test_no_two_architectures_are_equal():
    assert SPACE.canonical(SPACE.parse("8:16:8:16:8")) == SPACE.parse("8:16:8:16:8")


# --- Encodings ---


@given(networks)
def test_every_encoding_comes_back_to_the_same_architecture(arch):
    numbers = [int(value) for value in arch.values]
    for encoding in (
        SPACE.to_dict(arch),
        {name: int(value) for name, value in SPACE.to_dict(arch).items()},
        list(arch.values),
        numbers,
        SPACE.code(arch),
        SPACE.genotype(arch),
        ":".join(map(str, numbers)),
    ):
        assert SPACE.parse(encoding) == arch


def test_the_published_string_has_colons():
    assert SPACE.genotype(SPACE.parse([8, 16, 24, 32, 64])) == "8:16:24:32:64"


@pytest.mark.parametrize(
    ("raw", "code", "dimension", "value"),
    [
        ("8:8:8:8", "wrong-length", "", "'8:8:8:8'"),
        ("8:8:8:8:8:8", "wrong-length", "", "'8:8:8:8:8:8'"),
        (":", "wrong-length", "", "':'"),
        ("8:8:8:8:9", "unknown-option", "channels_5", "'9'"),
        ("08:8:8:8:8", "unknown-option", "channels_1", "'08'"),
        ("8: 8:8:8:8", "unknown-option", "channels_2", "' 8'"),
        ("8:8::8:8", "unknown-option", "channels_3", "''"),
        ("1000000000:8:8:8:8", "unknown-option", "channels_1", "'1000000000'"),
        ([10**9, 8, 8, 8, 8], "unknown-option", "channels_1", "1000000000"),
        ([8, 8, 8, 8, 10**6000], "unknown-option", "channels_5", "an integer of 19932 bits"),
        ([8, 8, 8, 8, 8.0], "unknown-option", "channels_5", "8.0"),
        ([8, 8, 8, 8, -8], "unknown-option", "channels_5", "-8"),
        ([8, 8, 8, 8, 1], "unknown-option", "channels_5", "1"),  # no code either: those are letters
        ([8, 8, 8, 8], "wrong-length", "", "a list of 4 items"),
        ("11111", "unknown-option", "channels_1", "'1'"),
        (8, "not-an-object", "", "8"),
    ],
)
def test_what_is_wrong_is_answered_with_a_reason(raw, code, dimension, value):
    problem = problems_of(raw)[0]
    assert (problem.code, problem.dimension, problem.value) == (code, dimension, value)
    assert problem.allowed


def test_an_object_with_a_number_of_channels_that_is_not_on_offer_is_refused():
    (problem,) = problems_of({**{f"channels_{i}": 8 for i in range(2, 6)}, "channels_1": 10**9})
    assert (problem.code, problem.dimension, problem.value) == ("unknown-option", "channels_1", "1000000000")
    assert problem.allowed == WIDTHS


def test_every_wrong_number_in_a_string_is_named():
    found = problems_of("7:8:9:16:10")
    assert [problem.dimension for problem in found] == ["channels_1", "channels_3", "channels_5"]


@given(st.text(alphabet="8642:, a", max_size=20) | st.text(alphabet=st.characters(codec=None), max_size=20))
def test_any_text_is_an_architecture_or_an_invalid_one(text):
    result = read(text)
    if isinstance(result, InvalidArchitecture):
        assert result.problems
        assert str(result).isprintable()
    else:
        assert text.strip() == SPACE.genotype(result) or text.replace("8", "a") == SPACE.code(result)


def test_an_architecture_has_35_neighbours():
    assert len(set(SPACE.neighbours(SPACE.parse("8:16:24:32:40")))) == 35


def test_what_a_model_reads_names_no_benchmark():
    seen = (json.dumps(SPACE.describe()) + json.dumps(SPACE.json_schema())).lower()
    assert not [word for word in ("nats", "nas-bench", "nasbench", "cifar", "imagenet") if word in seen]


def test_the_drawing_has_a_row_for_every_block():
    (table,) = SPACE.sketch(SPACE.parse("8:16:24:32:40"))
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert table.rows[0] == ("channels_1", "cell", "3x3", "1", "8", "8", "32x32")
    assert table.rows[4] == ("channels_5", "cell", "3x3", "1", "32", "40", "8x8")
    assert len(table.rows) == 5
