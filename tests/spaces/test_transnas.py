"""TransNAS-Bench-101 against its published facts: sizes, tables, neighbours, labels, canonical forms, drawings."""

import csv
import gzip
import itertools
import json
import random

import pytest

from navarch import NavarchError
from navarch.spaces import Architecture, InvalidArchitecture, get_space
from navarch.spaces.nas_bench_201.cell import EDGES, live_edges
from navarch.spaces.transnas.cell import topology_label

MICRO = get_space("transnas-micro")
MACRO = get_space("transnas-macro")
SPACES = pytest.mark.parametrize("space", [MICRO, MACRO], ids=lambda space: space.name)

ALL_CELLS = [
    Architecture(MICRO.name, values) for values in itertools.product(MICRO.dimensions[0].names, repeat=6)
]
DISCONNECTED = MICRO.parse("000000")


def read_rows(path):
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


def legal_digits():
    """Return the digits of every outline, by the rules as the paper words them."""
    return [
        "".join(digits)
        for modules in (4, 5, 6)
        for digits in itertools.product("1234", repeat=modules)
        if 1 <= sum(digit in "24" for digit in digits) <= 3
        and 1 <= sum(digit in "34" for digit in digits) <= 4
    ]


# --- What the spaces hold ---


def test_the_cells_have_the_edges_and_digits_of_the_benchmark():
    assert list(MICRO.names) == [f"edge_{source}_{target}" for source, target in EDGES]
    codes = {option.code: option.name for option in MICRO.dimensions[0].options}
    assert codes == {"0": "none", "1": "skip_connect", "2": "nor_conv_1x1", "3": "nor_conv_3x3"}
    assert len({dimension.options for dimension in MICRO.dimensions}) == 1


def test_there_are_as_many_architectures_as_published():
    assert MICRO.size == len(ALL_CELLS) == 4_096
    assert MACRO.size == 210 + 750 + 2_296 == 3_256
    assert MICRO.size + MACRO.size == 7_352


def test_the_outlines_with_four_five_and_six_modules_are_as_many_as_published():
    lengths = [len(digits) for digits in legal_digits()]
    assert [lengths.count(modules) for modules in (4, 5, 6)] == [210, 750, 2_296]


def test_exactly_the_legal_strings_of_outlines_are_read():
    legal = set(legal_digits())
    for modules in (4, 5, 6):
        for digits in map("".join, itertools.product("1234", repeat=modules)):
            text = f"64-{digits}-basic"
            if digits in legal:
                assert MACRO.genotype(MACRO.parse(text)) == text
            else:
                with pytest.raises(InvalidArchitecture) as caught:
                    MACRO.parse(text)
                assert {problem.code for problem in caught.value.problems} <= {"too-few", "too-many"}


@pytest.mark.parametrize(
    ("space", "table", "size"),
    [(MICRO, "tnb101_micro", 4_096), (MACRO, "tnb101_macro", 3_256)],
    ids=["micro", "macro"],
)
def test_the_strings_of_the_table_are_the_space(shared_file, space, table, size):
    texts = [row["arch"] for row in read_rows(shared_file(f"data/{table}.csv.gz"))]
    read = [space.parse(text) for text in texts]
    assert [space.genotype(arch) for arch in read] == texts
    assert len(set(read)) == len(read) == space.size == size
    enumerated = set(ALL_CELLS) if space is MICRO else {MACRO.parse(f"64-{d}-basic") for d in legal_digits()}
    assert set(read) == enumerated


@SPACES
def test_what_a_model_may_see_never_names_the_benchmark(space):
    seen = (json.dumps(space.describe()) + json.dumps(space.json_schema())).lower()
    for word in (space.name, space.title, "transnas", "tnb", "101", "taskonomy", "bench", "resnet"):
        assert word.lower() not in seen
    assert space.parse(space.describe()["code_example"])


# --- Searching ---


def test_a_cell_has_18_neighbours_and_an_outline_only_legal_ones():
    rng = random.Random(0)
    for _ in range(100):
        cell, outline = MICRO.sample(rng), MACRO.sample(rng)
        assert len(set(MICRO.neighbours(cell))) == 18
        near = MACRO.neighbours(outline)
        assert near
        assert all(MACRO.parse(other.values) == other != outline for other in near)
        child = MACRO.crossover(outline, MACRO.sample(rng), rng)
        assert MACRO.parse(child.values) == child


