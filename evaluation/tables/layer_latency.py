"""The latency of a Once-for-All network as the sum of its layers', looked up in a published table of one phone.

Keys tell a layer's kind, input and output (height x width x channels) and, for a block, the channels inside it, kernel,
stride, and whether it has a shortcut, squeeze-and-excitation and h-swish.
Source: Once-for-All (Cai et al., ICLR 2020), the table of the Samsung Note10.
"""

import gzip
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from navarch.evaluation.tables.opening import GZIP_MARK, TableError
from navarch.spaces import Architecture, SearchSpace
from navarch.spaces.arithmetic import conv_size
from navarch.spaces.ofa.chain import (
    STAGES,
    STEM_KERNEL,
    STEM_STRIDE,
    Block,
    Widths,
    find_widths,
    first_block,
    stage_block,
    stage_blocks,
)
from navarch.spaces.ofa.cost import output_size

DEVICE = "note10"
SPACE = "ofa-mobilenetv3-w1.2"
CLASSES = 1000
_MAX_BYTES = 2**24
_BROKEN = (OSError, EOFError, ValueError, RecursionError, zlib.error)

Layers = Mapping[str, float]
"""Milliseconds of the layers at one resolution, by key."""


class LayerLatency:
    """Latencies of the networks of one space, each the sum of its layers."""

    device = DEVICE

    def __init__(self, tables: Mapping[str, Layers], widths: Widths) -> None:
        """Take the layers by resolution, and the widths of the space."""
        self._tables = tables
        self._widths = widths

    def of(self, architecture: Architecture) -> float:
        """Return milliseconds for one pass of one image."""
        side = architecture.values[0]
        blocks = stage_blocks(self._widths, architecture.values)
        keys = network_keys(self._widths, [block for stage in blocks for block in stage], int(side))
        return math.fsum(self._tables[side][key] for key in keys)


def holds_layers(path: Path) -> bool:
    """Tell whether a JSON file is a table of layers, by its keys. Raises: TableError for a broken file."""
    return any(key.startswith("Conv-input") for layers in _read_json(path).values() for key in layers)


def is_layer_file(path: Path) -> bool:
    """Tell whether a file holds a JSON object, plain or gzip; what cannot be opened does not."""
    try:
        with path.open("rb") as file:
            start = file.read(2)
        if start == GZIP_MARK:
            with gzip.open(path) as compressed:
                start = compressed.read(2)
    except (OSError, EOFError, zlib.error):
        return False
    return start[:1] == b"{"


def read_layers(path: Path, space: SearchSpace) -> LayerLatency:
    """Read the table of layers for a space. Raises: TableError, also for a space whose layers it lacks."""
    if space.name != SPACE:
        raise TableError(f"{str(path)!r} has latencies of the layers of {SPACE!r}, not of {space.name!r}.")
    tables = _read_json(path)
    widths = find_widths(space.skeleton["width_percent"])
    for side in space.dimensions[0].names:
        if side not in tables:
            raise TableError(
                f"{str(path)!r} has no layers for the resolution {side}: it has {', '.join(tables) or 'none'}."
            )
        for key in _every_key(widths, int(side)):
            _check(path, side, key, tables[side])
    return LayerLatency(tables, widths)


def network_keys(widths: Widths, blocks: list[Block], side: int) -> Iterator[str]:
    """Return the keys of a network's layers for a square image of `side` pixels; `blocks` are the searched ones."""
    size = conv_size(side, STEM_KERNEL, STEM_STRIDE, STEM_KERNEL // 2)
    yield f"Conv-input:{_shape(side, 3)}-output:{_shape(size, widths.stem)}"
    for block in (first_block(widths), *blocks):
        yield block_key(block, size)
        size = output_size(size, block.stride)
    yield f"Conv_1-input:{_shape(size, widths.stages[-1])}-output:{_shape(size, widths.head)}"
    yield f"AvgPool2D-input:{_shape(size, widths.head)}-output:{_shape(1, widths.head)}"
    yield f"Conv_2-input:{_shape(1, widths.head)}-output:{_shape(1, widths.neck)}"
    yield f"Logits-input:{_shape(1, widths.neck)}-output:{CLASSES}"


def block_key(block: Block, size: int) -> str:
    """Return the key of a block for an input of size x size pixels."""
    out = _shape(output_size(size, block.stride), block.c_out)
    return (
        f"expanded_conv-input:{_shape(size, block.c_in)}-output:{out}-expand:{block.c_mid}-kernel:{block.kernel}"
        f"-stride:{block.stride}-idskip:{int(block.is_residual)}-se:{int(block.has_squeeze)}"
        f"-hs:{int(block.activation == 'h_swish')}"
    )


def _shape(size: int, channels: int) -> str:
    return f"{size}x{size}x{channels}"


def _every_key(widths: Widths, side: int) -> set[str]:
    """Return the keys of every layer that a network of the space can have at one resolution."""
    keys: set[str] = set()
    for kernel, expansion in product((3, 5, 7), (3, 4, 6)):
        blocks = [
            stage_block(widths, stage, position, kernel, expansion)
            for stage in range(len(STAGES))
            for position in (0, 1)
        ]
        keys.update(network_keys(widths, blocks, side))
    return keys


def _read_json(path: Path) -> dict[str, dict[str, Any]]:
    try:
        with gzip.open(path) if path.read_bytes()[:2] == GZIP_MARK else path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES:,} bytes")
        tables = json.loads(raw)
    except _BROKEN as error:
        raise TableError(
            f"The table of layers {str(path)!r} cannot be read ({error}): it must be a whole JSON file, plain or gzip."
        ) from None
    if not isinstance(tables, dict) or not all(isinstance(layers, dict) for layers in tables.values()):
        raise TableError(f"{str(path)!r} is no table of layers: it must hold an object for each resolution.")
    return tables


def _check(path: Path, side: str, key: str, layers: Mapping[str, Any]) -> None:
    value = layers.get(key)
    if value is None:
        raise TableError(f"{str(path)!r} has no layer {key!r} for the resolution {side}: copy it again.")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < math.inf:
        raise TableError(
            f"The layer {key!r} of {str(path)!r} at the resolution {side} is {str(value)[:60]}, no number of at "
            "least 0."
        )
