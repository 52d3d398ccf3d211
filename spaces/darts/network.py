"""The networks of DARTS in torch, for small and for large images.

Source: DARTS (Liu, Simonyan and Yang, ICLR 2019). They take any genotype and images of any size. Departures from
the published networks, none of which shows at the published sizes:
- a skip that halves an odd number of pixels reads one row and column of zeros beyond the last, so that its two
  halves are of one size; where it has an odd number of channels, the first half has one more;
- the network for large images averages over whatever its last cell delivers, not over 7x7 pixels;
- the auxiliary head pools maps that are too small for its window to 2x2, and averages what its last convolution
  delivers where that is more than one pixel.
"""

from collections.abc import Sequence

import torch
from torch import nn

from navarch import NavarchError
from navarch.spaces.darts.cell import INPUTS, CellGenotype, Genotype
from navarch.spaces.darts.skeleton import (
    AUXILIARY_CHANNELS,
    AUXILIARY_STRIDE,
    AUXILIARY_WINDOW,
    SMALL_STEM,
    Placement,
    place_cells,
    stem_channels,
)
from navarch.spaces.pooling import AveragePool
from navarch.spaces.problems import shorten


class Network(nn.Module):
    """Stem, chain of cells, and linear classifier.

    auxiliary: add a second classifier behind the last reduction cell. The attribute `drop_path`, which may be set
    at any time, is the probability, less than 1, with which training zeroes the result of an operation for an
    image; results that remain are scaled up to make up for it, and identities are spared.

    Input (batch, in_channels, height, width) float of any height and width. Output (batch, classes) logits; with
    an auxiliary head and in training mode, a pair of them, those of the auxiliary head second.
    """

    def __init__(
        self,
        genotype: Genotype,
        *,
        classes: int,
        in_channels: int,
        width: int,
        layers: int,
        stem_stride: int,
        auxiliary: bool = False,
    ) -> None:
        super().__init__()
        self._drop_path = 0.0
        self.stems = _make_stems(in_channels, width, stem_stride)
        placements = place_cells(
            len(genotype.normal.concat),
            len(genotype.reduce.concat),
            width=width,
            layers=layers,
            stem_stride=stem_stride,
        )
        cells: list[Cell] = []
        for placement in placements:
            cell = genotype.reduce if placement.is_reduction else genotype.normal
            cells += [Cell(cell, placement) for _ in range(placement.repeats)]
        self.cells = nn.ModuleList(cells)
        self._last_reduction = 2 * layers // 3
        self.auxiliary = (
            AuxiliaryHead(cells[self._last_reduction].out_channels, classes, stem_stride)
            if auxiliary
            else None
        )
        self.classifier = nn.Linear(cells[-1].out_channels, classes)

    @property
    def drop_path(self) -> float:
        """Return the probability of drop-path; see the class. Setting it raises NavarchError for bad ones."""
        return self._drop_path

    @drop_path.setter
    def drop_path(self, probability: float) -> None:
        if not 0 <= probability < 1:
            raise NavarchError(f"drop_path must be at least 0 and less than 1, not {shorten(probability)}")
        self._drop_path = probability

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Return the logits of a batch of images, in training with those of the auxiliary head."""
        state_0 = self.stems[0](x)
        state_1 = self.stems[1](state_0)
        auxiliary_logits = None
        for place, cell in enumerate(self.cells):
            state_0, state_1 = state_1, cell(state_0, state_1, self._drop_path)
            if place == self._last_reduction and self.auxiliary is not None and self.training:
                auxiliary_logits = self.auxiliary(state_1)
        logits: torch.Tensor = self.classifier(state_1.mean((2, 3)))
        return logits if auxiliary_logits is None else (logits, auxiliary_logits)


class Cell(nn.Module):
    """Nodes that add up two operations each on earlier states; the output joins the channels of some nodes."""

    def __init__(self, genotype: CellGenotype, placement: Placement) -> None:
        super().__init__()
        channels = placement.channels
        self.out_channels = len(genotype.concat) * channels
        self.adapt_0 = (
            HalvingSkip(placement.c_prev_prev, channels)
            if placement.after_reduction
            else _make_conv(placement.c_prev_prev, channels)
        )
        self.adapt_1 = _make_conv(placement.c_prev, channels)
        self.edges = nn.ModuleList(
            _make_operation(operation, channels, 2 if placement.is_reduction and source < INPUTS else 1)
            for operation, source in genotype.edges
        )
        self._sources = tuple(source for _, source in genotype.edges)
        self._concat = genotype.concat

    def forward(self, state_0: torch.Tensor, state_1: torch.Tensor, drop_path: float = 0.0) -> torch.Tensor:
        """Return (batch, out_channels, height, width), halved and rounded up by a reduction cell.

        state_1: (batch, c_prev, height, width). state_0: (batch, c_prev_prev, height, width), after a reduction
        with twice the height and width.
        """
        states = [self.adapt_0(state_0), self.adapt_1(state_1)]
        for first in range(0, len(self._sources), 2):
            a, b = (self._deliver(edge, states, drop_path) for edge in (first, first + 1))
            states.append(a + b)
        return torch.cat([states[node] for node in self._concat], dim=1)

    def _deliver(self, edge: int, states: Sequence[torch.Tensor], drop_path: float) -> torch.Tensor:
        operation = self.edges[edge]
        result: torch.Tensor = operation(states[self._sources[edge]])
        if self.training and drop_path > 0 and not isinstance(operation, nn.Identity):
            return _drop_images(result, drop_path)
        return result


class HalvingSkip(nn.Module):
    """Half the resolution, rounded up, without a window: two 1x1 convolutions, one shifted by one pixel."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        halves = ((c_out + 1) // 2, c_out // 2)
        self.halves = nn.ModuleList(nn.Conv2d(c_in, c, 1, stride=2, bias=False) for c in halves if c > 0)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, c_out, ceil(height / 2), ceil(width / 2))."""
        x = torch.relu(x)
        shifted = nn.functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        parts = [half(y) for half, y in zip(self.halves, (x, shifted), strict=False)]
        joined: torch.Tensor = self.norm(torch.cat(parts, dim=1))
        return joined


class AuxiliaryHead(nn.Module):
    """A second classifier, for training: (batch, channels, height, width) -> (batch, classes) logits."""

    def __init__(self, channels: int, classes: int, stem_stride: int) -> None:
        super().__init__()
        narrow, wide = AUXILIARY_CHANNELS
        self._stride = AUXILIARY_STRIDE[stem_stride]
        self.features = nn.Sequential(
            nn.Conv2d(channels, narrow, 1, bias=False),
            nn.BatchNorm2d(narrow),
            nn.ReLU(),
            nn.Conv2d(narrow, wide, 2, bias=False),
            # as published, none where images are large
            nn.BatchNorm2d(wide) if stem_stride == SMALL_STEM else nn.Identity(),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(wide, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        x = torch.relu(x)
        if min(x.shape[2:]) < AUXILIARY_WINDOW + self._stride:
            x = nn.functional.adaptive_avg_pool2d(x, 2)
        else:
            x = nn.functional.avg_pool2d(x, AUXILIARY_WINDOW, self._stride)
        logits: torch.Tensor = self.classifier(self.features(x).mean((2, 3)))
        return logits


def _drop_images(x: torch.Tensor, probability: float) -> torch.Tensor:
    """Return x with some images zeroed and the others scaled, so that the mean stays what it was."""
    keep = 1 - probability
    return x * (torch.rand(x.shape[0], 1, 1, 1, device=x.device) < keep) / keep


def _make_stems(in_channels: int, width: int, stem_stride: int) -> nn.ModuleList:
    """Return what makes state 0 of the first cell of the image, and what makes state 1 of state 0."""
    out = stem_channels(width, stem_stride)
    if stem_stride == SMALL_STEM:
        conv = nn.Conv2d(in_channels, out, 3, padding=1, bias=False)
        return nn.ModuleList([nn.Sequential(conv, nn.BatchNorm2d(out)), nn.Identity()])

    def halve(c_in: int, c_out: int) -> list[nn.Module]:
        return [nn.Conv2d(c_in, c_out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(c_out)]

    half = (out + 1) // 2
    first = nn.Sequential(*halve(in_channels, half), nn.ReLU(), *halve(half, out))
    return nn.ModuleList([first, nn.Sequential(nn.ReLU(), *halve(out, out))])


def _make_operation(name: str, channels: int, stride: int) -> nn.Module:
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, padding=1)
    if name == "avg_pool_3x3":
        return AveragePool(stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else HalvingSkip(channels, channels)
    if name == "conv_7x1_1x7":
        return _make_crossed_conv(channels, stride)
    kernel = int(name[-1])
    if name.startswith("sep_conv"):
        return nn.Sequential(
            *_separable(channels, kernel, stride=stride), *_separable(channels, kernel, stride=1)
        )
    return nn.Sequential(*_separable(channels, kernel, stride=stride, dilation=2))


def _make_conv(c_in: int, c_out: int) -> nn.Module:
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out))


def _separable(channels: int, kernel: int, *, stride: int, dilation: int = 1) -> list[nn.Module]:
    """Return ReLU, a convolution of each channel, one across the channels, batch normalisation."""
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(
        channels, channels, kernel, stride, padding, dilation=dilation, groups=channels, bias=False
    )
    return [nn.ReLU(), depthwise, nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)]


def _make_crossed_conv(channels: int, stride: int) -> nn.Module:
    """Return ReLU, a convolution along rows, one along columns, batch normalisation."""
    rows = nn.Conv2d(channels, channels, (1, 7), (1, stride), (0, 3), bias=False)
    columns = nn.Conv2d(channels, channels, (7, 1), (stride, 1), (3, 0), bias=False)
    return nn.Sequential(nn.ReLU(), rows, columns, nn.BatchNorm2d(channels))
