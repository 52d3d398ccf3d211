"""Where the twenty blocks stand: stage, stride and channels of each, which no architecture changes.

Source: Single Path One-Shot (Guo et al., ECCV 2020), table 1.
"""

from functools import lru_cache
from typing import NamedTuple

from navarch import NavarchError

XCEPTION = "xception"
KERNELS = {"shuffle_3x3": 3, "shuffle_5x5": 5, "shuffle_7x7": 7}
PROJECTION_KERNELS = {**KERNELS, XCEPTION: 3}
_REPEATS = (4, 4, 8, 4)


class Widths(NamedTuple):
    """Channels of the stem, of what the blocks of each stage deliver, and of the last convolution."""

    stem: int
    stage_1: int
    stage_2: int
    stage_3: int
    stage_4: int
    head: int


class Block(NamedTuple):
    """One block of the chain.

    stage: counted from 1. stride: 2 in the first block of a stage, where both branches read the whole input;
    1 in the others, where the main branch reads half of the channels and the other half passes.
    """

    stage: int
    stride: int
    c_in: int
    c_out: int

    @property
    def main_in(self) -> int:
        """Return how many channels the main branch reads; as many pass by it."""
        return self.c_in if self.stride == 2 else self.c_in // 2

    @property
    def mid(self) -> int:
        """Return how many channels the main branch has inside."""
        return self.c_out // 2

    @property
    def main_out(self) -> int:
        """Return how many channels the main branch adds to those that pass by it."""
        return self.c_out - self.main_in


@lru_cache(maxsize=64)
def block_layout(widths: Widths) -> tuple[Block, ...]:
    """Return the twenty blocks. Raises: NavarchError for widths that no block can have."""
    blocks: list[Block] = []
    channels = widths.stem
    for stage, repeats in enumerate(_REPEATS, 1):
        wide = widths[stage]  # the stem stands at 0
        if wide % 2 or wide <= channels:
            raise NavarchError(
                f"stage_{stage} must be an even number of channels above the {channels} before it, not {wide}"
            )
        blocks.append(Block(stage, 2, channels, wide))
        blocks += [Block(stage, 1, wide, wide)] * (repeats - 1)
        channels = wide
    return tuple(blocks)
