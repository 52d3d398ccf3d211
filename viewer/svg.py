"""One standalone SVG for one or more sketches: text as text, no scripts, nothing from elsewhere.

An operation has one colour in the whole drawing, and a legend says which, with how often it occurs. Style
rules follow the viewer's light or dark theme; a viewer that knows no themes shows the light one.
"""

import re
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from navarch.spaces.sketch import CellSketch, Sketch, StageTable
from navarch.viewer.layout import LABEL_HEIGHT, NODE_HEIGHT, Layout, Place, arrange, text_width

_MARGIN = 20.0
_TITLE_HEIGHT = 30.0
_BETWEEN = 34.0  # between two sketches
_ROW = 40.0  # of a table: a box and the arrow to the next
_COLUMN_GAP = 22.0
_LEGEND_WIDTH = 640.0  # at which the legend breaks, where the drawing is not wider
_ARROW = 7.0
_NOTHING = "none"  # the operation that delivers zeros is drawn as a cut line
# (line, fill): a colour that reads on white and on black, and a pale one under dark letters
_COLOURS = (
    ("#3b7dd8", "#d4e5fb"),
    ("#d9822b", "#fbe3c8"),
    ("#2f9e6b", "#cdeedd"),
    ("#b455c4", "#f0d8f5"),
    ("#d14b5a", "#fad5d9"),
    ("#1f9fb0", "#cbeef2"),
    ("#8a7a1c", "#eee6b4"),
    ("#7466d6", "#dfdbfa"),
    ("#a3673f", "#efdccd"),
    ("#6a9a1f", "#e0efc2"),
)
_NO_COLOUR = ("#8a8f98", "#e6e8eb")
_STYLE = """
text { font: 12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #1d2026 }
.title { font-weight: bold; font-size: 14px }
.heading { fill: #5b616b }
.page { fill: #ffffff }
.node { fill: #f4f5f7; stroke: #5b616b; stroke-width: 1.2 }
.line { fill: none; stroke-width: 1.8 }
.cut { stroke-dasharray: 4 4 }
@media (prefers-color-scheme: dark) {
.page { fill: #14161a }
.plain, .title { fill: #e8eaee }
.heading { fill: #a4abb6 }
.node { fill: #262a31; stroke: #a4abb6 }
}
"""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def draw_svg(sketches: Sequence[Sketch], choices: Sequence[Sequence[str]] = ()) -> str:
    """Return the drawing as the text of an SVG file, the sketches one below another.

    choices: the options of a space's dimensions. Where one of them occurs, all of its dimension have a colour of
    their own, so that drawings of one space agree; others take the colours that are left, in order of
    appearance. After ten, colours repeat.
    """
    counts = Counter(label for sketch in sketches for label in _labels(sketch))
    chosen = [name for options in choices if counts.keys() & set(options) for name in options]
    known = [name for name in dict.fromkeys([*chosen, *counts]) if name != _NOTHING]
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(known)}
    page = _Page(colours)
    for sketch in sketches:
        page.add_title(sketch.title)
        if isinstance(sketch, CellSketch):
            page.add_cell(sketch)
        else:
            page.add_table(sketch)
    page.add_legend([(name, counts[name]) for name in [*known, _NOTHING] if counts[name]])
    return page.finish(", ".join(sketch.title for sketch in sketches))


def _labels(sketch: Sketch) -> list[str]:
    """Return the operations of a sketch, one for every line of a cell or row of a table."""
    if isinstance(sketch, CellSketch):
        return [label for _, _, label in sketch.edges if label]
    column = _operation_column(sketch)
    return [] if column is None else [row[column] for row in sketch.rows]


def _operation_column(table: StageTable) -> int | None:
    """Return which column names the operation of a row, if one does."""
    return next((i for i, name in enumerate(table.columns) if name == "operation"), None)


