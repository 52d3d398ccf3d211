"""The search space of NAS-Bench-201: equality, published string, exact cost and network of its cells.

Source: NAS-Bench-201 (Dong and Yang, ICLR 2020). As in the benchmark, parameters and multiply-accumulates
count every edge that has a convolution, also those that cannot influence the output. The benchmark's own
`flops` are our `macs` plus one addition per class (the bias of the classifier).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from navarch.spaces.nas_bench_201.cell import (
    canonical_operations,
    cell_sketch,
    isomorphism_label,
    live_edges,
    path_counts,
    read_published,
    write_published,
)
from navarch.spaces.sketch import Sketch
from navarch.spaces.space import SearchSpace, require_positive
from navarch.spaces.spec import Architecture, Cost

if TYPE_CHECKING:
    import torch

_STAGES = 3
_CONV_3X3, _CONV_1X1 = "nor_conv_3x3", "nor_conv_1x1"


class NasBench201(SearchSpace):
    """15,625 cells of six edges with five operations each, in a network of three stages."""

    def genotype(self, arch: Architecture) -> str:
        """Return the published string, |op~0|+|op~0|op~1|+|op~0|op~1|op~2|."""
        self._indices(arch)
        return write_published(arch.values)

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the representative of the cells that are equal by pruning and exchange (8,765 classes)."""
        self._indices(arch)
        return Architecture(self.name, canonical_operations(arch.values, self.dimensions[0].names))

    def diversity_label(self, arch: Architecture) -> str:
        """Return the published isomorphism label (6,466 values); accuracy differs within a label."""
        self._indices(arch)
        return isomorphism_label(arch.values, propagate_zero=True)

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
        """Return the exact parameters and multiply-accumulates, dead edges included."""
        self._indices(arch)
        sizes = self._sizes(skeleton)
        require_positive(classes=classes, in_channels=in_channels)
        prices = _prices(classes, in_channels, self._resolution(resolution), sizes["width"], sizes["cells"])
        n3, n1 = arch.values.count(_CONV_3X3), arch.values.count(_CONV_1X1)
        return Cost(
            params=prices.fixed.params + n3 * prices.conv_3x3.params + n1 * prices.conv_1x1.params,
            macs=prices.fixed.macs + n3 * prices.conv_3x3.macs + n1 * prices.conv_1x1.macs,
        )

    def other_costs(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> dict[str, int | float]:
        """Return `published_flops`: the multiply-accumulates and the additions of the classifier's bias."""
        cost = self.cost(
            arch, classes=classes, in_channels=in_channels, resolution=resolution, skeleton=skeleton
        )
        return {"published_flops": cost.macs + classes}

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
        from navarch.spaces.nas_bench_201.network import Network

        operations = self.to_dict(arch)
        sizes = self._sizes(skeleton)
        require_positive(classes=classes, in_channels=in_channels)
        is_live = dict(zip(operations, live_edges(arch.values), strict=True))
        return Network(operations, is_live, classes=classes, in_channels=in_channels, **sizes)

    def sketch(self, arch: Architecture) -> tuple[Sketch, ...]:
        """Return the cell as a graph."""
        self._indices(arch)
        return (cell_sketch(arch.values),)

    def _read_published(self, raw: str | Mapping[object, object] | Sequence[object]) -> Sequence[str] | None:
        if isinstance(raw, str) and ("|" in raw or "~" in raw):
            return read_published(raw, self.dimensions)
        return None


class _Prices(NamedTuple):
    """The cost of the network around the cells, and what one edge with a convolution adds over all cells."""

    fixed: Cost
    conv_3x3: Cost
    conv_1x1: Cost


@lru_cache(maxsize=64)
def _prices(classes: int, in_channels: int, resolution: int, width: int, cells: int) -> _Prices:
    """Return the closed form. Convolutions have no bias, batch normalisation has two parameters a channel."""
    params, macs = 9 * in_channels * width + 2 * width, 9 * in_channels * width * resolution**2
    edge_params, edge_macs = {9: 0, 1: 0}, {9: 0, 1: 0}
    channels, size = width, resolution
    for stage in range(_STAGES):
        if stage > 0:
            wide, size = 2 * channels, (size + 1) // 2
            # two 3x3 convolutions with batch normalisation, and a 1x1 convolution without on the shortcut
            weights = 9 * channels * wide + 9 * wide * wide + channels * wide
            params += weights + 2 * 2 * wide
            macs += weights * size**2
            channels = wide
        for area in (9, 1):
            edge_params[area] += cells * (area * channels**2 + 2 * channels)
            edge_macs[area] += cells * area * channels**2 * size**2
    params += 2 * channels + channels * classes + classes
    macs += channels * classes
    return _Prices(Cost(params, macs), *(Cost(edge_params[area], edge_macs[area]) for area in (9, 1)))
