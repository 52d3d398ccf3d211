"""The closed form of the cost: a sum over parts, each of which depends on one or two numbers of channels."""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from navarch.spaces.arithmetic import conv_cost, conv_norm_cost, conv_size, linear_cost, norm_cost
from navarch.spaces.spec import Cost


class CostTable(NamedTuple):
    """Costs of the parts.

    start: stem and first cell, by their channels. steps: for the four blocks that follow, by channels before and
    after. end: from the last normalisation to the classifier, by channels.
    """

    start: dict[int, Cost]
    steps: tuple[dict[tuple[int, int], Cost], ...]
    end: dict[int, Cost]

    def total(self, channels: tuple[int, ...]) -> Cost:
        """Return the cost of a network. channels: of its five blocks."""
        pairs = zip(self.steps, pairwise(channels), strict=True)
        return sum((costs[pair] for costs, pair in pairs), self.start[channels[0]] + self.end[channels[-1]])


@lru_cache(maxsize=64)
def cost_table(widths: tuple[int, ...], classes: int, in_channels: int, resolution: int) -> CostTable:
    """Return the cost of every part. widths: the numbers of channels on offer. resolution: side of the input."""
    half = conv_size(resolution, kernel=3, stride=2, padding=1)
    quarter = conv_size(half, kernel=3, stride=2, padding=1)
    pairs = [(c_in, c_out) for c_in in widths for c_out in widths]
    reductions = [{pair: _reduction_cost(*pair, side**2) for pair in pairs} for side in (half, quarter)]
    cells = [{pair: _cell_cost(*pair, side**2) for pair in pairs} for side in (half, quarter)]
    return CostTable(
        start={
            c: conv_norm_cost(in_channels, c, 3, resolution**2) + _cell_cost(c, c, resolution**2)
            for c in widths
        },
        steps=(reductions[0], cells[0], reductions[1], cells[1]),
        end={c: norm_cost(c) + linear_cost(c, classes) for c in widths},
    )


def _cell_cost(c_in: int, c_out: int, pixels: int) -> Cost:
    """Return the cost of five 3x3 convolutions, two of them on the input, and of the skip where it is one."""
    cost = conv_norm_cost(c_in, c_out, 3, pixels).times(2) + conv_norm_cost(c_out, c_out, 3, pixels).times(3)
    return cost if c_in == c_out else cost + conv_norm_cost(c_in, c_out, 1, pixels)


def _reduction_cost(c_in: int, c_out: int, out_pixels: int) -> Cost:
    main = conv_norm_cost(c_in, c_out, 3, out_pixels) + conv_norm_cost(c_out, c_out, 3, out_pixels)
    return main + conv_cost(c_in, c_out, 1, out_pixels)
