"""The network of a NAS-Bench-201 cell in torch.

Source: NAS-Bench-201 (Dong and Yang, ICLR 2020), section 2.1. Two departures from the published network:
- the pooling of a shortcut rounds up, so that odd resolutions work; even ones are as published;
- edges on no live path exist (their parameters count) but are not computed. The published one computes them,
  and where an edge receives nothing but zeros its batch normalisation still delivers a learned shift, a
  constant per channel. Left out, cells that the canonical form calls equal stay equal when they are trained.
"""

from collections.abc import Mapping

import torch
from torch import nn

from navarch.spaces.nas_bench_201.cell import EDGES, INPUT, NONE, OUTPUT
from navarch.spaces.pooling import AveragePool

_STAGES = 3


class Network(nn.Module):
    """Stem, three stages of equal cells with residual blocks between them, and a linear classifier.

    operations, is_live: per edge name, in the order of EDGES. width: channels of the first stage. cells:
    copies of the cell in each stage. Input (batch, in_channels, height, width) float of any height and width,
    output (batch, classes) logits.
    """

    def __init__(
        self,
        operations: Mapping[str, str],
        is_live: Mapping[str, bool],
        *,
        classes: int,
        in_channels: int,
        width: int,
        cells: int,
    ) -> None:
        super().__init__()
        channels = width
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        blocks: list[nn.Module] = []
        for stage in range(_STAGES):
            if stage > 0:
                blocks.append(Reduction(channels, 2 * channels))
                channels *= 2
            blocks += [Cell(operations, is_live, channels) for _ in range(cells)]
        self.blocks = nn.Sequential(*blocks)
        self.tail = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of a batch of images."""
        logits: torch.Tensor = self.classifier(self.tail(self.blocks(self.stem(x))))
        return logits


class Cell(nn.Module):
    """Four nodes; each adds up what the operations on its incoming edges make of the nodes before it.

    `runs_idle_edges`: compute the edges on no live path as well, as the published network does.
    """

    runs_idle_edges = False

    def __init__(self, operations: Mapping[str, str], is_live: Mapping[str, bool], channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {
                name: _make_operation(operation, channels)
                for name, operation in operations.items()
                if operation != NONE
            }
        )
        self._placed = [
            (name, *edge) for name, edge in zip(operations, EDGES, strict=True) if name in self.edges
        ]
        self._live = [edge for edge in self._placed if is_live[edge[0]]]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output node, of the shape of the input."""
        # On the meta device operations are counted, and the published counts have the idle edges.
        runs_all = self.runs_idle_edges or x.device.type == "meta"
        nodes = {INPUT: x}
        for name, source, target in self._placed if runs_all else self._live:  # sources first: see EDGES
            delivered = self.edges[name](nodes[source] if source in nodes else torch.zeros_like(x))
            nodes[target] = nodes[target] + delivered if target in nodes else delivered
        return nodes[OUTPUT] if OUTPUT in nodes else torch.zeros_like(x)


class Reduction(nn.Module):
    """The residual block between two stages: half the resolution (rounded up), and other channels."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.main = nn.Sequential(make_conv(c_in, c_out, 3, stride=2), make_conv(c_out, c_out, 3))
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True), nn.Conv2d(c_in, c_out, 1, bias=False)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, c_out, ceil(height / 2), ceil(width / 2))."""
        total: torch.Tensor = self.main(x) + self.shortcut(x)
        return total


def _make_operation(operation: str, channels: int) -> nn.Module:
    if operation == "skip_connect":
        return nn.Identity()
    if operation == "nor_conv_1x1":
        return make_conv(channels, channels, 1)
    if operation == "nor_conv_3x3":
        return make_conv(channels, channels, 3)
    if operation == "avg_pool_3x3":
        return AveragePool()
    raise ValueError(f"no such operation: {operation!r}")


def make_conv(c_in: int, c_out: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    """Return ReLU, convolution without bias, batch normalisation: the order of NAS-Bench-201."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(c_out))
