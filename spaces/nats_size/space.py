"""The size search space of NATS-Bench: its published string, exact cost, network and drawing.

Source: NATS-Bench (Dong et al., TPAMI 2021). No two architectures are the same network, so every one is its own
canonical form.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from navarch.spaces.arithmetic import conv_size
from navarch.spaces.nats_size.cost import cost_table
from navarch.spaces.nats_size.encoding import read_published, write_published
from navarch.spaces.sketch import Sketch, StageTable
from navarch.spaces.space import SearchSpace, require_positive
from navarch.spaces.spec import Architecture, Cost

if TYPE_CHECKING:
    import torch

_BLOCKS = ("cell", "residual block", "cell", "residual block", "cell")


class NatsSize(SearchSpace):
    """32,768 networks of one topology, with eight numbers of channels for each of five blocks."""

    def genotype(self, arch: Architecture) -> str:
        """Return the published string, 8:16:24:32:40."""
        self._indices(arch)
        return write_published(arch.values)

    def index(self, arch: Architecture) -> int:
        """Return the number of the architecture in the benchmark, which counts the last block fastest."""
        index = 0
        for dimension, chosen in zip(self.dimensions, self._indices(arch), strict=True):
            index = index * len(dimension.options) + chosen
        return index

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
        self._indices(arch)
        self._sizes(skeleton)
        require_positive(classes=classes, in_channels=in_channels)
        widths = tuple(int(name) for name in self.dimensions[0].names)
        table = cost_table(widths, classes, in_channels, self._resolution(resolution))
        return table.total(_channels(arch))

    def other_costs(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> dict[str, int | float]:
        """Return `published_flops`, as the benchmark counts: one addition more for each class, the bias."""
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
        from navarch.spaces.nats_size.network import Network

        self._indices(arch)
        self._sizes(skeleton)
        require_positive(classes=classes, in_channels=in_channels)
        return Network(_channels(arch), classes=classes, in_channels=in_channels)

    def sketch(self, arch: Architecture) -> tuple[Sketch, ...]:
        """Return the chain: one row for each of the five blocks."""
        self._indices(arch)
        rows: list[tuple[str, ...]] = []
        size, before = self.input.resolution, arch.values[0]
        for name, block, channels in zip(self.names, _BLOCKS, arch.values, strict=True):
            stride = 1 if block == "cell" else 2
            size = conv_size(size, kernel=3, stride=stride, padding=1)
            rows.append((name, block, "3x3", str(stride), before, channels, f"{size}x{size}"))
            before = channels
        columns = ("dimension", "operation", "kernel", "stride", "channels in", "channels out", "output size")
        return (StageTable("blocks", columns, tuple(rows)),)

    def _read_published(self, raw: str | Mapping[object, object] | Sequence[object]) -> Sequence[str] | None:
        return read_published(raw, self.dimensions) if isinstance(raw, str) else None


def _channels(arch: Architecture) -> tuple[int, ...]:
    return tuple(int(value) for value in arch.values)
