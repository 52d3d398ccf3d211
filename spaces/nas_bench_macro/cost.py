"""The cost of every operation in every layer, and of what stands around them; an architecture's is the sum."""

from functools import lru_cache
from typing import NamedTuple

from navarch.spaces.arithmetic import conv_norm_cost, conv_size, linear_cost
from navarch.spaces.nas_bench_macro.layout import INVERTED_RESIDUALS, Layer, layer_layout
from navarch.spaces.spec import NO_COST, Cost


class CostTable(NamedTuple):
    """fixed: stem, last convolution and classifier. layers: per layer, one cost for each operation."""

    fixed: Cost
    layers: tuple[tuple[Cost, ...], ...]


@lru_cache(maxsize=64)
def cost_table(
    operations: tuple[str, ...], classes: int, in_channels: int, resolution: int, width: int, head: int
) -> CostTable:
    """Return the closed form. operations: in the order of the options. resolution: side of the input."""
    size = resolution
    fixed = conv_norm_cost(in_channels, width, 3, size**2)
    rows: list[tuple[Cost, ...]] = []
    layers = layer_layout(width)
    for layer in layers:
        out = conv_size(size, kernel=3, stride=layer.stride, padding=1)
        rows.append(tuple(_layer_cost(layer, operation, size, out) for operation in operations))
        size = out
    fixed += conv_norm_cost(layers[-1].c_out, head, 1, size**2) + linear_cost(head, classes)
    return CostTable(fixed, tuple(rows))


def _layer_cost(layer: Layer, operation: str, size: int, out: int) -> Cost:
    """Return the cost of one layer. size, out: sides of its input and output in pixels."""
    if operation in INVERTED_RESIDUALS:
        kernel, expansion = INVERTED_RESIDUALS[operation]
        mid = expansion * layer.c_in
        return (
            conv_norm_cost(layer.c_in, mid, 1, size**2)
            + conv_norm_cost(mid, mid, kernel, out**2, groups=mid)
            + conv_norm_cost(mid, layer.c_out, 1, out**2)
        )
    return NO_COST if layer.keeps_shape else conv_norm_cost(layer.c_in, layer.c_out, 1, out**2)
