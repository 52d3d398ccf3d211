"""The search space of NAS-Bench-Macro: eight layers in a chain, each skipped or an inverted residual block."""

from navarch.spaces.nas_bench_macro.space import NasBenchMacro

__all__ = ["NasBenchMacro"]
