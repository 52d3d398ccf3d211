"""The DARTS search space: equality, published encodings, exact cost, network and drawing of its two cells.

Source: DARTS (Liu, Simonyan and Yang, ICLR 2019). The published size counts a cell once for both orders of the
two inputs of a node. An architecture keeps the order in which it was proposed; the canonical form sorts it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from navarch.spaces.darts.cell import (
    INPUTS,
    NODES,
    OPERATIONS,
    CellGenotype,
    Edges,
    Genotype,
    canonical_cell,
    path_counts,
)
from navarch.spaces.darts.cost import Macro, network_cost
from navarch.spaces.darts.encoding import EDGES, read_published, write_published
from navarch.spaces.darts.skeleton import require_stem
from navarch.spaces.sketch import CellSketch
from navarch.spaces.space import SearchSpace, require_positive
from navarch.spaces.spec import Architecture, Cost

if TYPE_CHECKING:
    import torch

_ORDERS = 1 << (2 * NODES)  # in which the two inputs of every node of both cells can be written


class Darts(SearchSpace):
    """Two cells of four nodes with two inputs each: 180 * 7^8 = 1,037,664,180 normal and as many reduction cells.

    The skeleton has `width`, `layers` and `stem_stride`: 1 for the stem of the network for small images, 4 for
    that of the network for large ones, which is taken from 64 pixels on.
    """

    @property
    def size(self) -> int:
        """How many architectures there are, the two inputs of a node in either order being one."""
        return self.structure.size // _ORDERS

    def genotype(self, arch: Architecture) -> str:
        """Return the published text, `Genotype(normal=[...], normal_concat=range(2, 6), reduce=[...], ...)`."""
        return write_published(self.to_genotype(arch))

    def to_genotype(self, arch: Architecture) -> Genotype:
        """Return the two cells as values, as the functions for general genotypes take them."""
        normal, reduce = (
            CellGenotype(tuple((OPERATIONS[operation], source) for source, operation in edges))
            for edges in self._cells(arch)
        )
        return Genotype(normal, reduce)

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the representative of the architectures that are equal up to the order of inputs and nodes.

        Networks of equal architectures compute the same once the channels that a cell delivers, and with them
        the weights that read them, are put in the same order.
        """
        values: list[str] = []
        for edges in self._cells(arch):
            for source, operation in canonical_cell(edges)[0]:
                values += [str(source), OPERATIONS[operation]]
        return Architecture(self.name, tuple(values))

    def path_counts(self, arch: Architecture) -> tuple[float, ...]:
        """Return how often each operation stands on a path through the normal, then the reduction cell."""
        return tuple(count for edges in self._cells(arch) for count in path_counts(edges))

    def cost(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> Cost:
        """Return the exact parameters and multiply-accumulates, without the auxiliary head."""
        macro = self._macro(classes, in_channels, resolution, skeleton)
        return network_cost(self.to_genotype(arch), macro)

    def other_costs(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> dict[str, int | float]:
        """Return parameters and multiply-accumulates with the auxiliary head, which only training uses."""
        macro = self._macro(classes, in_channels, resolution, skeleton)
        cost = network_cost(self.to_genotype(arch), macro, auxiliary=True)
        return {"params_with_auxiliary_head": cost.params, "macs_with_auxiliary_head": cost.macs}

    def build(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
        auxiliary: bool = False,
    ) -> "torch.nn.Module":
        """Return the network: (batch, in_channels, height, width) float -> (batch, classes) logits.

        resolution: decides between the networks for small and for large images. auxiliary: with an auxiliary
        head; in training mode the module then returns (logits, auxiliary logits). The attribute `drop_path` of
        the module is the probability of drop-path, 0 at first.
        """
        macro = self._macro(classes, in_channels, resolution, skeleton)
        from navarch.spaces.darts.network import Network

        return Network(
            self.to_genotype(arch),
            classes=classes,
            in_channels=in_channels,
            width=macro.width,
            layers=macro.layers,
            stem_stride=macro.stem_stride,
            auxiliary=auxiliary,
        )

    def sketch(self, arch: Architecture) -> tuple[CellSketch, ...]:
        """Return the normal and the reduction cell."""
        genotype = self.to_genotype(arch)
        return _sketch_cell("normal cell", genotype.normal), _sketch_cell("reduction cell", genotype.reduce)

    def _read_published(self, raw: str | Mapping[object, object] | Sequence[object]) -> Sequence[str] | None:
        return read_published(raw, self.dimensions)

    def _cells(self, arch: Architecture) -> tuple[Edges, Edges]:
        """Return the edges of the normal and of the reduction cell."""
        indices = self._indices(arch)
        edges = tuple(zip(indices[::2], indices[1::2], strict=True))
        return edges[:EDGES], edges[EDGES:]

    def _macro(
        self, classes: int, in_channels: int, resolution: int | None, skeleton: Mapping[str, int] | None
    ) -> Macro:
        sizes = self._sizes(skeleton, resolution)
        require_positive(classes=classes, in_channels=in_channels)
        require_stem(sizes["stem_stride"])
        return Macro(
            classes=classes, in_channels=in_channels, resolution=self._resolution(resolution), **sizes
        )


def _sketch_cell(title: str, cell: CellGenotype) -> CellSketch:
    output = INPUTS + len(cell.edges) // 2
    nodes = ("cell k-2", "cell k-1", *(f"node {node}" for node in range(INPUTS, output)), "output")
    inner = tuple(
        (source, INPUTS + place // 2, operation) for place, (operation, source) in enumerate(cell.edges)
    )
    return CellSketch(title, nodes, (*inner, *((node, output, "concat") for node in cell.concat)))
