"""The two search spaces of TransNAS-Bench-101: the cell, and the outline of the network."""

from navarch.spaces.transnas.macro import TransNasMacro
from navarch.spaces.transnas.micro import TransNasMicro

__all__ = ["TransNasMacro", "TransNasMicro"]
