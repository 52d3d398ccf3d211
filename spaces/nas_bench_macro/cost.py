"""The cost of every operation in every layer, and of what stands around them; an architecture's is the sum."""

from functools import lru_cache
from typing import NamedTuple

from navarch.spaces.arithmetic import conv_cost, conv_size, linear_cost, norm_cost
from navarch.spaces.nas_bench_macro.layout import INVERTED_RESIDUALS, Layer, layer_layout
from navarch.spaces.spec import Cost


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
    fixed = _conv(in_channels, width, 3, size)
    rows: list[tuple[Cost, ...]] = []
    layers = layer_layout(width)
    for layer in layers:
        out = conv_size(size, kernel=3, stride=layer.stride, padding=1)
        rows.append(tuple(_layer_cost(layer, operation, size, out) for operation in operations))
        size = out
    fixed += _conv(layers[-1].c_out, head, 1, size) + linear_cost(head, classes)
    return CostTable(fixed, tuple(rows))


def _layer_cost(layer: Layer, operation: str, size: int, out: int) -> Cost:
    """Return the cost of one layer. size, out: sides of its input and output in pixels."""
    if operation in INVERTED_RESIDUALS:
        kernel, expansion = INVERTED_RESIDUALS[operation]
        mid = expansion * layer.c_in
        depthwise = conv_cost(mid, mid, kernel, out**2, groups=mid) + norm_cost(mid)
        return _conv(layer.c_in, mid, 1, size) + depthwise + _conv(mid, layer.c_out, 1, out)
    return Cost(0, 0) if layer.keeps_shape else _conv(layer.c_in, layer.c_out, 1, out)


def _conv(c_in: int, c_out: int, kernel: int, out: int) -> Cost:
    return conv_cost(c_in, c_out, kernel, out**2) + norm_cost(c_out)
