"""Closed forms of the TransNAS networks: sums over edges, or over modules.

Convolutions have no bias, batch normalisation has two parameters a channel, and what a stride divides is rounded
up. As in the benchmark, every edge with parameters counts, also those that cannot influence the output.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from navarch.spaces.arithmetic import conv_cost, conv_size, linear_cost, norm_cost
from navarch.spaces.nas_bench_201.cell import EDGES, INPUT
from navarch.spaces.spec import NO_COST, Cost
from navarch.spaces.transnas.outline import MICRO_OUTLINE, Block, first_block, stem_width

_TILES, _PERMUTATIONS = 9, 1_000


class Encoder(NamedTuple):
    """A network up to its head: its cost, and the channels and the side in pixels of what it delivers."""

    cost: Cost
    channels: int
    size: int


class CellPrices(NamedTuple):
    """The encoder without the cells, and what each operation on each edge adds over all cells."""

    fixed: Encoder
    edges: tuple[Mapping[str, Cost], ...]


@lru_cache(maxsize=64)
def stem(in_channels: int, resolution: int, width: int) -> Encoder:
    """Return the two 3x3 convolutions of stride 2 that every network begins with."""
    half = conv_size(resolution, 3, 2, 1)
    quarter = conv_size(half, 3, 2, 1)
    inner = stem_width(width)
    first = conv_cost(in_channels, inner, 3, half**2) + norm_cost(inner)
    return Encoder(first + conv_cost(inner, width, 3, quarter**2) + norm_cost(width), width, quarter)


@lru_cache(maxsize=64)
def cell_prices(in_channels: int, resolution: int, width: int, cells: int) -> CellPrices:
    """Return the prices that add up to the encoder of any cell."""
    cost, channels, size = stem(in_channels, resolution, width)
    edges: list[dict[str, Cost]] = [{} for _ in EDGES]
    for digit in MICRO_OUTLINE:
        first = first_block(digit, channels)
        channels, size = first.c_out, conv_size(size, 1, first.stride, 0)
        for prices, (source, _) in zip(edges, EDGES, strict=True):
            shape = first if source == INPUT else first.kept
            others = _edge_prices(first.kept, size**2)
            for operation, price in _edge_prices(shape, size**2).items():
                price += others[operation].times(cells - 1)
                prices[operation] = prices.get(operation, NO_COST) + price
    return CellPrices(Encoder(cost, channels, size), tuple(edges))


def _edge_prices(shape: Block, pixels: int) -> dict[str, Cost]:
    """Return the cost of every operation on one edge. pixels: height times width of what it delivers."""
    norm = norm_cost(shape.c_out)
    one = conv_cost(shape.c_in, shape.c_out, 1, pixels) + norm
    return {
        "none": NO_COST,
        "skip_connect": NO_COST if shape.keeps_shape else one,  # the two halves of a reduction make up one
        "nor_conv_1x1": one,
        "nor_conv_3x3": conv_cost(shape.c_in, shape.c_out, 3, pixels) + norm,
    }


def chain(digits: str, *, in_channels: int, resolution: int, width: int, cells: int) -> Encoder:
    """Return the encoder of residual blocks, given the digits of its modules."""
    (cost, channels, size), params, macs = stem(in_channels, resolution, width), 0, 0
    for digit in digits:
        module, channels, size = _module(digit, channels, size, cells)
        params, macs = params + module.params, macs + module.macs
    return Encoder(cost + Cost(params, macs), channels, size)


@lru_cache(maxsize=4_096)
def _module(digit: str, c_in: int, size: int, cells: int) -> Encoder:
    """Return one module on an input of `size` pixels a side."""
    first = first_block(digit, c_in)
    size = conv_size(size, 1, first.stride, 0)
    cost = _block_cost(first, size**2) + _block_cost(first.kept, size**2).times(cells - 1)
    return Encoder(cost, first.c_out, size)


def _block_cost(shape: Block, pixels: int) -> Cost:
    """Return the cost of a residual block. pixels: height times width of what it delivers."""
    norm = norm_cost(shape.c_out)
    cost = conv_cost(shape.c_in, shape.c_out, 3, pixels) + norm
    cost += conv_cost(shape.c_out, shape.c_out, 3, pixels) + norm
    return cost if shape.keeps_shape else cost + conv_cost(shape.c_in, shape.c_out, 1, pixels) + norm


def classifier(encoder: Encoder, classes: int) -> Cost:
    """Return the cost of the encoder with the head that classifies: average over all positions, linear layer."""
    return encoder.cost + linear_cost(encoder.channels, classes)


def further_costs(encoder: Encoder) -> dict[str, int | float]:
    """Return the cost of the encoder alone, and the parameters of the network that sorts the tiles of a jigsaw.

    That network averages each of nine tiles over its positions and joins them for one linear layer with an output
    for each of 1,000 permutations.
    """
    jigsaw = linear_cost(_TILES * encoder.channels, _PERMUTATIONS)
    return {
        "backbone_params": encoder.cost.params,
        "backbone_macs": encoder.cost.macs,
        "jigsaw_params": encoder.cost.params + jigsaw.params,
    }
