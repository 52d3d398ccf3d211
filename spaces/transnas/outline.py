"""What each module of a TransNAS network does to channels and resolution, for the cost, the network and drawings.

Source: TransNAS-Bench-101 (Duan et al., CVPR 2021); a module's digit is 1 where it keeps the shape,
2 where it doubles the channels, 3 where it has a stride of 2, and 4 where it does both.
"""

from typing import NamedTuple

MICRO_OUTLINE = "41414"  # the modules around the searched cell
DOUBLING, STRIDED = "24", "34"


class Block(NamedTuple):
    """The shape of a cell or residual block: channels in, channels out, and stride."""

    c_in: int
    c_out: int
    stride: int

    @property
    def keeps_shape(self) -> bool:
        """Return whether the output has the channels, height and width of the input."""
        return self == self.kept

    @property
    def kept(self) -> "Block":
        """Return the shape of what reads the output and keeps it."""
        return Block(self.c_out, self.c_out, 1)


def first_block(digit: str, c_in: int) -> Block:
    """Return the first block of a module, which takes its stride and doubling; the others keep the shape."""
    c_out = 2 * c_in if digit in DOUBLING else c_in
    return Block(c_in, c_out, 2 if digit in STRIDED else 1)


def plan_blocks(digits: str, width: int, cells: int) -> tuple[Block, ...]:
    """Return the blocks of all modules. width: channels before the first. cells: blocks in each module."""
    blocks: list[Block] = []
    for digit in digits:
        first = first_block(digit, blocks[-1].c_out if blocks else width)
        blocks += [first, *[first.kept] * (cells - 1)]
    return tuple(blocks)


def stem_width(width: int) -> int:
    """Return the channels between the two convolutions of the stem: half the width, rounded up to be at least 1."""
    return (width + 1) // 2
