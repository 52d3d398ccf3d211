"""The cell of NAS-Bench-201 as a graph: its edges, its published string, and which cells are equal.

Source: NAS-Bench-201 (Dong and Yang, ICLR 2020), section 2; the isomorphism rule is
that of its reference code.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache

from navarch.spaces.paths import mean_path
from navarch.spaces.problems import InvalidArchitecture, Problem, shorten
from navarch.spaces.sketch import CellSketch
from navarch.spaces.spec import Dimension

# (source, target) in the order of the dimensions: all edges into a node stand before all edges out of it.
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
NODES = (0, 1, 2, 3)
INPUT, OUTPUT = NODES[0], NODES[-1]
NONE, SKIP = "none", "skip_connect"

# The same edges after nodes 1 and 2 have changed places, which is legal where edge 1->2 is none.
_SWAPPED = (1, 0, 2, 3, 5, 4)
_EDGE_1_2 = EDGES.index((1, 2))


def live_edges(operations: Sequence[str]) -> tuple[bool, ...]:
    """Return for every edge whether it lies on a path without none from the input to the output."""
    return _live(tuple(operation != NONE for operation in operations))


@lru_cache(maxsize=1 << len(EDGES))
def _live(is_open: tuple[bool, ...]) -> tuple[bool, ...]:
    """Return the same for every edge that is open or not, which is all that counts."""
    reached, leading = {INPUT}, {OUTPUT}
    steps = list(zip(EDGES, is_open, strict=True))
    for (source, target), leads in steps:
        if leads and source in reached:
            reached.add(target)
    for (source, target), leads in reversed(steps):
        if leads and target in leading:
            leading.add(source)
    return tuple(leads and source in reached and target in leading for (source, target), leads in steps)


def canonical_operations(operations: Sequence[str], order: Sequence[str]) -> tuple[str, ...]:
    """Return the representative of the cells that pruning and an exchange of nodes 1 and 2 make equal.

    They compute the same function; a few more pairs do that the rule does not see, such as a skip before an edge.

    Edges on no live path become none. Of the result and its twin with nodes 1 and 2 exchanged, where edge
    1->2 is none and allows it, the first by `order`, the order of the options, is taken. All cells without a
    live path become all none. 15,625 cells form 8,765 classes, whose members differ at most in parameters
    that nothing depends on.
    """
    is_live = live_edges(operations)
    pruned = tuple(operation if live else NONE for operation, live in zip(operations, is_live, strict=True))
    if pruned[_EDGE_1_2] != NONE:
        return pruned
    swapped = tuple(pruned[i] for i in _SWAPPED)
    return min(pruned, swapped, key=lambda cell: [order.index(operation) for operation in cell])


def path_counts(operations: Sequence[str], order: Sequence[str]) -> tuple[float, ...]:
    """Return how often each operation of `order` stands on a live path, in the mean over these."""
    edges = [
        (*edge, order.index(operation))
        for edge, operation in zip(EDGES, operations, strict=True)
        if operation != NONE
    ]
    return mean_path(edges, len(order), (INPUT,), (OUTPUT,))


def isomorphism_label(
    operations: Sequence[str], *, propagate_zero: bool, contract: Collection[int] = NODES
) -> str:
    """Return the published label of the cell's topology.

    Skips out of the nodes in `contract` are left out (12,751 values), and with `propagate_zero` what follows a
    none becomes none (6,466 values). It takes one shared operation and two equal ones for the same, so cells that
    share a label may differ in parameters and by several points of accuracy.
    """
    labels = {INPUT: "0"}
    terms: dict[int, list[str]] = {target: [] for _, target in EDGES}
    for (source, target), operation in zip(EDGES, operations, strict=True):
        if source not in labels:  # all edges into the source are behind us
            labels[source] = "+".join(sorted(terms[source]))
        if propagate_zero and (operation == NONE or labels[source] == "#"):
            terms[target].append("#")
        elif operation == SKIP and source in contract:
            terms[target].append(labels[source])
        else:
            terms[target].append(f"({labels[source]})@{operation}")
    return "+".join(sorted(terms[OUTPUT]))


def cell_sketch(operations: Sequence[str]) -> CellSketch:
    """Return the cell as a drawing shows it, with the edges that are cut."""
    edges = tuple((*edge, operation) for edge, operation in zip(EDGES, operations, strict=True))
    return CellSketch("cell", ("0 (input)", "1", "2", "3 (output)"), edges)


def write_published(operations: Sequence[str]) -> str:
    """Return the published string: a group per node, an entry per source, |op~0|+|op~0|op~1|+..."""
    groups: dict[int, list[str]] = {}
    for (source, target), operation in zip(EDGES, operations, strict=True):
        groups.setdefault(target, []).append(f"{operation}~{source}")
    return "+".join("|" + "|".join(group) + "|" for group in groups.values())


def read_published(text: str, dimensions: Sequence[Dimension]) -> tuple[str, ...]:
    """Return the operations in a published string. Raises: InvalidArchitecture with every edge's problem."""
    groups = text.split("+")
    if len(groups) != OUTPUT:
        raise _wrong_length(text, f"{OUTPUT} groups joined by +")
    entries: list[str] = []
    for sources, group in enumerate(groups, 1):
        if len(group) < 2 or group[0] != "|" or group[-1] != "|":
            raise InvalidArchitecture(
                [Problem("bad-encoding", "", shorten(group), ("|operation~source|...|",))]
            )
        if group.count("|") != sources + 1:
            raise _wrong_length(group, f"{sources} edges")
        entries += group[1:-1].split("|")
    found = [
        _read_edge(entry, source, dimension)
        for entry, (source, _), dimension in zip(entries, EDGES, dimensions, strict=True)
    ]
    if problems := [edge for edge in found if isinstance(edge, Problem)]:
        raise InvalidArchitecture(problems)
    return tuple(edge for edge in found if isinstance(edge, str))


def _read_edge(entry: str, source: int, dimension: Dimension) -> str | Problem:
    operation, _, given_source = entry.partition("~")
    if given_source != str(source):
        allowed = tuple(f"{name}~{source}" for name in dimension.names)
        return Problem("bad-encoding", dimension.name, shorten(entry), allowed)
    if operation not in dimension.names:
        return Problem("unknown-option", dimension.name, shorten(operation), dimension.names)
    return operation


def _wrong_length(text: str, expected: str) -> InvalidArchitecture:
    return InvalidArchitecture([Problem("wrong-length", "", shorten(text), (expected,))])
