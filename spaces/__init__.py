"""Search spaces: one declaration each, and from it schema, validator, prompt data, cost and network.

Importing this needs the standard library alone; torch is imported when a network is built.
"""

from navarch.spaces.problems import InvalidArchitecture, Problem, ProblemCode
from navarch.spaces.registry import get_space, space_names
from navarch.spaces.space import Difference, SearchSpace, find_differences
from navarch.spaces.spec import Architecture, Cost, Dimension, Option

__all__ = [
    "Architecture",
    "Cost",
    "Difference",
    "Dimension",
    "InvalidArchitecture",
    "Option",
    "Problem",
    "ProblemCode",
    "SearchSpace",
    "find_differences",
    "get_space",
    "space_names",
]
