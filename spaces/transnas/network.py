"""The networks of TransNAS-Bench-101 in torch, for classification.

Source: TransNAS-Bench-101 (Duan et al., CVPR 2021). Departures from the published networks:
- edges on no live path exist (their parameters count) but are not computed. The published one computes them, and
  where an edge receives nothing but zeros its batch normalisation still delivers a learned shift, a constant per
  channel. Left out, cells that the canonical form calls equal stay equal when they are trained;
- of the heads there is the one that classifies; the decoders of the other tasks are left out.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import nn
from torch.nn import functional

from navarch.spaces.nas_bench_201.cell import EDGES, INPUT, NONE, OUTPUT
from navarch.spaces.nas_bench_201.network import make_conv
from navarch.spaces.transnas.outline import MICRO_OUTLINE, Block, plan_blocks, stem_width


class Network(nn.Module):
    """Stem, blocks in a chain, the average over all positions, and a linear classifier.

    Input (batch, in_channels, height, width) float of any height and width, output (batch, classes) logits.
    """

    def __init__(
        self, blocks: Iterable[nn.Module], *, classes: int, in_channels: int, width: int, channels: int
    ) -> None:
        super().__init__()
        inner = stem_width(width)
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, inner, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            _make_conv(Block(inner, width, 2), 3),
        )
        self.blocks = nn.Sequential(*blocks)
        self.tail = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of a batch of images."""
        logits: torch.Tensor = self.classifier(self.tail(self.blocks(self.stem(x))))
        return logits


def make_micro(
    operations: Mapping[str, str],
    is_live: Mapping[str, bool],
    *,
    classes: int,
    in_channels: int,
    width: int,
    cells: int,
) -> Network:
    """Return the network of a cell. operations, is_live: per edge name, in the order of EDGES."""
    plan = plan_blocks(MICRO_OUTLINE, width, cells)
    blocks = [Cell(operations, is_live, shape) for shape in plan]
    return Network(blocks, classes=classes, in_channels=in_channels, width=width, channels=plan[-1].c_out)


def make_macro(digits: str, *, classes: int, in_channels: int, width: int, cells: int) -> Network:
    """Return the network of residual blocks, given the digits of its modules."""
    plan = plan_blocks(digits, width, cells)
    blocks = [BasicBlock(shape) for shape in plan]
    return Network(blocks, classes=classes, in_channels=in_channels, width=width, channels=plan[-1].c_out)


class Cell(nn.Module):
    """Four nodes; each adds up what the operations on its incoming edges make of the nodes before it.

    The edges from the input take on the change of shape, all others keep it.
    """

    def __init__(self, operations: Mapping[str, str], is_live: Mapping[str, bool], shape: Block) -> None:
        super().__init__()
        self._shape = shape
        placed = [
            (name, source, target)
            for (name, operation), (source, target) in zip(operations.items(), EDGES, strict=True)
            if operation != NONE
        ]
        self.edges = nn.ModuleDict(
            {
                name: _make_operation(operations[name], shape if source == INPUT else shape.kept)
                for name, source, _ in placed
            }
        )
        self._live = [edge for edge in placed if is_live[edge[0]]]
        self._idle = [edge for edge in placed if not is_live[edge[0]]]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output node: (batch, c_out, ceil(height / stride), ceil(width / stride))."""
        nodes = {INPUT: x}
        for name, source, target in self._live:  # sources are complete before they are read: see EDGES
            delivered = self.edges[name](nodes[source])
            nodes[target] = nodes[target] + delivered if target in nodes else delivered
        output = nodes[OUTPUT] if OUTPUT in nodes else self._zeros(x)
        if x.device.type == "meta":  # a count of operations, and the published counts have the idle edges
            for name, source, _ in self._idle:
                self.edges[name](x if source == INPUT else output)
        return output

    def _zeros(self, x: torch.Tensor) -> torch.Tensor:
        height, width = (-(-side // self._shape.stride) for side in x.shape[2:])
        return x.new_zeros(x.shape[0], self._shape.c_out, height, width)


class FactorizedReduce(nn.Module):
    """A skip that halves height and width: half the output channels see even positions, half odd ones."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(c_in, c_out - c_out // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, c_out, ceil(height / 2), ceil(width / 2)).

        Where a side is odd, its last odd position lies beyond the border and is zero.
        """
        x = functional.relu(x)
        shifted = functional.pad(x, (-1, 1, -1, 1))  # without the first row and column, with zeros at the end
        reduced: torch.Tensor = self.norm(torch.cat([self.even(x), self.odd(shifted)], dim=1))
        return reduced


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, of which the first takes on the change of shape, and a shortcut around both."""

    def __init__(self, shape: Block) -> None:
        super().__init__()
        self.main = nn.Sequential(_make_conv(shape, 3), _make_conv(shape.kept, 3))
        self.shortcut: nn.Module = nn.Identity()
        if not shape.keeps_shape:
            conv = nn.Conv2d(shape.c_in, shape.c_out, 1, stride=shape.stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(shape.c_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, c_out, ceil(height / stride), ceil(width / stride))."""
        total: torch.Tensor = self.main(x) + self.shortcut(x)
        return total


def _make_operation(operation: str, shape: Block) -> nn.Module:
    if operation == "skip_connect":
        return nn.Identity() if shape.keeps_shape else FactorizedReduce(shape.c_in, shape.c_out)
    if operation == "nor_conv_1x1":
        return _make_conv(shape, 1)
    if operation == "nor_conv_3x3":
        return _make_conv(shape, 3)
    raise ValueError(f"no such operation: {operation!r}")


def _make_conv(shape: Block, kernel: int) -> nn.Sequential:
    """Return ReLU, convolution without bias, batch normalisation: the order of TransNAS-Bench-101."""
    return make_conv(shape.c_in, shape.c_out, kernel, stride=shape.stride)
