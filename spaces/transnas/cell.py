"""Which TransNAS cells are equal, and the published labels of their topology.

The cell is the graph of NAS-Bench-201: four nodes, six edges, the same order. A skip on an edge from node 0 has
parameters in a cell that changes the shape, so contracting it would change the function.

Source: TransNAS-Bench-101 (Duan et al., CVPR 2021).
"""

from collections.abc import Collection, Sequence

from navarch.spaces.nas_bench_201.cell import isomorphism_label

INNER_NODES = (1, 2)


def topology_label(operations: Sequence[str], *, contract: Collection[int] = INNER_NODES) -> str:
    """Return the label of a cell's topology, in which what follows a none is none.

    contract: the nodes whose outgoing skips are left out. 1,696 values for nodes 1 and 2, whose skips are always
    the identity; 1,236 for nodes 0, 1 and 2; 2,248 for no node. Cells that share a label may differ in
    parameters: one operation that two nodes share and two equal operations read the same.
    """
    return isomorphism_label(operations, propagate_zero=True, contract=contract)
