"""The block search space of SPOS: twenty ShuffleNetV2 or Xception blocks in a chain."""

from navarch.spaces.spos.space import SposShuffleNetV2

__all__ = ["SposShuffleNetV2"]
