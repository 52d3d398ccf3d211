"""NAS-Bench-201 against its published facts: counts, labels, canonical forms, and the cost of every cell."""

import csv
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch.spaces import Cost, get_space
from navarch.spaces.nas_bench_201.cell import EDGES, isomorphism_label, live_edges

SPACE = get_space("nas-bench-201")
TASKS = {"cifar10": (10, 32), "cifar100": (100, 32), "ImageNet16-120": (120, 16)}
COLUMNS = {"c10": (10, 32), "c100": (100, 32), "in16": (120, 16)}
cells = st.text(alphabet="01234", min_size=6, max_size=6).map(SPACE.parse)


@pytest.fixture
def table(shared_file):
    with gzip.open(shared_file("data/nb201.csv.gz"), "rt") as file:
        return list(csv.DictReader(file))


def connects(cell):
    """Say whether any of the four paths from the input to the output is open, path by path."""
    e01, e02, e12, e03, e13, e23 = (value != "none" for value in cell.values)
    return e03 or (e01 and e13) or (e02 and e23) or (e01 and e12 and e23)


def test_the_edges_stand_in_the_order_of_the_dimensions():
    assert [dimension.name for dimension in SPACE.dimensions] == [f"edge_{s}_{t}" for s, t in EDGES]


def test_the_operations_have_the_codes_of_the_table():
    codes = {option.code: option.name for option in SPACE.dimensions[0].options}
    assert codes == {
        "0": "none",
        "1": "skip_connect",
        "2": "nor_conv_1x1",
        "3": "nor_conv_3x3",
        "4": "avg_pool_3x3",
    }
    assert len({dimension.options for dimension in SPACE.dimensions}) == 1


def test_15284_cells_connect_input_and_output(all_cells):
    disconnected = SPACE.parse("000000")
    joined = [cell for cell in all_cells if SPACE.canonical(cell) != disconnected]
    assert len(joined) == 15_284
    assert all(connects(cell) for cell in joined)


def test_there_are_8765_classes_of_equal_cells(all_cells):
    assert len({SPACE.canonical(cell) for cell in all_cells}) == 8_765
    assert len({SPACE.digest(cell) for cell in all_cells}) == 8_765


def test_the_published_labels_have_their_published_counts(all_cells):
    assert len({SPACE.diversity_label(cell) for cell in all_cells}) == 6_466
    assert len({isomorphism_label(cell.values, propagate_zero=False) for cell in all_cells}) == 12_751


def test_4250_cells_have_a_convolution_that_nothing_depends_on(all_cells):
    def wastes(cell):
        pairs = zip(cell.values, live_edges(cell.values), strict=True)
        return any("conv" in operation and not live for operation, live in pairs)

    assert sum(wastes(cell) for cell in all_cells) == 4_250


@given(cells)
def test_the_canonical_form_is_its_own_canonical_form(cell):
    canonical = SPACE.canonical(cell)
    assert SPACE.canonical(canonical) == canonical
    assert SPACE.digest(canonical) == SPACE.digest(cell)


@given(cells)
def test_the_canonical_form_costs_at_most_as_much(cell):
    canonical, own = SPACE.cost(SPACE.canonical(cell), classes=10), SPACE.cost(cell, classes=10)
    assert canonical.params <= own.params
    assert canonical.macs <= own.macs


@pytest.mark.parametrize(
    ("cell", "canonical"),
    [
        ("333132", "333132"),  # nothing to do
        ("230123", "230123"),  # the twin, 320132, comes later
        ("320132", "230123"),  # nodes 1 and 2 change places
        ("323132", "323132"),  # they may not: edge 1->2 is open
        ("300100", "000100"),  # node 1 leads nowhere
        ("033102", "030102"),  # nothing reaches node 1
        ("030130", "000100"),  # node 2 leads nowhere, and nothing reaches node 1
        ("343000", "000000"),  # no path to the output
        ("000444", "000400"),
    ],
)
def test_known_canonical_forms(cell, canonical):
    assert SPACE.code(SPACE.canonical(SPACE.parse(cell))) == canonical


@given(cells)
def test_exchanging_the_inner_nodes_keeps_the_digest_where_no_edge_joins_them(cell):
    e01, e02, _, e03, e13, e23 = cell.values
    cut = SPACE.parse([e01, e02, "none", e03, e13, e23])
    twin = SPACE.parse([e02, e01, "none", e03, e23, e13])
    assert SPACE.digest(cut) == SPACE.digest(twin)


def test_the_closed_form_of_the_published_network():
    for code in ("000000", "333333", "321432", "222222", "313131"):
        n3, n1 = code.count("3"), code.count("2")
        cost = SPACE.cost(SPACE.parse(code), classes=10)
        assert cost.params == 73_306 + 243_040 * n3 + 28_000 * n1
        assert cost.macs == 7_783_050 - 10 + 35_389_440 * n3 + 3_932_160 * n1


def test_every_ground_truth_record_is_met_exactly(shared_file):
    records = json.loads(shared_file("ground_truth/nasbench201.json").read_text())["architectures"]
    assert records
    for record in records:
        classes, resolution = TASKS[record["dataset"]]
        cost = SPACE.cost(SPACE.parse(record["encoding"]), classes=classes, resolution=resolution)
        assert cost == Cost(record["params"], round(record["flops_M_official_counter"] * 1e6) - classes)


def test_every_row_of_the_table_is_met_exactly(table):
    assert len(table) == 15_625
    for row in table:
        cell = SPACE.parse(row["arch"])
        assert SPACE.genotype(cell) == row["arch"]
        assert SPACE.code(cell) == "".join(row[key] for key in ("e01", "e02", "e12", "e03", "e13", "e23"))
        for column, (classes, resolution) in COLUMNS.items():
            cost = SPACE.cost(cell, classes=classes, resolution=resolution)
            assert cost == Cost(int(row[f"{column}_params"]), int(row[f"{column}_flops"]) - classes)


def test_the_diversity_label_parts_the_table_as_its_column_does(table):
    pairs = {(SPACE.diversity_label(SPACE.parse(row["arch"])), row["iso_class"]) for row in table}
    assert len(pairs) == len({label for label, _ in pairs}) == len({column for _, column in pairs}) == 6_466


def test_equal_cells_score_alike_in_the_table(table):
    """Members of a class are the same function, so only the noise of training may part them."""
    classes = {}
    for row in table:
        classes.setdefault(SPACE.digest(SPACE.parse(row["arch"])), []).append(float(row["c10_test_200"]))
    spreads = sorted(max(scores) - min(scores) for scores in classes.values() if len(scores) > 1)
    assert len(spreads) > 500
    assert spreads[len(spreads) // 2] < 0.5
