"""The graphs. Start here: each function below is one workflow and reads like its picture.

```
 start -> Navigator -> Generator <-> validator -> Critic -> evaluator -> Distiller --+
             ^                                                                       |
             +----------------------- another round -------------------------------+-+-> end
```
"""

from langgraph.graph import START, StateGraph

from navarch.graph.collm import follower, strategist
from navarch.graph.context import RunContext
from navarch.graph.critic import critic
from navarch.graph.distiller import distiller
from navarch.graph.evaluator import evaluator
from navarch.graph.generator import generator
from navarch.graph.halving import scheduler
from navarch.graph.navigator import navigator
from navarch.graph.routes import (
    ask_again_or_criticise,
    ask_again_or_evaluate,
    first_iteration,
    next_iteration_or_end,
    next_round_or_end,
    schedule_on_or_end,
    search_again_or_evaluate,
    search_on_or_end,
    write_again_or_evaluate,
)
from navarch.graph.searcher import searcher
from navarch.graph.seki import inspiration, patterns, self_evolution, start
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


def classical() -> Graph:
    """A classical searcher in the Generator's place, random search among them; the workflow names it."""
    graph = Graph(RunState, context_schema=RunContext)
    graph.add_node("searcher", searcher)
    graph.add_node("validator", validator)
    graph.add_node("evaluator", evaluator)

    graph.add_edge(START, "searcher")
    graph.add_edge("searcher", "validator")
    graph.add_conditional_edges("validator", search_again_or_evaluate)
    graph.add_conditional_edges("evaluator", search_on_or_end)
    return graph


def halving() -> Graph:
    """Successive halving: the scheduler promotes the best of a rung, or draws new architectures for the lowest."""
    graph = Graph(RunState, context_schema=RunContext)
    graph.add_node("scheduler", scheduler)
    graph.add_node("validator", validator)
    graph.add_node("evaluator", evaluator)

    graph.add_edge(START, "scheduler")
    graph.add_edge("scheduler", "validator")
    graph.add_edge("validator", "evaluator")
    graph.add_conditional_edges("evaluator", schedule_on_or_end)
    return graph


def collm_nas() -> Graph:
    """Two roles around a coordinator of plain code: the Navigator remembers, the Generator sees its strategy alone."""
    graph = Graph(RunState, context_schema=RunContext)
    graph.add_node("navigator", strategist)
    graph.add_node("generator", follower)
    graph.add_node("validator", validator)
    graph.add_node("evaluator", evaluator)

    graph.add_edge(START, "navigator")
    graph.add_edge("navigator", "generator")
    graph.add_edge("generator", "validator")
    graph.add_conditional_edges("validator", ask_again_or_evaluate)
    graph.add_conditional_edges("evaluator", next_round_or_end)
    return graph


def seki() -> Graph:
    """One architecture a round: the Generator betters the current one; later it is inspired by what the best share."""
    graph = Graph(RunState, context_schema=RunContext)
    graph.add_node("start", start)
    graph.add_node("self_evolution", self_evolution)
    graph.add_node("patterns", patterns)
    graph.add_node("inspiration", inspiration)
    graph.add_node("validator", validator)
    graph.add_node("evaluator", evaluator)

    graph.add_conditional_edges(START, first_iteration)
    graph.add_edge("start", "validator")
    graph.add_edge("self_evolution", "validator")
    graph.add_edge("patterns", "inspiration")
    graph.add_edge("inspiration", "validator")
    graph.add_conditional_edges("validator", write_again_or_evaluate)
    graph.add_conditional_edges("evaluator", next_iteration_or_end)
    return graph