def test_a_longer_outline_starts_with_modules_that_keep_the_shape():
    longer = [
        MACRO.genotype(near)
        for near in MACRO.neighbours(MACRO.parse("64-1234-basic"))
        if near.values[0] != "4"
    ]
    assert longer == ["64-12341-basic", "64-123411-basic"]


# --- Equality ---


def test_169_cells_are_disconnected():
    assert sum(not any(live_edges(cell.values)) for cell in ALL_CELLS) == 169
    assert sum(MICRO.canonical(cell) == DISCONNECTED for cell in ALL_CELLS) == 169


def test_the_disconnected_cells_all_score_alike_in_the_table(shared_file):
    rows = read_rows(shared_file("data/tnb101_micro.csv.gz"))
    dead = [row for row in rows if MICRO.canonical(MICRO.parse(row["arch"])) == DISCONNECTED]
    assert {row["class_object_valid"] for row in dead} == {"26.54757"}


def test_the_published_labels_have_their_published_counts():
    assert len({MICRO.diversity_label(cell) for cell in ALL_CELLS}) == 1_696
    counts = {
        contract: len({topology_label(cell.values, contract=contract) for cell in ALL_CELLS})
        for contract in ((), (1, 2), (0, 1, 2))
    }
    assert counts == {(): 2_248, (1, 2): 1_696, (0, 1, 2): 1_236}


def test_there_are_1948_classes_of_equal_cells():
    assert len({MICRO.canonical(cell) for cell in ALL_CELLS}) == 1_948
    assert len({MICRO.digest(cell) for cell in ALL_CELLS}) == 1_948


def test_the_canonical_form_is_its_own_and_costs_at_most_as_much():
    for cell in ALL_CELLS:
        canonical = MICRO.canonical(cell)
        assert MICRO.canonical(canonical) == canonical
        ours, theirs = (MICRO.cost(arch, classes=75) for arch in (canonical, cell))
        assert ours.params <= theirs.params
        assert ours.macs <= theirs.macs


@pytest.mark.parametrize(
    ("cell", "canonical"),
    [
        ("333132", "333132"),  # nothing to do
        ("320132", "230123"),  # nodes 1 and 2 change places
        ("310132", "130123"),  # so they do where one edge from node 0 is a skip
        ("300100", "000100"),  # node 1 leads nowhere
        ("033102", "030102"),  # nothing reaches node 1
        ("313000", "000000"),  # no path to the output
        ("010003", "010003"),  # a skip from node 0 has parameters in some cells: this is not the next one
        ("000300", "000300"),
    ],
)
def test_known_canonical_forms(cell, canonical):
    assert MICRO.code(MICRO.canonical(MICRO.parse(cell))) == canonical


def test_an_outline_is_its_own_canonical_form():
    rng = random.Random(0)
    assert all(MACRO.canonical(outline) == outline for outline in (MACRO.sample(rng) for _ in range(100)))


@SPACES
@pytest.mark.parametrize("method", ["genotype", "canonical", "diversity_label", "sketch"])
def test_an_architecture_of_another_space_is_refused(space, method):
    with pytest.raises(NavarchError, match="an architecture of 'toy' was given"):
        getattr(space, method)(Architecture("toy", ("none",) * 6))


# --- Drawing ---


def test_a_cell_is_drawn_with_its_cut_edges():
    (cell,) = MICRO.sketch(MICRO.parse("102333"))
    assert cell.nodes == ("0 (input)", "1", "2", "3 (output)")
    assert cell.edges == (
        (0, 1, "skip_connect"),
        (0, 2, "none"),
        (1, 2, "nor_conv_1x1"),
        (0, 3, "nor_conv_3x3"),
        (1, 3, "nor_conv_3x3"),
        (2, 3, "nor_conv_3x3"),
    )


def test_an_outline_is_drawn_with_a_row_for_each_module():
    (table,) = MACRO.sketch(MACRO.parse("64-12343-basic"))
    assert table.columns == ("stage", "operation", "blocks", "stride", "channels", "output")
    assert [(row[0], *row[3:]) for row in table.rows] == [
        ("stem", "4", "64", "56x56"),
        ("module_1", "1", "64", "56x56"),
        ("module_2", "1", "128", "56x56"),
        ("module_3", "2", "128", "28x28"),
        ("module_4", "2", "256", "14x14"),
        ("module_5", "2", "256", "7x7"),
        ("head", "", "75", ""),
    ]
    assert all(len(row) == len(table.columns) for row in table.rows)
