"""The graph for LangGraph Studio (`langgraph.json`): no checkpointer of its own, since Studio brings one.

Studio passes no context, so the nodes take the one made here, once, from ./navarch.toml and the environment.
"""

import atexit
import time
from functools import lru_cache
from typing import Any

import navarch
from navarch.graph.assemble import make_context, make_evaluator, prepare
from navarch.graph.build import navarch as build_navarch
from navarch.graph.context import RunContext
from navarch.graph.progress import Silent
from navarch.graph.settings import load_settings
from navarch.graph.stopping import StopRequest
from navarch.memory import Memory


def graph() -> Any:
    """Return the compiled `navarch` workflow."""
    return build_navarch().compile()


@lru_cache(maxsize=1)
def studio_context() -> RunContext:
    """Start a run in the memory of this folder's settings and return what its nodes work with."""
    settings = load_settings()
    parts = prepare(settings)
    evaluator = make_evaluator(settings, parts)
    memory = Memory.open(settings.db)
    atexit.register(memory.close)
    atexit.register(evaluator.close)
    run = memory.create_run(
        workflow=parts.workflow.name,
        space=parts.space.name,
        task=parts.task.name,
        task_digest=parts.task.digest,
        evaluator=settings.evaluator,
        seed=settings.seed,
        settings=settings.model_dump(mode="json"),
        version=navarch.__version__,
    )
    began = time.monotonic()
    return make_context(
        settings,
        parts,
        evaluator,
        run_id=run.run_id,
        memory=memory,
        progress=Silent(),
        elapsed_s=lambda: time.monotonic() - began,
        stop=StopRequest(),
    )
