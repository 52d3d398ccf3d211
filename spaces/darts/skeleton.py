"""What surrounds the two cells: where they stand, how many channels each of them reads, stem, auxiliary head."""

from collections.abc import Iterator
from dataclasses import dataclass

from navarch import NavarchError

SMALL_STEM, LARGE_STEM = 1, 4
AUXILIARY_CHANNELS = (128, 768)  # of its two convolutions
AUXILIARY_WINDOW = 5  # of its pooling
AUXILIARY_STRIDE = {SMALL_STEM: 3, LARGE_STEM: 2}

_STEM_MULTIPLIER = 3


@dataclass(frozen=True, slots=True)
class Placement:
    """One cell in the chain, or several equal ones in a row.

    is_reduction: it halves the resolution. after_reduction: state 0 has twice the resolution of state 1.
    c_prev_prev, c_prev: channels of states 0 and 1 before the cell adapts them. channels: those of a node.
    repeats: number of equal cells.
    """

    is_reduction: bool
    after_reduction: bool
    c_prev_prev: int
    c_prev: int
    channels: int
    repeats: int


def require_stem(stem_stride: int) -> None:
    """Refuse a stem that there is not. Raises: NavarchError."""
    if stem_stride not in (SMALL_STEM, LARGE_STEM):
        raise NavarchError(
            f"stem_stride must be {SMALL_STEM} (one convolution) or {LARGE_STEM} (three with stride 2), "
            f"not {stem_stride}"
        )


def stem_channels(width: int, stem_stride: int) -> int:
    """Return the channels that the first cell reads: 3 * width after the small stem, width after the large."""
    return _STEM_MULTIPLIER * width if stem_stride == SMALL_STEM else width


def place_cells(
    normal_outputs: int, reduce_outputs: int, *, width: int, layers: int, stem_stride: int
) -> Iterator[Placement]:
    """Yield the cells from the stem to the classifier, equal neighbours as one placement.

    normal_outputs, reduce_outputs: nodes in the output of either cell. Cells layers // 3 and 2 * layers // 3 are
    reductions, and double the channels. The number of placements is bounded whatever `layers` is.
    """
    reductions = {layers // 3, 2 * layers // 3}
    c_prev_prev = c_prev = stem_channels(width, stem_stride)
    channels, after_reduction = width, stem_stride == LARGE_STEM
    layer = 0
    while layer < layers:
        is_reduction = layer in reductions
        channels *= 2 if is_reduction else 1
        outputs = reduce_outputs if is_reduction else normal_outputs
        repeats = 1
        if not is_reduction and not after_reduction and c_prev_prev == c_prev == outputs * channels:
            repeats = min(end for end in (*reductions, layers) if end > layer) - layer
        yield Placement(is_reduction, after_reduction, c_prev_prev, c_prev, channels, repeats)
        c_prev_prev, c_prev, after_reduction = c_prev, outputs * channels, is_reduction
        layer += repeats
