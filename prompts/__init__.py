"""The text that models read, as files in this folder, and the code that finds, checks and renders them."""

from navarch.prompts.files import PromptFolder, Source
from navarch.prompts.front_matter import Sampling
from navarch.prompts.library import PromptLibrary, Rendered
from navarch.prompts.load import PromptFile
from navarch.prompts.problems import PromptError, PromptProblem
from navarch.prompts.template import SCALARS, Checked, check_plain
from navarch.prompts.variables import VARIABLES

__all__ = [
    "SCALARS",
    "VARIABLES",
    "Checked",
    "PromptError",
    "PromptFile",
    "PromptFolder",
    "PromptLibrary",
    "PromptProblem",
    "Rendered",
    "Sampling",
    "Source",
    "check_plain",
]
