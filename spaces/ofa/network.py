"""The chain of blocks in torch.

Source: MobileNetV3 (Howard et al., ICCV 2019), with the head of Once-for-All (Cai et al., ICLR 2020): its layer
after the pooling has neither bias nor batch normalisation. Weights start as torch initialises them.
"""

from collections import OrderedDict
from collections.abc import Iterable

import torch
from torch import nn

from navarch.spaces.ofa.chain import STEM_KERNEL, STEM_STRIDE, Activation, Block, Widths

_DROPOUT = 0.1
_ACTIVATIONS: dict[Activation, type[nn.Module]] = {"relu": nn.ReLU, "h_swish": nn.Hardswish}


class Network(nn.Module):
    """Stem, the blocks one after the other, and a head of two layers with the pooling between them.

    Input (batch, in_channels, height, width) float of any height and width, output (batch, classes) logits.
    """

    def __init__(self, widths: Widths, blocks: Iterable[Block], *, classes: int, in_channels: int) -> None:
        super().__init__()
        self.stem = _make_conv(in_channels, widths.stem, STEM_KERNEL, STEM_STRIDE, activation="h_swish")
        self.blocks = nn.Sequential(*(InvertedResidual(block) for block in blocks))
        self.head = nn.Sequential(
            _make_conv(widths.stages[-1], widths.head, activation="h_swish"),
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(widths.head, widths.neck, 1, bias=False),
            nn.Hardswish(),
            nn.Flatten(),
            nn.Dropout(_DROPOUT),
        )
        self.classifier = nn.Linear(widths.neck, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of a batch of images."""
        logits: torch.Tensor = self.classifier(self.head(self.blocks(self.stem(x))))
        return logits


class InvertedResidual(nn.Module):
    """Wide inside, narrow outside: expand, convolve every channel by itself, weigh the channels, project."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        c_mid, activation = block.c_mid, block.activation
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if block.has_expansion:
            layers["expand"] = _make_conv(block.c_in, c_mid, activation=activation)
        layers["depthwise"] = _make_conv(
            c_mid, c_mid, block.kernel, block.stride, groups=c_mid, activation=activation
        )
        if block.has_squeeze:
            layers["squeeze"] = SqueezeExcitation(c_mid, block.c_squeeze)
        layers["project"] = _make_conv(c_mid, block.c_out)
        self.layers = nn.Sequential(layers)
        self._is_residual = block.is_residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, c_out, ceil(height / stride), ceil(width / stride))."""
        y: torch.Tensor = self.layers(x)
        return x + y if self._is_residual else y


class SqueezeExcitation(nn.Module):
    """Multiply every channel by a weight between 0 and 1 that depends on the means of all channels."""

    def __init__(self, channels: int, c_squeeze: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, c_squeeze, 1),
            nn.ReLU(),
            nn.Conv2d(c_squeeze, channels, 1),
            nn.Hardsigmoid(),  # relu6(x + 3) / 6
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a tensor of the shape of x: (batch, channels, height, width)."""
        weighed: torch.Tensor = x * self.weigh(x)
        return weighed


def _make_conv(
    c_in: int,
    c_out: int,
    kernel: int = 1,
    stride: int = 1,
    *,
    groups: int = 1,
    activation: Activation | None = None,
) -> nn.Sequential:
    """Return a convolution without bias, batch normalisation, and the activation if there is one."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    layers: list[nn.Module] = [conv, nn.BatchNorm2d(c_out)]
    if activation is not None:
        layers.append(_ACTIVATIONS[activation]())
    return nn.Sequential(*layers)
