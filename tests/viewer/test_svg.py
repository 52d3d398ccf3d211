"""SVG files: well formed, safe whatever the labels hold, and legible: nothing overlaps."""

import os
import random
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sketches import CHAIN, DARTS, EDGES_201, EVIL_CELL, EVIL_TABLE, HOSTILE

from navarch.spaces import get_space, space_names
from navarch.spaces.sketch import CellSketch
from navarch.viewer import draw_svg
from navarch.viewer.layout import arrange

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "title", "style", "g", "rect", "path", "text"}


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("name", "sketches"),
    [("nas-bench-201", [EDGES_201]), ("darts", [DARTS]), ("chain", [CHAIN])],
    ids=["nas-bench-201", "darts", "chain"],
)
def test_a_drawing_equals_its_golden_file(name, sketches):
    file, drawn = GOLDEN / f"{name}.svg", draw_svg(sketches)
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(drawn, encoding="utf-8")
    assert drawn == file.read_text(encoding="utf-8")


def test_every_name_is_there_as_text_and_the_legend_counts():
    shown = texts(draw_svg([EDGES_201, CHAIN]))
    for word in ("cell", "0 (input)", "3 (output)", "none", "blocks", "shuffle_5x5", "1,024", "stride"):
        assert word in shown
    assert "nor_conv_3x3 × 2" in shown
    assert "conv_1x1 × 1" in shown


def test_the_file_has_a_title_and_says_its_size():
    root = ET.fromstring(draw_svg([EDGES_201, CHAIN]))
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == "cell, blocks"
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"


@pytest.mark.parametrize("sketch", [EVIL_CELL, EVIL_TABLE], ids=["cell", "table"])
def test_what_labels_hold_stays_text(sketch):
    svg = draw_svg([sketch], [[HOSTILE]])
    svg.encode("utf-8")
    elements = list(ET.fromstring(svg).iter())
    assert {element.tag.removeprefix(SVG) for element in elements} <= ALLOWED
    assert not [key for element in elements for key in element.attrib if key.startswith(("on", "href"))]
    assert "<script" not in svg
    assert "<script>alert('1')</script> & \"x\" ]]> \ufffd\ufffd[31m\ufffd\ufffd \u202eevil" in texts(svg)


def test_nothing_is_loaded_from_elsewhere():
    svg = draw_svg([DARTS, CHAIN])
    assert svg.count("http") == 1  # the name of the SVG namespace
    for word in ("url(", "@import", "href", "<image", "<foreignObject"):
        assert word not in svg


def test_an_operation_has_the_same_colour_in_all_drawings_of_a_space():
    def colour(svg, name):
        parts = list(ET.fromstring(svg).iter())
        at = next(i for i, part in enumerate(parts) if part.text == name)
        return parts[at - 1].get("fill")

    options = [("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")]
    one = CellSketch("a", ("0", "1"), ((0, 1, "nor_conv_3x3"),))
    assert colour(draw_svg([one], options), "nor_conv_3x3") == colour(
        draw_svg([EDGES_201], options), "nor_conv_3x3"
    )


def test_a_cut_edge_is_dashed():
    assert draw_svg([EDGES_201]).count('class="line cut"') == 1


@st.composite
def cells(draw):
    count = draw(st.integers(1, 7))
    pairs = list(combinations(range(count), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=14)) if pairs else []
    labels = st.sampled_from(["", "skip", "sep_conv_3x3", "a much longer operation"])
    return CellSketch("c", tuple(map(str, range(count))), tuple((*pair, draw(labels)) for pair in chosen))


@given(cells())
def test_nothing_overlaps_in_any_cell(cell):
    """Edges twice between the same nodes included."""
    layout = arrange(cell)
    boxes = list(layout.nodes) + [p for line in layout.lines for p in line.places if p.label is not None]
    assert len(boxes) == len(cell.nodes) + sum(label != "" for _, _, label in cell.edges)
    for one, other in combinations(boxes, 2):
        apart_x = abs(one.x - other.x) - (one.width + other.width) / 2
        apart_y = abs(one.y - other.y) - (one.height + other.height) / 2
        assert max(apart_x, apart_y) > 5
    for line in layout.lines:
        path = layout.path(line)
        # lines run level through the columns, and bend only between them, where no box is
        for low, high, y in path[1:-1]:
            for box in boxes:
                if box not in line.places and low <= box.x <= high:
                    assert abs(box.y - y) > box.height / 2 + 5
        assert all(a[1] < b[0] for a, b in pairwise(path))
        for box in boxes:
            assert box.x - box.width / 2 >= 0
            assert box.x + box.width / 2 <= layout.width + 0.01
            assert box.y - box.height / 2 >= -0.01
            assert box.y + box.height / 2 <= layout.height + 0.01


@pytest.mark.parametrize("name", space_names())
def test_architectures_of_every_space_are_drawn(name):
    space, rng = get_space(name), random.Random(0)
    for _ in range(3):
        sketches = space.sketch(space.sample(rng))
        root = ET.fromstring(draw_svg(sketches, space.structure.options))
        assert root[0].text == ", ".join(sketch.title for sketch in sketches)
        assert len(list(root.iter(f"{SVG}text"))) > 3
