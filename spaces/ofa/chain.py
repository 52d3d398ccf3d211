"""The chain of blocks that an architecture stands for: widths, strides, activations, squeeze-and-excitation.

Plain data without torch, from which cost, network and drawing follow.
Source: Once-for-All (Cai et al., ICLR 2020), the MobileNetV3 space; MobileNetV3 (Howard et al., ICCV 2019).
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

Activation = Literal["relu", "h_swish"]

STEM_KERNEL, STEM_STRIDE = 3, 2
MIN_DEPTH, MAX_DEPTH = 2, 4
PER_STAGE = 1 + 2 * MAX_DEPTH  # dimensions of a stage: its depth, then kernel and expansion of each block

_STEM, _FIRST, _STAGES, _HEAD, _NECK = 16, 16, (24, 40, 80, 112, 160), 960, 1280


class Stage(NamedTuple):
    """What is fixed in a searched stage: the stride of its first block, and two traits of all its blocks."""

    stride: int
    activation: Activation
    has_squeeze: bool


STAGES = (
    Stage(2, "relu", False),
    Stage(2, "relu", True),
    Stage(2, "h_swish", False),
    Stage(1, "h_swish", True),
    Stage(2, "h_swish", True),
)


class Widths(NamedTuple):
    """Output channels of the stem, of the fixed first block, of every stage, and of the head's two layers.

    head: before the pooling. neck: after it, what the classifier reads.
    """

    stem: int
    first: int
    stages: tuple[int, ...]
    head: int
    neck: int


class Block(NamedTuple):
    """Pointwise expansion from c_in to c_mid channels, depthwise convolution, pointwise projection to c_out."""

    c_in: int
    c_mid: int
    c_out: int
    kernel: int
    stride: int
    activation: Activation
    has_squeeze: bool

    @property
    def has_expansion(self) -> bool:
        """Whether there is a pointwise expansion; the fixed first block has none."""
        return self.c_mid != self.c_in

    @property
    def is_residual(self) -> bool:
        """Whether the input is added to the output."""
        return self.stride == 1 and self.c_in == self.c_out

    @property
    def c_squeeze(self) -> int:
        """Channels between the two layers of squeeze-and-excitation."""
        return make_divisible(self.c_mid // 4)


def make_divisible(channels: int | Fraction) -> int:
    """Return the nearest multiple of 8, at least 8; the next one up where that would lose over a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if 10 * rounded < 9 * channels else rounded


def find_widths(width_percent: int) -> Widths:
    """Return the channels of the network whose published widths are multiplied by width_percent / 100."""
    factor = Fraction(width_percent, 100)
    stem, first, head, neck = (make_divisible(width * factor) for width in (_STEM, _FIRST, _HEAD, _NECK))
    return Widths(stem, first, tuple(make_divisible(width * factor) for width in _STAGES), head, neck)


def first_block(widths: Widths) -> Block:
    """Return the fixed block before the stages."""
    return Block(widths.stem, widths.stem, widths.first, 3, 1, "relu", False)


def stage_block(widths: Widths, stage: int, block: int, kernel: int, expansion: int) -> Block:
    """Return a searched block; `stage` and `block` count from 0."""
    stride, activation, has_squeeze = STAGES[stage]
    c_out = widths.stages[stage]
    if block > 0:
        c_in, stride = c_out, 1
    else:
        c_in = widths.stages[stage - 1] if stage > 0 else widths.first
    return Block(c_in, make_divisible(c_in * expansion), c_out, kernel, stride, activation, has_squeeze)


def stage_blocks(widths: Widths, values: Sequence[str]) -> tuple[tuple[Block, ...], ...]:
    """Return the blocks in use, by stage. values: the options of an architecture."""
    return tuple(
        tuple(
            stage_block(widths, stage, block, int(kernel), int(expansion))
            for block, (kernel, expansion) in enumerate(choices)
        )
        for stage, choices in enumerate(read_choices(values))
    )


def read_choices(values: Sequence[str]) -> list[list[tuple[str, str]]]:
    """Return the options (kernel, expansion) of every block in use, by stage."""
    choices = []
    for start in range(1, 1 + len(STAGES) * PER_STAGE, PER_STAGE):
        end = start + 1 + 2 * int(values[start])
        choices.append(list(zip(values[start + 1 : end : 2], values[start + 2 : end : 2], strict=True)))
    return choices
