"""Chains of inverted residual blocks in five stages: the sub-networks of Once-for-All's MobileNetV3."""

from navarch.spaces.ofa.space import OfaMobileNetV3, make_wide

__all__ = ["OfaMobileNetV3", "make_wide"]
