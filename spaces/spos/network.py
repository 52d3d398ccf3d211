"""The network of twenty chosen blocks in torch.

Source: Single Path One-Shot (Guo et al., ECCV 2020), as it is trained after the search: the normalisations have
learned scales and shifts. One departure: the mean before the classifier is taken over the whole map, where
the published network has a window of 7x7 pixels, which is the whole map of an image of 224 pixels.
"""

from collections.abc import Sequence

import torch
from torch import nn

from navarch.spaces.spos.layout import KERNELS, PROJECTION_KERNELS, Block, Widths, block_layout

_DROPOUT = 0.1


class Network(nn.Module):
    """Stem, twenty blocks, a last convolution and a linear classifier without bias.

    operations: of the blocks, in order. Input (batch, in_channels, height, width) float of any height and
    width, output (batch, classes) logits.
    """

    def __init__(self, operations: Sequence[str], widths: Widths, *, classes: int, in_channels: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, widths.stem, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(widths.stem),
            nn.ReLU(),
        )
        pairs = zip(block_layout(widths), operations, strict=True)
        self.blocks = nn.Sequential(*(ShuffleBlock(block, operation) for block, operation in pairs))
        self.head = nn.Sequential(*_pointwise(widths.stage_4, widths.head))
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(_DROPOUT))
        self.classifier = nn.Linear(widths.head, classes, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of a batch of images."""
        logits: torch.Tensor = self.classifier(self.pool(self.head(self.blocks(self.stem(x)))))
        return logits


class ShuffleBlock(nn.Module):
    """What passes by the main branch, and what the main branch makes, one behind the other.

    With stride 1 the channels at even positions pass unchanged and the main branch reads those at odd ones;
    this is the shuffle: it mixes the two halves that the block before has put one behind the other. With
    stride 2 both branches read everything, and what passes is halved in resolution by a projection.
    """

    def __init__(self, block: Block, operation: str) -> None:
        super().__init__()
        self.main = nn.Sequential(*_make_main(block, operation))
        kernel = PROJECTION_KERNELS[operation]
        self.projection = (
            nn.Sequential(*_depthwise(block.c_in, kernel, stride=2), *_pointwise(block.c_in, block.c_in))
            if block.stride == 2
            else None
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, c_out, height, width); both halved and rounded up with stride 2."""
        if self.projection is None:
            passed, read = x[:, 0::2], x[:, 1::2]
        else:
            passed, read = self.projection(x), x
        return torch.cat((passed, self.main(read)), dim=1)


def _make_main(block: Block, operation: str) -> list[nn.Module]:
    if operation in KERNELS:
        return [
            *_pointwise(block.main_in, block.mid),
            *_depthwise(block.mid, KERNELS[operation], stride=block.stride),
            *_pointwise(block.mid, block.main_out),
        ]
    return [
        *_depthwise(block.main_in, 3, stride=block.stride),
        *_pointwise(block.main_in, block.mid),
        *_depthwise(block.mid, 3),
        *_pointwise(block.mid, block.mid),
        *_depthwise(block.mid, 3),
        *_pointwise(block.mid, block.main_out),
    ]


def _depthwise(channels: int, kernel: int, *, stride: int = 1) -> list[nn.Module]:
    """Return a depthwise convolution and its normalisation, without an activation."""
    conv = nn.Conv2d(
        channels, channels, kernel, stride=stride, padding=kernel // 2, groups=channels, bias=False
    )
    return [conv, nn.BatchNorm2d(channels)]


def _pointwise(c_in: int, c_out: int) -> list[nn.Module]:
    """Return a 1x1 convolution, its normalisation and a ReLU."""
    return [nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()]
