"""The search space of NAS-Bench-201: cells of six edges with five operations each."""

from navarch.spaces.nas_bench_201.space import NasBench201

__all__ = ["NasBench201"]
