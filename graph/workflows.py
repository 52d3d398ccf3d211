"""The workflows by name: what each is, and which graph it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from navarch import NavarchError
from navarch.graph.settings import RoleName

if TYPE_CHECKING:
    from navarch.graph.build import Graph


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow: its name, what it does in one line, its roles, and the function in `build.py`."""

    name: str
    summary: str
    roles: tuple[RoleName, ...]
    builder: str

    def build(self) -> "Graph":
        """Return the uncompiled graph; this is what imports LangGraph."""
        function: Callable[[], Graph] = getattr(import_module("navarch.graph.build"), self.builder)
        return function()


WORKFLOWS = (
    Workflow(
        "navarch",
        "all four roles: direction, proposals, verdicts, trials, lessons",
        ("navigator", "generator", "critic", "distiller"),
        "navarch",
    ),
    Workflow("random", "uniform random search, the baseline; no role, no model", (), "random"),
)


def get_workflow(name: str) -> Workflow:
    """Return a workflow by name. Raises: NavarchError listing the known ones."""
    for workflow in WORKFLOWS:
        if workflow.name == name:
            return workflow
    known = ", ".join(workflow.name for workflow in WORKFLOWS)
    raise NavarchError(f"unknown workflow {name!r}: use one of {known}")
