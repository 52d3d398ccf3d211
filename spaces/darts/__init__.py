"""The DARTS search space: a normal and a reduction cell, in networks for small and for large images."""

from navarch.spaces.darts.cell import CellGenotype, Genotype
from navarch.spaces.darts.space import Darts

__all__ = ["CellGenotype", "Darts", "Genotype"]
