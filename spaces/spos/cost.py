"""The cost of every operation in every block, and of what stands around them.

The cost of an architecture is exactly the sum over its blocks, because no choice changes what another sees.
"""

from functools import lru_cache
from typing import NamedTuple

from navarch.spaces.arithmetic import conv_norm_cost, conv_size, linear_cost
from navarch.spaces.spec import Cost
from navarch.spaces.spos.layout import KERNELS, PROJECTION_KERNELS, Block, Widths, block_layout


class CostTable(NamedTuple):
    """fixed: stem, last convolution and classifier. blocks: per block, one cost for each operation."""

    fixed: Cost
    blocks: tuple[tuple[Cost, ...], ...]


@lru_cache(maxsize=64)
def cost_table(
    operations: tuple[str, ...], classes: int, in_channels: int, resolution: int, widths: Widths
) -> CostTable:
    """Return the closed form. operations: in the order of the options. resolution: side of the input."""
    size = _halve(resolution)
    fixed = conv_norm_cost(in_channels, widths.stem, 3, size**2)
    rows: list[tuple[Cost, ...]] = []
    for block in block_layout(widths):
        rows.append(tuple(_block_cost(block, operation, size) for operation in operations))
        size = _halve(size) if block.stride == 2 else size
    fixed += _pointwise(widths.stage_4, widths.head, size**2)
    fixed += linear_cost(widths.head, classes, bias=False)
    return CostTable(fixed, tuple(rows))


def _block_cost(block: Block, operation: str, size: int) -> Cost:
    """Return the cost of one block. size: side of its input in pixels."""
    before = size**2
    after = _halve(size) ** 2 if block.stride == 2 else before
    if operation in KERNELS:
        cost = _pointwise(block.main_in, block.mid, before)
        cost += _depthwise(block.mid, KERNELS[operation], after)
    else:
        cost = _depthwise(block.main_in, 3, after) + _pointwise(block.main_in, block.mid, after)
        cost += _depthwise(block.mid, 3, after) + _pointwise(block.mid, block.mid, after)
        cost += _depthwise(block.mid, 3, after)
    cost += _pointwise(block.mid, block.main_out, after)
    if block.stride == 2:
        cost += _depthwise(block.c_in, PROJECTION_KERNELS[operation], after)
        cost += _pointwise(block.c_in, block.c_in, after)
    return cost


def _depthwise(channels: int, kernel: int, out_pixels: int) -> Cost:
    return conv_norm_cost(channels, channels, kernel, out_pixels, groups=channels)


def _pointwise(c_in: int, c_out: int, out_pixels: int) -> Cost:
    return conv_norm_cost(c_in, c_out, 1, out_pixels)


def _halve(size: int) -> int:
    return conv_size(
        size, kernel=3, stride=2, padding=1
    )  # the same for every odd kernel, padded to keep size
