"""The graphs. Start here: each function below is one workflow and reads like its picture.

```
 start -> Navigator -> Generator <-> validator -> Critic -> evaluator -> Distiller --+
             ^                                                                       |
             +----------------------- another round -------------------------------+-+-> end
```
"""

from langgraph.graph import START, StateGraph

from navarch.graph.context import RunContext
from navarch.graph.critic import critic
from navarch.graph.distiller import distiller
from navarch.graph.evaluator import evaluator
from navarch.graph.generator import generator
from navarch.graph.navigator import navigator
from navarch.graph.routes import (
    ask_again_or_criticise,
    next_round_or_end,
    sample_again_or_evaluate,
    sample_next_or_end,
)
from navarch.graph.sampler import sampler
from navarch.graph.state import RunState
from navarch.graph.validator import validator

Graph = StateGraph[RunState, RunContext, RunState, RunState]


def navarch() -> Graph:
    """All four roles: direction, proposals, verdicts, trials, lessons."""
    graph = Graph(RunState, context_schema=RunContext)
    graph.add_node("navigator", navigator)
    graph.add_node("generator", generator)
    graph.add_node("validator", validator)
    graph.add_node("critic", critic)
    graph.add_node("evaluator", evaluator)
    graph.add_node("distiller", distiller)

    graph.add_edge(START, "navigator")
    graph.add_edge("navigator", "generator")
    graph.add_edge("generator", "validator")
    graph.add_conditional_edges("validator", ask_again_or_criticise)
    graph.add_edge("critic", "evaluator")
    graph.add_edge("evaluator", "distiller")
    graph.add_conditional_edges("distiller", next_round_or_end)
    return graph


def random() -> Graph:
    """Uniform sampling in the Generator's place: the baseline that every search must beat."""
    graph = Graph(RunState, context_schema=RunContext)
    graph.add_node("sampler", sampler)
    graph.add_node("validator", validator)
    graph.add_node("evaluator", evaluator)

    graph.add_edge(START, "sampler")
    graph.add_edge("sampler", "validator")
    graph.add_conditional_edges("validator", sample_again_or_evaluate)
    graph.add_conditional_edges("evaluator", sample_next_or_end)
    return graph
