"""Search spaces: one declaration each, and from it schema, validator, prompt data, cost and network.

Importing this needs the standard library alone; torch is imported when a network is built.
"""

from navarch.spaces.description import structure_from_description
from navarch.spaces.difference import Difference, find_differences
from navarch.spaces.obfuscated import ObfuscatedSpace
from navarch.spaces.problems import InvalidArchitecture, Problem, ProblemCode
from navarch.spaces.registry import get_space, space_names
from navarch.spaces.sketch import CellSketch, Sketch, StageTable
from navarch.spaces.space import SearchSpace
from navarch.spaces.spec import INACTIVE, Architecture, Cost, Dimension, Input, Option
from navarch.spaces.structure import Structure

__all__ = [
    "INACTIVE",
    "Architecture",
    "CellSketch",
    "Cost",
    "Difference",
    "Dimension",
    "Input",
    "InvalidArchitecture",
    "ObfuscatedSpace",
    "Option",
    "Problem",
    "ProblemCode",
    "SearchSpace",
    "Sketch",
    "StageTable",
    "Structure",
    "find_differences",
    "get_space",
    "space_names",
    "structure_from_description",
]
