"""The closed form of the cost of a DARTS network: fixed parts, and a price for each edge of either cell.

It takes any genotype, so also cells with other numbers of nodes and the operations of NASNet and AmoebaNet.
Multiply-accumulates are those of convolutions and linear layers; pooling and batch normalisation have none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from navarch.spaces.arithmetic import conv_cost, linear_cost, norm_cost
from navarch.spaces.darts.cell import INPUTS, OPERATIONS, OTHER_OPERATIONS, Genotype
from navarch.spaces.darts.skeleton import (
    AUXILIARY_CHANNELS,
    AUXILIARY_STRIDE,
    AUXILIARY_WINDOW,
    SMALL_STEM,
    Placement,
    place_cells,
    stem_channels,
)
from navarch.spaces.spec import NO_COST, Cost

_Edges = Mapping[str, Cost]


@dataclass(frozen=True, slots=True)
class Macro:
    """What surrounds the two cells: the task, and the sizes of the skeleton. resolution: pixels of a side."""

    classes: int
    in_channels: int
    resolution: int
    width: int
    layers: int
    stem_stride: int


@dataclass(frozen=True, slots=True)
class _Prices:
    """fixed: stem, what adapts the inputs of the cells, and classifier.

    normal, entering, inside: what an edge adds over all cells: of the normal cell, of the reduction cell from
    state 0 or 1, and of the reduction cell from a node. auxiliary: the auxiliary head.
    """

    fixed: Cost
    normal: _Edges
    entering: _Edges
    inside: _Edges
    auxiliary: Cost


def network_cost(genotype: Genotype, macro: Macro, *, auxiliary: bool = False) -> Cost:
    """Return the exact cost of the network, with the auxiliary head if asked."""
    prices = _prices(len(genotype.normal.concat), len(genotype.reduce.concat), macro)
    found = [prices.normal[operation] for operation, _ in genotype.normal.edges]
    found += [
        (prices.entering if source < INPUTS else prices.inside)[operation]
        for operation, source in genotype.reduce.edges
    ]
    found += [prices.fixed, prices.auxiliary if auxiliary else NO_COST]
    return Cost(sum(price.params for price in found), sum(price.macs for price in found))


@lru_cache(maxsize=64)
def _prices(normal_outputs: int, reduce_outputs: int, macro: Macro) -> _Prices:
    fixed, size = _stem(macro)
    names = OPERATIONS + OTHER_OPERATIONS
    normal, entering, inside = (dict.fromkeys(names, NO_COST) for _ in range(3))
    auxiliary, last = NO_COST, 0
    placements = place_cells(
        normal_outputs,
        reduce_outputs,
        width=macro.width,
        layers=macro.layers,
        stem_stride=macro.stem_stride,
    )
    for cell in placements:
        fixed += _adapters(cell, size).times(cell.repeats)
        if cell.is_reduction:
            half = (size + 1) // 2
            for name in names:
                entering[name] += _edge(name, cell.channels, size, stride=2)
                inside[name] += _edge(name, cell.channels, half, stride=1)
            size, last = half, reduce_outputs * cell.channels
            auxiliary = _auxiliary_head(last, size, macro)
        else:
            for name in names:
                normal[name] += _edge(name, cell.channels, size, stride=1).times(cell.repeats)
            last = normal_outputs * cell.channels
    return _Prices(fixed + linear_cost(last, macro.classes), normal, entering, inside, auxiliary)


def _stem(macro: Macro) -> tuple[Cost, int]:
    """Return the cost of the stem, and the side of state 1 of the first cell in pixels."""
    size, out = macro.resolution, stem_channels(macro.width, macro.stem_stride)
    if macro.stem_stride == SMALL_STEM:
        return conv_cost(macro.in_channels, out, 3, size**2) + norm_cost(out), size
    total, channels = NO_COST, macro.in_channels
    for wide in ((out + 1) // 2, out, out):
        size = (size + 1) // 2
        total += conv_cost(channels, wide, 3, size**2) + norm_cost(wide)
        channels = wide
    return total, size


def _adapters(cell: Placement, size: int) -> Cost:
    """Return the cost of bringing states 0 and 1 to the channels and the side of a cell.

    It is the same whether state 0 needs a halved resolution or not: then two convolutions share the channels.
    """
    pixels = size**2
    return (
        conv_cost(cell.c_prev_prev, cell.channels, 1, pixels)
        + conv_cost(cell.c_prev, cell.channels, 1, pixels)
        + norm_cost(cell.channels).times(2)
    )


def _edge(name: str, channels: int, size: int, *, stride: int) -> Cost:
    """Return the cost of one operation that reads `size` pixels a side."""
    out = (size + stride - 1) // stride
    if name.endswith("_pool_3x3") or (name == "skip_connect" and stride == 1):
        return NO_COST
    norm = norm_cost(channels)
    if name == "skip_connect":
        return conv_cost(channels, channels, 1, out**2) + norm
    if name == "conv_7x1_1x7":
        weights = 7 * channels**2  # of each of the two; the first halves the columns, the second the rows
        return Cost(2 * weights, weights * (size * out + out**2)) + norm
    kernel = int(name[-1])
    once = conv_cost(channels, channels, kernel, out**2, groups=channels)
    once += conv_cost(channels, channels, 1, out**2) + norm
    return once.times(2) if name.startswith("sep_conv") else once


def _auxiliary_head(channels: int, size: int, macro: Macro) -> Cost:
    """Return the cost of the auxiliary head on a map of `size` pixels a side."""
    narrow, wide = AUXILIARY_CHANNELS
    pooled = max(2, (size - AUXILIARY_WINDOW) // AUXILIARY_STRIDE[macro.stem_stride] + 1)
    total = conv_cost(channels, narrow, 1, pooled**2) + norm_cost(narrow)
    total += conv_cost(narrow, wide, 2, (pooled - 1) ** 2)
    if macro.stem_stride == SMALL_STEM:
        total += norm_cost(wide)
    return total + linear_cost(wide, macro.classes)
