"""The network of eight chosen layers in torch.

Source: NAS-Bench-Macro (Su et al., Prioritized Architecture Sampling with Monte-Carlo Tree Search, CVPR 2021).
"""

from collections.abc import Sequence

import torch
from torch import nn

from navarch.spaces.nas_bench_macro.layout import INVERTED_RESIDUALS, Layer, layer_layout


class Network(nn.Module):
    """Stem, eight layers, a last convolution and a linear classifier.

    operations: of the layers, in order. width: channels of the stem; every stage doubles them. head: channels
    of the last convolution. Input (batch, in_channels, height, width) float of any height and width, output
    (batch, classes) logits.
    """

    def __init__(
        self, operations: Sequence[str], *, classes: int, in_channels: int, width: int, head: int
    ) -> None:
        super().__init__()
        layers = layer_layout(width)
        self.stem = nn.Sequential(*_conv(in_channels, width, 3), nn.ReLU())
        self.layers = nn.Sequential(
            *(_make_layer(layer, operation) for layer, operation in zip(layers, operations, strict=True))
        )
        self.head = nn.Sequential(
            *_conv(layers[-1].c_out, head, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.classifier = nn.Linear(head, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of a batch of images."""
        logits: torch.Tensor = self.classifier(self.head(self.layers(self.stem(x))))
        return logits


class InvertedResidualLayer(nn.Module):
    """Widen with a 1x1 convolution, filter each channel, narrow; added to the input where shapes allow it."""

    def __init__(self, layer: Layer, kernel: int, expansion: int) -> None:
        super().__init__()
        mid = expansion * layer.c_in
        self.main = nn.Sequential(
            *_conv(layer.c_in, mid, 1),
            nn.ReLU(),
            *_conv(mid, mid, kernel, stride=layer.stride, groups=mid),
            nn.ReLU(),
            *_conv(mid, layer.c_out, 1),
        )
        self.is_residual = layer.keeps_shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, c_out, height, width); both halved and rounded up with stride 2."""
        delivered: torch.Tensor = self.main(x)
        return x + delivered if self.is_residual else delivered


def _make_layer(layer: Layer, operation: str) -> nn.Module:
    if operation in INVERTED_RESIDUALS:
        return InvertedResidualLayer(layer, *INVERTED_RESIDUALS[operation])
    if layer.keeps_shape:
        return nn.Identity()
    return nn.Sequential(*_conv(layer.c_in, layer.c_out, 1, stride=layer.stride))


def _conv(c_in: int, c_out: int, kernel: int, *, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Return a convolution without bias and its normalisation, without an activation."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(c_out)]
