"""Where the parts of a cell's drawing stand, so that no label meets a node, a line or another label.

Nodes stand in layers from left to right, a layer being the longest way from an input. Between two layers of
nodes lies a column of labels. An edge has a place of its own in every column that it passes, and in one of
them its label; what is in one column keeps its distance, so lines cross one another at most, and only between
columns. Within columns the order comes from repeated averaging of neighbours, the heights from least squares.

Source: the layered method of Sugiyama, Tagawa and Toda (1981).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from navarch.spaces.sketch import CellSketch

CHARACTER = 7.3  # width of a monospaced character at 12 pixels, pixels
NODE_HEIGHT, LABEL_HEIGHT, LINE_HEIGHT = 30.0, 22.0, 10.0
PORT = 13.0  # between two lines that reach the same side of a node
_BETWEEN = 12.0  # between two things in a column
_GAP = 34.0  # between two columns, where lines bend
_SWEEPS = 24
_STRAIGHT = 6.0  # how much more the pieces of a line pull at one another than at the nodes


@dataclass(slots=True, eq=False)
class Place:
    """Something in a column, by its centre: a node, an edge's label, or an edge that passes (both None)."""

    node: int | None = None
    label: str | None = None
    width: float = 0.0
    height: float = LINE_HEIGHT
    x: float = 0.0
    y: float = 0.0
    before: list["Place"] = field(default_factory=list)
    after: list["Place"] = field(default_factory=list)

    @property
    def is_node(self) -> bool:
        """Return whether a node stands here."""
        return self.node is not None


@dataclass(frozen=True, slots=True)
class Line:
    """An edge: its label, and every place on its way, the nodes at both ends included."""

    label: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A cell in pixels. nodes: in the order of the sketch. columns: (left, right) of each column."""

    nodes: tuple[Place, ...]
    lines: tuple[Line, ...]
    columns: tuple[tuple[float, float], ...]
    width: float
    height: float

    def path(self, line: Line) -> list[tuple[float, float, float]]:
        """Return (left, right, y) of the level pieces of a line, its two ends as pieces without length."""
        first, *inner, last = line.places
        left = (first.x + first.width / 2, first.y + self._port(line, first, first.after))
        right = (last.x - last.width / 2, last.y + self._port(line, last, last.before))
        pieces = [(left[0], left[0], left[1])]
        for place in inner:
            low, high = next(ends for ends in self.columns if ends[0] <= place.x <= ends[1])
            pieces.append((low, high, place.y))
        return [*pieces, (right[0], right[0], right[1])]

    def _port(self, line: Line, node: Place, side: Sequence[Place]) -> float:
        """Return how far below the centre of a node the line meets it: lines of a side stand in order."""
        order = sorted(side, key=lambda place: place.y)
        mine = line.places[1] if node is line.places[0] else line.places[-2]
        return (order.index(mine) - (len(order) - 1) / 2) * PORT


def text_width(text: str) -> float:
    """Return the width of a text in pixels, as the drawing's monospaced fonts show it."""
    return CHARACTER * sum(2 if ord(character) > 0x1100 else 1 for character in text)


def arrange(sketch: CellSketch) -> Layout:
    """Return the places of a cell's nodes, labels and lines."""
    layers = _find_layers(sketch)
    columns: list[list[Place]] = [[] for _ in range(2 * max(layers, default=0) + 1)]
    nodes = [
        Place(node=i, width=max(NODE_HEIGHT, text_width(label) + 20), height=NODE_HEIGHT)
        for i, label in enumerate(sketch.nodes)
    ]
    for place, layer in zip(nodes, layers, strict=True):
        columns[2 * layer].append(place)
    lines = _lay_lines(sketch, layers, nodes, columns)
    for node in nodes:
        ports = max(len(node.before), len(node.after))
        node.height = max(NODE_HEIGHT, PORT * (ports - 1) + 18)
    _order(columns)
    _settle(columns)
    ends = tuple(_spread(columns))
    top = min((place.y - place.height / 2 for column in columns for place in column), default=0.0)
    for column in columns:
        for place in column:
            place.y -= top
    height = max((place.y + place.height / 2 for column in columns for place in column), default=0.0)
    return Layout(tuple(nodes), tuple(lines), ends, ends[-1][1], height)


