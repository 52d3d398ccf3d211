"""Where the eight layers stand, what their operations stand for, and which chains are equal.

Source: NAS-Bench-Macro (Su et al., Prioritized Architecture Sampling with Monte-Carlo Tree Search, CVPR 2021).
"""

from collections.abc import Sequence
from typing import NamedTuple

IDENTITY = "identity"
STAGES = (2, 3, 3)  # layers in each


class InvertedResidual(NamedTuple):
    """kernel: of the depthwise convolution. expansion: channels inside the layer for each one that it reads."""

    kernel: int
    expansion: int


INVERTED_RESIDUALS = {"mbconv_k3_t3": InvertedResidual(3, 3), "mbconv_k5_t6": InvertedResidual(5, 6)}


class Layer(NamedTuple):
    """One layer of the chain. stage: counted from 1. The first of a stage has stride 2 and doubles channels."""

    stage: int
    stride: int
    c_in: int
    c_out: int

    @property
    def keeps_shape(self) -> bool:
        """Return whether the output can be added to the input."""
        return self.stride == 1 and self.c_in == self.c_out


def layer_layout(width: int) -> tuple[Layer, ...]:
    """Return the eight layers. width: channels of the stem."""
    layers: list[Layer] = []
    for stage, count in enumerate(STAGES, 1):
        wide = 2 * width
        layers += [Layer(stage, 2, width, wide), *[Layer(stage, 1, wide, wide)] * (count - 1)]
        width = wide
    return tuple(layers)


def canonical_operations(operations: Sequence[str]) -> tuple[str, ...]:
    """Return the representative of all chains that compute the same function.

    After the first layer of a stage an identity does nothing, so it may stand before or behind the next layer;
    here identities go to the end of their stage. 6,561 chains form 3,969 classes.
    """
    moved: list[str] = []
    for count in STAGES:
        first, *others = operations[len(moved) : len(moved) + count]
        moved += [first, *sorted(others, key=lambda operation: operation == IDENTITY)]
    return tuple(moved)
