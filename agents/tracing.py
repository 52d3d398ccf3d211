"""Keep every trace on this machine: the one place that turns other people's tracing off.

LangChain and LangGraph send what they do to LangSmith when LANGSMITH_* or LANGCHAIN_* variables say so, and
the variables may have been set for another program. Ours is the only trace, in our own memory.
"""

import os
from collections.abc import MutableMapping

# LangSmith reads the first of these that is set, and caches what it read: they must be set before it is
# imported.
_SWITCHES = (
    "LANGSMITH_TRACING_V2",
    "LANGCHAIN_TRACING_V2",
    "LANGSMITH_TRACING",
    "LANGCHAIN_TRACING",
    "LANGSMITH_OTEL_ENABLED",
    "LANGCHAIN_OTEL_ENABLED",
    "LANGSMITH_OTEL_ONLY",
    "LANGSMITH_GATEWAY",
    "LANGCHAIN_HANDLER",  # names a tracer that is gone, and its name alone stops a run
)


def keep_traces_home(environ: MutableMapping[str, str] = os.environ) -> None:
    """Turn off tracing by environment. Call it before langchain, langgraph or langsmith is imported."""
    for name in _SWITCHES:
        environ[name] = "false"
    environ["OTEL_SDK_DISABLED"] = "true"
