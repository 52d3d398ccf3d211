"""LangGraph, and only here: state, nodes, routes, workflows, checkpoints and the run loop. Start at `build.py`."""

import os
from importlib import import_module
from typing import Any

from navarch.agents.tracing import keep_traces_home

# Both are read when LangGraph is imported, which every module of this folder may do.
keep_traces_home()
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"

_LAZY = {
    "Settings": "navarch.graph.settings",
    "load_settings": "navarch.graph.settings",
    "start_run": "navarch.graph.run",
    "resume_run": "navarch.graph.run",
    "RunResult": "navarch.graph.result",
}

__all__ = ["RunResult", "Settings", "load_settings", "resume_run", "start_run"]


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that reading settings does not import LangGraph."""
    if name not in _LAZY:
        raise AttributeError(f"module 'navarch.graph' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
