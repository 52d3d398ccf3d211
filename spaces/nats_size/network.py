"""The network of five chosen numbers of channels in torch.

Source: NATS-Bench (Dong et al., TPAMI 2021), size search space. One departure: the pooling of a shortcut rounds
up, so that odd resolutions work; even ones are as published.
"""

from collections.abc import Sequence

import torch
from torch import nn

from navarch.spaces.nas_bench_201.network import Reduction, make_conv


class Network(nn.Module):
    """Stem, three cells with residual blocks between them, and a linear classifier.

    channels: of the five blocks, in order. Input (batch, in_channels, height, width) float of any height and
    width, output (batch, classes) logits.
    """

    def __init__(self, channels: Sequence[int], *, classes: int, in_channels: int) -> None:
        super().__init__()
        c0, c1, c2, c3, c4 = channels
        self.stem = nn.Sequential(nn.Conv2d(in_channels, c0, 3, padding=1, bias=False), nn.BatchNorm2d(c0))
        self.blocks = nn.Sequential(
            Cell(c0, c0), Reduction(c0, c1), Cell(c1, c2), Reduction(c2, c3), Cell(c3, c4)
        )
        self.tail = nn.Sequential(nn.BatchNorm2d(c4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(c4, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of a batch of images."""
        logits: torch.Tensor = self.classifier(self.tail(self.blocks(self.stem(x))))
        return logits


class Cell(nn.Module):
    """Four nodes, every pair joined by a 3x3 convolution, but for the skip from the input to the output.

    Edges from the input change the number of channels. Where they do, the skip is a 1x1 convolution with
    normalisation and without the ReLU that opens every other edge.
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {
                "0_1": make_conv(c_in, c_out, 3),
                "0_2": make_conv(c_in, c_out, 3),
                "1_2": make_conv(c_out, c_out, 3),
                "0_3": _make_skip(c_in, c_out),
                "1_3": make_conv(c_out, c_out, 3),
                "2_3": make_conv(c_out, c_out, 3),
            }
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, c_out, height, width), the sizes as they were."""
        node_1 = self.edges["0_1"](x)
        node_2 = self.edges["0_2"](x) + self.edges["1_2"](node_1)
        output: torch.Tensor = self.edges["0_3"](x) + self.edges["1_3"](node_1) + self.edges["2_3"](node_2)
        return output


def _make_skip(c_in: int, c_out: int) -> nn.Module:
    if c_in == c_out:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out))