def _find_layers(sketch: CellSketch) -> list[int]:
    layers = [0] * len(sketch.nodes)
    for source, target, _ in sorted(sketch.edges):  # every source stands before its target
        layers[target] = max(layers[target], layers[source] + 1)
    return layers


def _lay_lines(
    sketch: CellSketch, layers: Sequence[int], nodes: Sequence[Place], columns: list[list[Place]]
) -> list[Line]:
    """Give every edge its places; the label of a long edge stands where the fewest labels are."""
    lines: dict[int, Line] = {}
    labels = [0] * len(columns)
    spans = [layers[target] - layers[source] for source, target, _ in sketch.edges]
    for number in sorted(range(len(spans)), key=lambda n: spans[n]):
        source, target, label = sketch.edges[number]
        passed = range(2 * layers[source] + 1, 2 * layers[target])
        labelled = min(passed[::2], key=lambda column: labels[column]) if label else -1
        places = []
        for column in passed:
            place = Place()
            if column == labelled:
                place = Place(label=label, width=text_width(label) + 16, height=LABEL_HEIGHT)
                labels[column] += 1
            columns[column].append(place)
            places.append(place)
        way = (nodes[source], *places, nodes[target])
        for one, other in pairwise(way):
            one.after.append(other)
            other.before.append(one)
        lines[number] = Line(label, way)
    return [lines[number] for number in sorted(lines)]


def _order(columns: list[list[Place]]) -> None:
    """Order every column so that few lines cross: by the mean position of neighbours, keeping the best order."""
    best, fewest = [list(column) for column in columns], _count_crossings(columns)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for column in columns if forward else reversed(columns):
            rank = {id(place): r for other in columns for r, place in enumerate(other)}
            means = {}
            for place in column:
                near = place.before if forward else place.after
                ranks = [rank[id(other)] for other in near] or [rank[id(place)]]
                means[id(place)] = sum(ranks) / len(ranks)
            column.sort(key=lambda place: means[id(place)])
        crossings = _count_crossings(columns)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    for column, order in zip(columns, best, strict=True):
        column[:] = order


def _count_crossings(columns: list[list[Place]]) -> int:
    crossings = 0
    for one, other in pairwise(columns):
        rank = {id(place): r for r, place in enumerate(other)}
        ends = [(r, rank[id(after)]) for r, place in enumerate(one) for after in place.after]
        crossings += sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in combinations(ends, 2))
    return crossings


def _settle(columns: list[list[Place]]) -> None:
    """Set the heights: every place as near as its column lets it to the mean of its neighbours."""
    for column in columns:
        offset = 0.0
        for place in column:
            place.y = offset + place.height / 2
            offset += place.height + _BETWEEN
        for place in column:
            place.y -= (offset - _BETWEEN) / 2
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = []
            for place in column:
                near = [*place.before, *place.after] or [place]
                weights = [1.0 if place.is_node or other.is_node else _STRAIGHT for other in near]
                total = sum(weight * other.y for weight, other in zip(weights, near, strict=True))
                wanted.append(total / sum(weights))
            _fit_in_order(column, wanted)


def _fit_in_order(column: list[Place], wanted: Sequence[float]) -> None:
    """Give a column the heights nearest to those wanted that keep order and distance (least squares).

    Neighbours that want to be closer than they may form a block, which stands at the mean of their wishes.
    """
    offsets, offset = [], 0.0
    for above, place in zip([None, *column], column, strict=False):
        if above is not None:
            offset += (above.height + place.height) / 2 + _BETWEEN
        offsets.append(offset)
    blocks: list[tuple[float, int]] = []  # sum of wishes, less the offsets, and how many places
    for wish, offset in zip(wanted, offsets, strict=True):
        total, count = wish - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] >= total / count:
            above_total, above_count = blocks.pop()
            total, count = total + above_total, count + above_count
        blocks.append((total, count))
    starts = [total / count for total, count in blocks for _ in range(count)]
    for place, start, offset in zip(column, starts, offsets, strict=True):
        place.y = start + offset


def _spread(columns: list[list[Place]]) -> Iterator[tuple[float, float]]:
    """Set the horizontal centres and yield (left, right) of every column."""
    left = 0.0
    for column in columns:
        right = left + max((place.width for place in column), default=0.0)
        for place in column:
            place.x = (left + right) / 2
        yield left, right
        left = right + _GAP
