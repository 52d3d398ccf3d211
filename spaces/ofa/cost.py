"""Exact parameters and multiply-accumulates of a chain of blocks, without building it.

Counted are convolutions and linear layers, those on a single pixel (squeeze-and-excitation, the head) included.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from navarch.spaces.arithmetic import conv_cost, conv_size, linear_cost, norm_cost
from navarch.spaces.ofa.chain import (
    STAGES,
    STEM_KERNEL,
    STEM_STRIDE,
    Block,
    find_widths,
    first_block,
    read_choices,
    stage_block,
)
from navarch.spaces.spec import Cost

_Prices = dict[tuple[str, str], tuple[int, int]]  # (params, macs) of a block by its kernel and expansion
_KERNELS, _EXPANSIONS = ("3", "5", "7"), ("3", "4", "6")


class _PriceList(NamedTuple):
    """The cost around the searched blocks, and for every stage the prices of its first and of a later block."""

    fixed: Cost
    stages: tuple[tuple[_Prices, _Prices], ...]


def chain_cost(
    values: Sequence[str], *, width_percent: int, classes: int, in_channels: int, resolution: int
) -> Cost:
    """Return the cost of the network of an architecture for one square image of `resolution` pixels."""
    fixed, stages = _list_prices(width_percent, classes, in_channels, resolution)
    params, macs = fixed.params, fixed.macs
    for choices, (first, later) in zip(read_choices(values), stages, strict=True):
        prices = first
        for choice in choices:
            price = prices[choice]
            params += price[0]
            macs += price[1]
            prices = later
    return Cost(params, macs)


@lru_cache(maxsize=256)
def _list_prices(width_percent: int, classes: int, in_channels: int, resolution: int) -> _PriceList:
    widths = find_widths(width_percent)
    size = conv_size(resolution, STEM_KERNEL, STEM_STRIDE, STEM_KERNEL // 2)
    fixed = conv_cost(in_channels, widths.stem, STEM_KERNEL, size**2) + norm_cost(widths.stem)
    fixed += block_cost(first_block(widths), size)
    stages = []
    for number, stage in enumerate(STAGES):
        first, later = (
            {
                (kernel, expansion): stage_block(widths, number, position, int(kernel), int(expansion))
                for kernel, expansion in product(_KERNELS, _EXPANSIONS)
            }
            for position in (0, 1)
        )
        stages.append((_price(first, size), _price(later, output_size(size, stage.stride))))
        size = output_size(size, stage.stride)
    fixed += conv_cost(widths.stages[-1], widths.head, 1, size**2) + norm_cost(widths.head)
    fixed += conv_cost(widths.head, widths.neck, 1, 1) + linear_cost(widths.neck, classes)
    return _PriceList(fixed, tuple(stages))


def _price(blocks: dict[tuple[str, str], Block], size: int) -> _Prices:
    costs = {choice: block_cost(block, size) for choice, block in blocks.items()}
    return {choice: (cost.params, cost.macs) for choice, cost in costs.items()}


def block_cost(block: Block, size: int) -> Cost:
    """Return the cost of a block for an input of size x size pixels."""
    c_mid, out_pixels = block.c_mid, output_size(size, block.stride) ** 2
    cost = conv_cost(c_mid, c_mid, block.kernel, out_pixels, groups=c_mid) + norm_cost(c_mid)
    cost += conv_cost(c_mid, block.c_out, 1, out_pixels) + norm_cost(block.c_out)
    if block.has_expansion:
        cost += conv_cost(block.c_in, c_mid, 1, size**2) + norm_cost(c_mid)
    if block.has_squeeze:
        cost += conv_cost(c_mid, block.c_squeeze, 1, 1, bias=True)
        cost += conv_cost(block.c_squeeze, c_mid, 1, 1, bias=True)
    return cost


def output_size(size: int, stride: int) -> int:
    """Return the side of a block's output, which no odd kernel changes: a stride of 2 rounds up."""
    return conv_size(size, 1, stride, 0)
