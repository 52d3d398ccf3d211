"""The network as a table: every layer or block in order, with what it makes of the image."""

from collections.abc import Sequence

from navarch.spaces.arithmetic import conv_size
from navarch.spaces.ofa.chain import (
    STEM_KERNEL,
    STEM_STRIDE,
    Block,
    find_widths,
    first_block,
    read_choices,
    stage_blocks,
)
from navarch.spaces.ofa.cost import output_size
from navarch.spaces.sketch import StageTable

_COLUMNS = (
    "block",
    "operation",
    "kernel",
    "expand",
    "stride",
    "act",
    "inside",
    "channels",
    "output",
)
_NAMES = {"relu": "ReLU", "h_swish": "h-swish"}


def tabulate(values: Sequence[str], width_percent: int, classes: int) -> StageTable:
    """Return the network of an architecture at its own resolution.

    mbconv is an inverted residual block, SE its squeeze-and-excitation. A block in use is named stage.block;
    `inside` is the number of channels between its expansion and its projection, `channels` that of its output,
    `output` the side of the output in pixels.
    """
    widths = find_widths(width_percent)
    size = conv_size(int(values[0]), STEM_KERNEL, STEM_STRIDE, STEM_KERNEL // 2)
    rows = [
        (
            "stem",
            "conv",
            f"{STEM_KERNEL}",
            "",
            f"{STEM_STRIDE}",
            "h-swish",
            "",
            f"{widths.stem}",
            f"{size}",
        ),
        _block_row("first", first_block(widths), "1", size),
    ]
    pairs = zip(stage_blocks(widths, values), read_choices(values), strict=True)
    for stage, (blocks, choices) in enumerate(pairs, 1):
        for number, (block, (_, expansion)) in enumerate(zip(blocks, choices, strict=True), 1):
            size = output_size(size, block.stride)
            rows.append(_block_row(f"{stage}.{number}", block, expansion, size))
    rows += [
        ("head", "conv", "1", "", "1", "h-swish", "", f"{widths.head}", f"{size}"),
        ("pool", "global mean", "", "", "", "", "", f"{widths.head}", "1"),
        ("neck", "conv", "1", "", "1", "h-swish", "", f"{widths.neck}", "1"),
        ("classifier", "linear", "", "", "", "", "", f"{classes}", "1"),
    ]
    return StageTable(f"{values[0]} x {values[0]} pixels", _COLUMNS, tuple(rows))


def _block_row(name: str, block: Block, expansion: str, size: int) -> tuple[str, ...]:
    operation = "mbconv" if block.has_expansion else "separable"
    if block.has_squeeze:
        operation += "+SE"
    return (
        name,
        operation,
        f"{block.kernel}",
        expansion,
        f"{block.stride}",
        _NAMES[block.activation],
        f"{block.c_mid}",
        f"{block.c_out}",
        f"{size}",
    )