class _Page:
    """An SVG that grows downwards."""

    def __init__(self, colours: dict[str, tuple[str, str]]) -> None:
        self._colours = colours
        self._root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", role="img")
        self._into = self._root
        self._width, self._y = 0.0, _MARGIN

    def add_title(self, title: str) -> None:
        """Start a sketch."""
        if self._y > _MARGIN:
            self._y += _BETWEEN
        self._into = ET.SubElement(self._root, "g")
        self._text(_MARGIN, self._y + 8, title, "title", "start")
        self._widen(text_width(title) * 14 / 12)
        self._y += _TITLE_HEIGHT

    def add_cell(self, sketch: CellSketch) -> None:
        """Draw nodes, lines and labels."""
        layout = arrange(sketch)
        for line, (source, target, label) in zip(layout.lines, sketch.edges, strict=True):
            described = f"{sketch.nodes[source]} → {sketch.nodes[target]}" + (f": {label}" if label else "")
            group = self._group(described)
            self._line(group, layout.path(line), label)
            for place in line.places:
                if place.label is not None:
                    self._box(group, place, place.label, "pill")
        for place, name in zip(layout.nodes, sketch.nodes, strict=True):
            self._box(self._group(None), place, name, "node")
        self._finish_cell(layout)

    def _finish_cell(self, layout: Layout) -> None:
        self._widen(layout.width)
        self._y += layout.height

    def add_table(self, sketch: StageTable) -> None:
        """Draw one box for every row, top to bottom, with its cells in aligned columns."""
        chosen = _operation_column(sketch)
        widths = [
            max(text_width(cell) for cell in column)
            for column in zip(sketch.columns, *sketch.rows, strict=True)
        ]
        starts = [_MARGIN + 14 + sum(widths[:i]) + i * _COLUMN_GAP for i in range(len(widths))]
        width = sum(widths) + (len(widths) - 1) * _COLUMN_GAP + 28
        for x, name in zip(starts, sketch.columns, strict=True):
            self._text(x, self._y + 2, name, "heading", "start")
        self._y += 20
        middle = _MARGIN + width / 2
        for number, row in enumerate(sketch.rows):
            group = self._group(None)
            place = Place(width=width, height=NODE_HEIGHT, x=width / 2, y=NODE_HEIGHT / 2)
            self._rectangle(group, place, row[chosen] if chosen is not None else "", "pill")
            for x, cell in zip(starts, row, strict=True):
                self._text(x, self._y + NODE_HEIGHT / 2, cell, "", "start", group)
            if number + 1 < len(sketch.rows):
                top, bottom = self._y + NODE_HEIGHT, self._y + _ROW
                self._stroke(group, f"M{middle:.1f} {top:.1f}V{bottom - 5:.1f}", "")
                corners = f"M{middle:.1f} {bottom:.1f}l-4.5 -6h9z"
                ET.SubElement(group, "path", d=corners, fill=_NO_COLOUR[0])
            self._y += _ROW
        self._widen(width)
        self._y -= _ROW - NODE_HEIGHT

    def add_legend(self, counts: Sequence[tuple[str, int]]) -> None:
        """Say which colour is which operation, and how often each occurs."""
        if not counts:
            return
        self._y += _BETWEEN
        self._into = ET.SubElement(self._root, "g")
        room, x = max(self._width, _LEGEND_WIDTH), 0.0
        for name, count in counts:
            words = f"{name} × {count}"
            needed = 24 + text_width(words)
            if x and x + needed > room:
                x, self._y = 0.0, self._y + 24
            swatch = Place(width=14, height=14, x=x + 7, y=0)
            self._rectangle(self._into, swatch, name, "pill")
            self._text(_MARGIN + x + 20, self._y, words, "plain", "start")
            self._widen(x + needed)
            x += needed + 20
        self._y += 10

    def finish(self, title: str) -> str:
        """Return the whole file."""
        width, height = self._width + 2 * _MARGIN, self._y + _MARGIN
        self._root.set("viewBox", f"0 0 {width:.0f} {height:.0f}")
        self._root.set("width", f"{width:.0f}")
        self._root.set("height", f"{height:.0f}")
        head = [ET.Element("title"), ET.Element("style")]
        head[0].text, head[1].text = _clean(title), _STYLE
        head.append(ET.Element("rect", {"class": "page", "width": "100%", "height": "100%"}))
        for i, element in enumerate(head):
            self._root.insert(i, element)
        ET.indent(self._root, " ")
        return ET.tostring(self._root, encoding="unicode") + "\n"

    # --- Parts ---

    def _group(self, described: str | None) -> ET.Element:
        group = ET.SubElement(self._into, "g")
        if described is not None:
            ET.SubElement(group, "title").text = _clean(described)
        return group

    def _line(self, into: ET.Element, pieces: Sequence[tuple[float, float, float]], label: str) -> None:
        """Draw a line through level pieces, bending between them, with an arrow at its end."""
        (_, x, y), *others = [(_MARGIN + low, _MARGIN + high, self._y + y) for low, high, y in pieces]
        end = others[-1]
        others[-1] = (end[0] - _ARROW, end[0] - _ARROW, end[2])
        path = f"M{x:.1f} {y:.1f}"
        for low, high, level in others:
            bend = (x + low) / 2
            path += f"C{bend:.1f} {y:.1f} {bend:.1f} {level:.1f} {low:.1f} {level:.1f}"
            path += f"H{high:.1f}" if high > low else ""
            x, y = high, level
        self._stroke(into, path, label)
        corners = f"M{end[0]:.1f} {end[2]:.1f}l-{_ARROW + 1:.1f} -4.5v9z"
        ET.SubElement(into, "path", d=corners, fill=self._colour(label)[0])

    def _stroke(self, into: ET.Element, path: str, label: str) -> None:
        style = "line cut" if label == _NOTHING else "line"
        ET.SubElement(into, "path", {"class": style, "d": path, "stroke": self._colour(label)[0]})

    def _box(self, into: ET.Element, place: Place, text: str, style: str) -> None:
        self._rectangle(into, place, text, style)
        shade = "plain" if style == "node" else ""
        self._text(_MARGIN + place.x, self._y + place.y, text, shade, "middle", into)

    def _rectangle(self, into: ET.Element, place: Place, label: str, style: str) -> None:
        round_by = min(place.height, LABEL_HEIGHT) / (2 if place.label is not None else 4)
        shape = {
            "x": f"{_MARGIN + place.x - place.width / 2:.1f}",
            "y": f"{self._y + place.y - place.height / 2:.1f}",
            "width": f"{place.width:.1f}",
            "height": f"{place.height:.1f}",
            "rx": f"{round_by:.1f}",
        }
        if style == "node":
            shape["class"] = "node"
        else:
            shape["stroke"], shape["fill"] = self._colour(label)
        ET.SubElement(into, "rect", shape)

    def _text(
        self, x: float, y: float, text: str, style: str, anchor: str, into: ET.Element | None = None
    ) -> None:
        shape = {"x": f"{x:.1f}", "y": f"{y + 4:.1f}", "text-anchor": anchor}
        if style:
            shape["class"] = style
        ET.SubElement(self._into if into is None else into, "text", shape).text = _clean(text)

    def _colour(self, label: str) -> tuple[str, str]:
        return self._colours.get(label, _NO_COLOUR)

    def _widen(self, width: float) -> None:
        self._width = max(self._width, width)


def _clean(text: str) -> str:
    """Return the text without characters that XML cannot hold; ElementTree escapes the others."""
    return _NOT_XML.sub("\ufffd", text)
