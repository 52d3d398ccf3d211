"""Charts as SVG text: points and lines over two axes. Colours and letters are the page's (`blocks.py`), by class."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

_WIDTH, _HEIGHT = 860, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 14, 42
_STYLE = """
.chart text { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: var(--soft) }
.chart .axis { stroke: var(--line); fill: none } .chart .line { fill: none; stroke-width: 1.6 }
.chart .one { stroke: var(--one) } .chart .two { stroke: var(--two) } .chart .grey { stroke: var(--grey) }
.chart .faint { stroke: var(--grey); opacity: .35 } .chart .band { stroke: none; fill: var(--grey); opacity: .18 }
.chart .dot { stroke-width: 1.6 } .chart .full.one { fill: var(--one) } .chart .full.two { fill: var(--two) }
.chart .full.grey { fill: var(--grey) } .chart .hollow { fill: var(--page) }
"""


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis with its name, its range, and its labels as (value, text); without labels round numbers are chosen."""

    name: str
    low: float
    high: float
    labels: tuple[tuple[float, str], ...] = ()


class Chart:
    """A chart that is drawn into and then finished. `title` is read aloud by readers of the screen."""

    def __init__(self, title: str, across: Axis, up: Axis, height: int = _HEIGHT) -> None:
        """Draw the axes. Equal ends of a range are set apart."""
        self._across, self._up, self._height = _apart(across), _apart(up), height
        box = f"0 0 {_WIDTH} {height}"
        shape = {"xmlns": "http://www.w3.org/2000/svg", "viewBox": box, "class": "chart", "role": "img"}
        self._root = ET.Element("svg", shape)
        ET.SubElement(self._root, "title").text = title
        ET.SubElement(self._root, "style").text = _STYLE
        self._draw_axes()

    def line(
        self, points: Sequence[tuple[float, float]], style: str, about: str = "", *, steps: bool = False
    ) -> None:
        """Draw a line through points; steps: level to the next point, then up or down to it."""
        places = [self._place(x, y) for x, y in points]
        if not places:
            return
        path = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
        for x, y in places[1:]:
            path += f"H{x:.1f}V{y:.1f}" if steps else f"L{x:.1f} {y:.1f}"
        self._add("path", {"class": f"line {style}", "d": path}, about)

    def dot(self, x: float, y: float, style: str, about: str, size: float = 4) -> None:
        """Draw a point; a reader who points at it is told about it."""
        left, top = self._place(x, y)
        self._add(
            "circle",
            {"class": f"dot {style}", "cx": f"{left:.1f}", "cy": f"{top:.1f}", "r": f"{size:g}"},
            about,
        )

    def cross(self, x: float, about: str) -> None:
        """Mark something without a value, on the axis below."""
        left, foot = self._place(x, self._up.low)
        self._add("path", {"class": "line two", "d": f"M{left - 4:.1f} {foot - 10:.1f}l8 8m0 -8l-8 8"}, about)

    def band(self, low: float, high: float, about: str) -> None:
        """Shade what lies between two heights."""
        _, top = self._place(self._across.low, min(high, self._up.high))
        _, foot = self._place(self._across.low, max(low, self._up.low))
        wide = _WIDTH - _LEFT - _RIGHT
        shape = {
            "class": "band",
            "x": f"{_LEFT}",
            "y": f"{top:.1f}",
            "width": f"{wide}",
            "height": f"{foot - top:.1f}",
        }
        self._add("rect", shape, about)

    def finish(self) -> str:
        """Return the SVG element."""
        return ET.tostring(self._root, encoding="unicode")

    def _place(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self._across.low) / (self._across.high - self._across.low)
        up = (y - self._up.low) / (self._up.high - self._up.low)
        inner = self._height - _TOP - _BOTTOM
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _TOP + (1 - up) * inner

    def _draw_axes(self) -> None:
        foot, right = self._height - _BOTTOM, _WIDTH - _RIGHT
        for value, text in self._up.labels or _round_labels(self._up):
            _, y = self._place(self._across.low, value)
            self._add("path", {"class": "axis", "d": f"M{_LEFT} {y:.1f}H{right}"})
            self._text(_LEFT - 8, y + 4, text, "end")
        for value, text in self._across.labels or _round_labels(self._across):
            x, _ = self._place(value, self._up.low)
            self._text(x, foot + 18, text, "middle")
        self._text((_LEFT + right) / 2, self._height - 6, self._across.name, "middle")
        turned = {"transform": f"translate(13 {(foot + _TOP) / 2:.0f}) rotate(-90)", "text-anchor": "middle"}
        self._add("text", turned).text = self._up.name

    def _text(self, x: float, y: float, text: str, anchor: str) -> None:
        self._add("text", {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}).text = text

    def _add(self, tag: str, shape: dict[str, str], about: str = "") -> ET.Element:
        element = ET.SubElement(self._root, tag, shape)
        if about:
            ET.SubElement(element, "title").text = about
        return element


def spanning(name: str, values: Iterable[float]) -> Axis:
    """Return an axis that holds all values with a little room."""
    kept = list(values) or [0.0, 1.0]
    room = 0.06 * (max(kept) - min(kept)) or 1.0
    return Axis(name, min(kept) - room, max(kept) + room)


def _apart(axis: Axis) -> Axis:
    return axis if axis.high > axis.low else Axis(axis.name, axis.low - 1, axis.high + 1, axis.labels)


def _round_labels(axis: Axis) -> list[tuple[float, str]]:
    """Return about five round numbers within the range."""
    span = axis.high - axis.low
    power = 10 ** math.floor(math.log10(span / 5))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * 5 >= span)
    first = math.ceil(axis.low / step - 1e-9)
    count = math.floor(axis.high / step + 1e-9) - first + 1
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(n * step, f"{n * step:.{digits}f}") for n in range(first, first + count)]
