"""What a drawing of an architecture shows, as data; `viewer` turns it into text and SVG."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CellSketch:
    """A cell as a graph.

    nodes: labels. edges: (source, target, label), positions in `nodes`, every source before its target.
    """

    title: str
    nodes: tuple[str, ...]
    edges: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class StageTable:
    """A chain of blocks as a table: one row a block or stage."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Sketch = CellSketch | StageTable
