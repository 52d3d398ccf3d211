"""The search space of NAS-Bench-Macro: equality, exact cost, network and drawing of its chains.

Source: NAS-Bench-Macro (Su et al., Prioritized Architecture Sampling with Monte-Carlo Tree Search, CVPR 2021).
The published encoding, eight digits from 0 to 2, is the compact code. The benchmark's `flops` are our `macs`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from navarch.spaces.arithmetic import conv_size
from navarch.spaces.nas_bench_macro.cost import cost_table
from navarch.spaces.nas_bench_macro.layout import INVERTED_RESIDUALS, canonical_operations, layer_layout
from navarch.spaces.sketch import Sketch, StageTable
from navarch.spaces.space import SearchSpace, require_positive
from navarch.spaces.spec import Architecture, Cost

if TYPE_CHECKING:
    import torch


class NasBenchMacro(SearchSpace):
    """6,561 chains of eight layers with three operations each."""

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the representative of the chains that compute the same function (3,969 classes)."""
        self._indices(arch)
        return Architecture(self.name, canonical_operations(arch.values))

    def cost(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> Cost:
        """Return the exact parameters and multiply-accumulates: a sum over the layers."""
        chosen = self._indices(arch)
        sizes = self._sizes(skeleton)
        require_positive(classes=classes, in_channels=in_channels)
        side = self._resolution(resolution)
        table = cost_table(self.dimensions[0].names, classes, in_channels, side, **sizes)
        return sum((row[i] for row, i in zip(table.layers, chosen, strict=True)), table.fixed)

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
        from navarch.spaces.nas_bench_macro.network import Network

        self._indices(arch)
        sizes = self._sizes(skeleton)
        require_positive(classes=classes, in_channels=in_channels)
        return Network(arch.values, classes=classes, in_channels=in_channels, **sizes)

    def sketch(self, arch: Architecture) -> tuple[Sketch, ...]:
        """Return the chain: one row for each layer, between the stem and the last convolution."""
        self._indices(arch)
        width, head = self.skeleton["width"], self.skeleton["head"]
        size = self.input.resolution
        rows = [("stem", "-", "conv_3x3", "3x3", "-", "1", str(width), f"{size}x{size}")]
        for name, operation, layer in zip(self.names, arch.values, layer_layout(width), strict=True):
            size = conv_size(size, kernel=3, stride=layer.stride, padding=1)
            window, expansion = _shape(operation, layer.keeps_shape)
            place = (name, str(layer.stage), operation, window, expansion)
            rows.append((*place, str(layer.stride), str(layer.c_out), f"{size}x{size}"))
        rows.append(("head", "-", "conv_1x1", "1x1", "-", "1", str(head), f"{size}x{size}"))
        columns = ("layer", "stage", "operation", "kernel", "expansion", "stride", "channels", "output size")
        return (StageTable("layers", columns, tuple(rows)),)


def _shape(operation: str, keeps_shape: bool) -> tuple[str, str]:
    """Return kernel and expansion as texts; an identity is a 1x1 convolution where the shape changes."""
    if operation in INVERTED_RESIDUALS:
        kernel, expansion = INVERTED_RESIDUALS[operation]
        return f"{kernel}x{kernel}", str(expansion)
    return ("-" if keeps_shape else "1x1"), "-"
