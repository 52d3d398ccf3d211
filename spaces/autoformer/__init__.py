"""AutoFormer: vision transformers whose width, depth, and heads and MLP ratio of every block are chosen."""

from navarch.spaces.autoformer.space import AutoFormer

__all__ = ["AutoFormer"]
