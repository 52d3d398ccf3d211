"""Cells as graphs, and which of them are equal.

States 0 and 1 of a cell are the outputs of the two cells before it; every further state is a node, which adds up
two operations on states before it. Genotypes here are general: any number of nodes, any selection of nodes in
the output, two inputs of a node from one state. So they also hold the cells of NASNet and AmoebaNet in the form
in which DARTS (Liu, Simonyan and Yang, ICLR 2019) compares with them. The search space itself is narrower.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

from navarch import NavarchError
from navarch.spaces.paths import mean_path
from navarch.spaces.problems import shorten

INPUTS = 2
NODES = 4
CONCAT = tuple(range(INPUTS, INPUTS + NODES))
OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
OTHER_OPERATIONS = ("sep_conv_7x7", "conv_7x1_1x7")  # in published cells from outside the search space

Edges = tuple[tuple[int, int], ...]  # (source, position in OPERATIONS); entries 2i and 2i+1 lead to node i+2


@dataclass(frozen=True, slots=True)
class CellGenotype:
    """A cell as published: two (operation, source) edges for each node, and the nodes that form its output.

    Raises: NavarchError where an operation is unknown, a source does not stand before its node, or the output
    names no node or one that does not exist.
    """

    edges: tuple[tuple[str, int], ...]
    concat: tuple[int, ...] = CONCAT

    def __post_init__(self) -> None:
        if not self.edges or len(self.edges) % 2:
            raise NavarchError(f"a cell needs two edges for each node, but it has {len(self.edges)} edges")
        for place, (operation, source) in enumerate(self.edges):
            node = INPUTS + place // 2
            if operation not in OPERATIONS + OTHER_OPERATIONS:
                known = ", ".join(OPERATIONS + OTHER_OPERATIONS)
                raise NavarchError(
                    f"node {node} has the unknown operation {shorten(operation)}: known are {known}"
                )
            if source not in range(node):
                raise NavarchError(
                    f"node {node} reads state {shorten(source)}, but only states 0 to {node - 1} stand before it"
                )
        last = INPUTS + len(self.edges) // 2 - 1
        if not self.concat or any(node not in range(INPUTS, last + 1) for node in self.concat):
            raise NavarchError(
                f"the output of a cell must join some of the nodes {INPUTS} to {last}, not {list(self.concat)}"
            )


@dataclass(frozen=True, slots=True)
class Genotype:
    """The two cells of a network."""

    normal: CellGenotype
    reduce: CellGenotype


@lru_cache(maxsize=4_096)
def canonical_cell(edges: Edges) -> tuple[Edges, tuple[int, ...]]:
    """Return the representative of the equal cells, and the given cell's nodes in their new order.

    The two edges of a node may change places. Nodes may be renumbered as long as sources stand before targets,
    because all of them are in the output: its channels come in another order, and the network is the same
    function once the weights that read them do too. Of these, at most 24, the lexicographically first is taken.
    """
    return min((_renumber(edges, order), order) for order in _orders(edges))


def path_counts(edges: Edges) -> tuple[float, ...]:
    """Return how often each operation stands on a path from an input to the output, in the mean over the paths."""
    graph = [(source, INPUTS + place // 2, operation) for place, (source, operation) in enumerate(edges)]
    return mean_path(graph, len(OPERATIONS), range(INPUTS), CONCAT)


def _orders(edges: Edges) -> Iterator[tuple[int, ...]]:
    """Yield the orders of the nodes in which every source stands before its targets."""
    for order in permutations(range(INPUTS, INPUTS + len(edges) // 2)):
        at = {node: place for place, node in enumerate(order)}
        if all(
            source < INPUTS or at[source] < at[INPUTS + place // 2] for place, (source, _) in enumerate(edges)
        ):
            yield order


def _renumber(edges: Edges, order: Sequence[int]) -> Edges:
    number = {0: 0, 1: 1} | {node: INPUTS + place for place, node in enumerate(order)}
    renumbered: list[tuple[int, int]] = []
    for node in order:
        first = 2 * (node - INPUTS)
        renumbered += sorted((number[source], operation) for source, operation in edges[first : first + 2])
    return tuple(renumbered)
