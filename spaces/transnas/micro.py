"""The cell-level search space of TransNAS-Bench-101: equality, published string, exact cost and network.

Source: TransNAS-Bench-101 (Duan et al., CVPR 2021).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from navarch.spaces.nas_bench_201.cell import canonical_operations, cell_sketch, live_edges, path_counts
from navarch.spaces.sketch import Sketch
from navarch.spaces.space import SearchSpace, require_positive
from navarch.spaces.spec import Architecture, Cost
from navarch.spaces.transnas.cell import topology_label
from navarch.spaces.transnas.cost import Encoder, cell_prices, classifier, further_costs
from navarch.spaces.transnas.encoding import read_micro, write_micro

if TYPE_CHECKING:
    import torch


# What the decoders of the other tasks add to the encoder: published totals less the encoder. They read 512 channels
# at a 32nd of the resolution whatever the cell is, so it is the same number for every cell.
_DECODER_CHANNELS = 512
_DECODER_PARAMS = {
    "segmentation_params": 52_435_793 - 41_411_616,
    "normal_params": 64_283_475 - 41_411_616,
    "autoencoder_params": 64_283_475 - 41_411_616,
}


class TransNasMicro(SearchSpace):
    """4,096 cells of six edges with four operations each, in a network of five modules."""

    def genotype(self, arch: Architecture) -> str:
        """Return the published string, 64-41414-a_bc_def."""
        return write_micro(self.code(arch))

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the representative of the cells that are equal by pruning and exchange (1,948 classes).

        Edges on no live path become none, and nodes 1 and 2 may change places where edge 1->2 is none. Both hold in
        cells that change the shape too: there the edges into nodes 1 and 2 from node 0 do the same, and
        a cell without a live path delivers zeros of the new shape whatever its operations are.
        """
        self._indices(arch)
        return Architecture(self.name, canonical_operations(arch.values, self.dimensions[0].names))

    def diversity_label(self, arch: Architecture) -> str:
        """Return the published label of the topology (1,696 values); cells differ within a label."""
        self._indices(arch)
        return topology_label(arch.values)

    def path_counts(self, arch: Architecture) -> tuple[float, ...]:
        """Return how often each operation stands on a live path of the cell, in the mean over these."""
        self._indices(arch)
        return path_counts(arch.values, self.dimensions[0].names)

    def cost(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> Cost:
        """Return the exact parameters and multiply-accumulates of the classifier, dead edges included."""
        require_positive(classes=classes)
        return classifier(self._encoder(arch, in_channels, resolution, skeleton), classes)

    def other_costs(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> dict[str, int | float]:
        """Return the cost without the head, and the parameters of the networks for other tasks.

        Those with a decoder are left out where another width than the published one gives it other channels to read.
        """
        require_positive(classes=classes)
        encoder = self._encoder(arch, in_channels, resolution, skeleton)
        decoders = _DECODER_PARAMS if encoder.channels == _DECODER_CHANNELS else {}
        return further_costs(encoder) | {
            task: encoder.cost.params + params for task, params in decoders.items()
        }

    def build(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> "torch.nn.Module":
        """Return the network: (batch, in_channels, height, width) float -> (batch, classes) logits."""
        from navarch.spaces.transnas.network import make_micro

        operations = self.to_dict(arch)
        sizes = self._sizes(skeleton, resolution)
        require_positive(classes=classes, in_channels=in_channels)
        is_live = dict(zip(operations, live_edges(arch.values), strict=True))
        return make_micro(operations, is_live, classes=classes, in_channels=in_channels, **sizes)

    def sketch(self, arch: Architecture) -> tuple[Sketch, ...]:
        """Return the cell as a graph."""
        self._indices(arch)
        return (cell_sketch(arch.values),)

    def _encoder(
        self,
        arch: Architecture,
        in_channels: int,
        resolution: int | None,
        skeleton: Mapping[str, int] | None,
    ) -> Encoder:
        self._indices(arch)
        require_positive(in_channels=in_channels)
        sizes = self._sizes(skeleton, resolution)
        (cost, channels, size), edges = cell_prices(in_channels, self._resolution(resolution), **sizes)
        chosen = [prices[operation] for prices, operation in zip(edges, arch.values, strict=True)]
        params = cost.params + sum(price.params for price in chosen)
        return Encoder(Cost(params, cost.macs + sum(price.macs for price in chosen)), channels, size)

    def _read_published(self, raw: str | Mapping[object, object] | Sequence[object]) -> Sequence[str] | None:
        if isinstance(raw, str) and ("-" in raw or "_" in raw):
            return read_micro(raw, self.dimensions)
        return None
