"""The graph for LangGraph Studio (`langgraph.json`): no checkpointer of its own, since Studio brings one.

Studio passes no context, so the nodes take the one made here from ./navarch.toml and the environment: each thread is a
run of its own. A last node ends the run, which the run loop does elsewhere.
"""

import atexit
import time
from functools import cache
from typing import Any

from langgraph.config import get_config
from langgraph.graph import END, START, StateGraph

from navarch.graph.assemble import make_context, make_evaluator, prepare
from navarch.graph.context import RunContext
from navarch.graph.progress import Silent
from navarch.graph.run import create_run, finish_run, settle
from navarch.graph.screening import make_screen
from navarch.graph.settings import settings_of
from navarch.graph.state import RunState, Update
from navarch.graph.stopping import StopRequest, stop_reason
from navarch.graph.task_settings import load_run_settings
from navarch.memory import Memory


def graph() -> Any:
    """Return the compiled workflow that the settings name, followed by the node that ends the run."""
    outer = StateGraph(RunState)
    outer.add_node("search", prepare(load_run_settings()).workflow.build().compile())
    outer.add_node("finish", finish)
    outer.add_edge(START, "search")
    outer.add_edge("search", "finish")
    outer.add_edge("finish", END)
    return outer.compile()


def finish(state: RunState) -> Update:
    """Read the test split for the best by validation and mark the run finished."""
    ctx = context_of_thread()
    reason = stop_reason(ctx.memory, ctx.run_id, ctx.settings, ctx.elapsed_s)
    finish_run(ctx, reason or "the workflow ended")
    return ctx.done()


def context_of_thread() -> RunContext:
    """Return what the nodes of the current LangGraph thread work with."""
    thread = get_config().get("configurable", {}).get("thread_id", "")
    return _context(str(thread))


@cache
def _context(thread: str) -> RunContext:
    settings = load_run_settings()
    parts = prepare(settings)
    settings = settle(settings, parts)
    evaluator = make_evaluator(settings, parts)
    memory = Memory.open(settings.db)
    atexit.register(memory.close)
    atexit.register(evaluator.close)
    screen = make_screen(settings, parts.task)
    atexit.register(screen.close)
    run = create_run(memory, settings, parts)
    settings = settings_of(run)
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
        screen=screen,
    )
