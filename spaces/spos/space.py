"""The search space of SPOS: its published encoding, exact cost, network and drawing.

Source: Single Path One-Shot (Guo et al., ECCV 2020). No two architectures are the same network, so every one is its
own canonical form.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from navarch.spaces.arithmetic import conv_size
from navarch.spaces.sketch import Sketch, StageTable
from navarch.spaces.space import SearchSpace, require_positive
from navarch.spaces.spec import Architecture, Cost
from navarch.spaces.spos.cost import cost_table
from navarch.spaces.spos.encoding import read_published, write_published
from navarch.spaces.spos.layout import PROJECTION_KERNELS, Widths, block_layout

if TYPE_CHECKING:
    import torch


class SposShuffleNetV2(SearchSpace):
    """4^20 chains of twenty blocks with four operations each."""

    def genotype(self, arch: Architecture) -> str:
        """Return the published tuple, (2, 1, 0, ...)."""
        return write_published(self.code(arch))

    def cost(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> Cost:
        """Return the exact parameters and multiply-accumulates: a sum over the blocks."""
        chosen = self._indices(arch)
        sizes = self._sizes(skeleton)
        require_positive(classes=classes, in_channels=in_channels)
        table = cost_table(
            self.dimensions[0].names, classes, in_channels, self._resolution(resolution), Widths(**sizes)
        )
        return sum((row[i] for row, i in zip(table.blocks, chosen, strict=True)), table.fixed)

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
        from navarch.spaces.spos.network import Network

        self._indices(arch)
        sizes = self._sizes(skeleton)
        require_positive(classes=classes, in_channels=in_channels)
        return Network(arch.values, Widths(**sizes), classes=classes, in_channels=in_channels)

    def sketch(self, arch: Architecture) -> tuple[Sketch, ...]:
        """Return the chain: one row for each block, between the stem and the last convolution."""
        self._indices(arch)
        widths = Widths(**self._sizes(None))
        size = conv_size(self.input.resolution, kernel=3, stride=2, padding=1)
        rows = [_row("stem", "-", "conv_3x3", 3, 2, widths.stem, size)]
        for name, operation, block in zip(self.names, arch.values, block_layout(widths), strict=True):
            size = conv_size(size, kernel=3, stride=block.stride, padding=1)
            kernel = PROJECTION_KERNELS[operation]
            rows.append(_row(name, block.stage, operation, kernel, block.stride, block.c_out, size))
        rows.append(_row("head", "-", "conv_1x1", 1, 1, widths.head, size))
        columns = ("block", "stage", "operation", "kernel", "stride", "channels", "output size")
        return (StageTable("blocks", columns, tuple(rows)),)

    def _read_published(self, raw: str | Mapping[object, object] | Sequence[object]) -> Sequence[str] | None:
        return read_published(raw, self.dimensions) if isinstance(raw, str) else None


def _row(
    name: str, stage: int | str, operation: str, kernel: int, stride: int, channels: int, size: int
) -> tuple[str, ...]:
    window, side = f"{kernel}x{kernel}", f"{size}x{size}"
    return (name, str(stage), operation, window, str(stride), str(channels), side)
