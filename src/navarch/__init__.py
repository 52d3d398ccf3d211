"""Navarch searches neural architectures with four explicit LLM roles on a LangGraph state machine.

This file is the public API. Names are loaded on first use, so that `import navarch` imports neither torch nor langgraph.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "get_space": "navarch.spaces",
    "get_task": "navarch.evaluation",
    "Memory": "navarch.memory",
    "load_settings": "navarch.graph",
    "start_run": "navarch.graph",
    "resume_run": "navarch.graph",
}

__all__ = ["NavarchError", "__version__", *_LAZY]


class NavarchError(Exception):
    """A problem that the user can act on: one sentence with what, where, which value, and what to do."""


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Load a public name from its folder on first use."""
    if name not in _LAZY:
        raise AttributeError(f"module 'navarch' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
