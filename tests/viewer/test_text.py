"""Drawings in the terminal."""

import random

import pytest
from sketches import CHAIN, DARTS, EDGES_201, EVIL_CELL, EVIL_TABLE

from navarch.spaces import get_space, space_names
from navarch.spaces.sketch import CellSketch, StageTable
from navarch.viewer import draw_text


def test_a_cell_shows_node_by_node_what_flows_in():
    assert draw_text([EDGES_201]) == (
        "cell\n"
        "  0 (input) ── nor_conv_3x3 ──▶ 1\n"
        "\n"
        "  0 (input) ── nor_conv_1x1 ─┐\n"
        "          1 ── none ─────────┴▶ 2\n"
        "\n"
        "  0 (input) ── skip_connect ─┐\n"
        "          1 ── nor_conv_3x3 ─┤\n"
        "          2 ── avg_pool_3x3 ─┴▶ 3 (output)"
    )


def test_an_edge_without_a_label_is_a_plain_line():
    assert "    node 2 ─────────────────┐\n" in draw_text([DARTS])
    assert "    node 5 ─────────────────┴▶ output" in draw_text([DARTS])


def test_a_chain_is_an_aligned_table_with_numbers_to_the_right():
    assert draw_text([CHAIN]) == (
        "blocks\n"
        "  block    operation    stride  channels\n"
        "  ───────  ───────────  ──────  ────────\n"
        "  stem     conv_3x3          2        16\n"
        "  block_1  shuffle_5x5       2        64\n"
        "  head     conv_1x1          1     1,024"
    )


def test_sketches_stand_one_below_another():
    both = draw_text([DARTS, CHAIN])
    assert both == f"{draw_text([DARTS])}\n\n{draw_text([CHAIN])}"


def test_long_names_are_cut_to_the_width():
    cell = CellSketch("cell", ("a" * 90, "b" * 90), ((0, 1, "c" * 90),))
    assert max(map(len, draw_text([cell]).splitlines())) == 80
    assert max(map(len, draw_text([cell], width=40).splitlines())) == 40


def test_a_wide_table_wraps_headings_first_and_then_texts():
    table = StageTable("t", ("many words in here", "operation"), (("1", "a convolution " * 6), ("2", "b")))
    lines = draw_text([table], width=60).splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[1].split() == ["many", "operation"]
    assert " ".join(" ".join(lines[4:]).split()).count("a convolution") >= 5


def test_a_node_on_its_own_is_shown():
    assert "2 (no edges)" in draw_text([CellSketch("cell", ("0", "1", "2"), ((0, 1, "x"),))])
    assert draw_text([CellSketch("cell", (), ())]) == "cell"
    assert draw_text([]) == ""


@pytest.mark.parametrize("sketch", [EVIL_CELL, EVIL_TABLE], ids=["cell", "table"])
def test_any_label_can_be_drawn(sketch):
    assert "alert" in draw_text([sketch])


@pytest.mark.parametrize("name", space_names())
def test_architectures_of_every_space_fit_into_a_wide_terminal(name):
    space, rng = get_space(name), random.Random(0)
    for _ in range(5):
        drawn = draw_text(space.sketch(space.sample(rng)))
        assert drawn.strip()
        assert max(map(len, drawn.splitlines())) <= 110
