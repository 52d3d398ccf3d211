"""A sketch as terminal text: a cell node by node with what flows into it, a chain as an aligned table.

The text is plain: no colours, no escape sequences. Whoever prints it cleans what labels may hold.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap

from navarch.spaces.sketch import CellSketch, Sketch, StageTable

_WIDTH = 80
_INDENT = "  "
_GUTTER = "  "
_NARROWEST = 4  # characters that a name in a cell keeps, however little room there is
_LONGEST_WORD = 24  # characters; in a table a longer word is broken


def draw_text(sketches: Sequence[Sketch], width: int = _WIDTH) -> str:
    """Return the sketches one below another, `width` characters wide where their words allow it."""
    parts = [_cell(s, width) if isinstance(s, CellSketch) else _table(s, width) for s in sketches]
    return "\n\n".join("\n".join(lines) for lines in parts)


def _cell(sketch: CellSketch, width: int) -> list[str]:
    """Draw for every node a bracket: source, operation, and an arrow into the node."""
    # arrow and rules: "  source ── operation ─┴▶ target"
    room = width - len(_INDENT) - len(" ──  ─┴▶ ")
    sources = [sketch.nodes[source] for source, _, _ in sketch.edges]
    labels = [label for _, _, label in sketch.edges]
    columns = [_widest(sources), _widest(labels), _widest(sketch.nodes)]
    at_source, at_label, at_node = _fit(columns, room, [_NARROWEST] * 3)
    lines = [sketch.title]
    for target, node in enumerate(sketch.nodes):
        into = [(source, label) for source, end, label in sketch.edges if end == target]
        for number, (source, label) in enumerate(into):
            name = _cut(sketch.nodes[source], at_source).rjust(at_source)
            shown = f" {_cut(label, at_label)} " if label else ""
            flow = shown.ljust(at_label + 2, "─")
            lines.append(f"{_INDENT}{name} ──{flow}{_bracket(number, len(into), _cut(node, at_node))}")
        if into:
            lines.append("")
        elif not any(source == target for source, _, _ in sketch.edges):
            lines += [f"{_INDENT}{_cut(node, width - len(_INDENT))} (no edges)", ""]
    return lines[:-1] if lines[-1] == "" else lines


def _bracket(number: int, count: int, node: str) -> str:
    """Return how one of `count` lines that run into a node ends; the last one names it."""
    if number == count - 1:
        return f"─{'─' if count == 1 else '┴'}▶ {node}"
    return "─┐" if number == 0 else "─┤"


def _table(sketch: StageTable, width: int) -> list[str]:
    """Align the columns; texts wrap between words where the table would be too wide."""
    columns = list(zip(sketch.columns, *sketch.rows, strict=True))
    right = [bool(sketch.rows) and all(_is_number(cell) for cell in column[1:]) for column in columns]
    room = width - len(_INDENT) - len(_GUTTER) * (len(columns) - 1)
    head_wraps = [max(_longest_word(head), _widest(cells)) for head, *cells in columns]
    all_wraps = [max(map(_longest_word, column)) for column in columns]
    widths = _fit([_widest(column) for column in columns], room, head_wraps, all_wraps)

    def draw(row: Sequence[str]) -> Iterator[str]:
        cells = [wrap(cell, room, break_on_hyphens=False) for cell, room in zip(row, widths, strict=True)]
        for pieces in zip_longest(*cells, fillvalue=""):
            placed = zip(pieces, widths, right, strict=True)
            shown = (piece.rjust(room) if to_right else piece.ljust(room) for piece, room, to_right in placed)
            yield (_INDENT + _GUTTER.join(shown)).rstrip()

    rule = _INDENT + _GUTTER.join("─" * room for room in widths)
    return [sketch.title, *draw(sketch.columns), rule, *(line for row in sketch.rows for line in draw(row))]


def _is_number(cell: str) -> bool:
    return cell in ("", "-") or cell.replace(",", "").replace(".", "", 1).isdecimal()


def _longest_word(text: str) -> int:
    return min(_widest(text.split()), _LONGEST_WORD) or 1


def _widest(texts: Sequence[str]) -> int:
    return max(map(len, texts), default=0)


def _fit(widths: Sequence[int], room: int, *floors: Sequence[int]) -> list[int]:
    """Return the widths, the widest cut first, so that together they fit into `room` characters if they can.

    floors: what no column falls below; if that is still too wide, the next such list applies.
    """
    fitted = list(widths)
    for lowest in floors:
        while sum(fitted) > room:
            wide = [i for i, width in enumerate(fitted) if width > lowest[i]]
            if not wide:
                break
            fitted[max(wide, key=lambda i: fitted[i])] -= 1
    return fitted


def _cut(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
