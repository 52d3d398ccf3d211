"""The graphs. Start here: each function below is one workflow and reads like its picture.

```
 start -> Navigator -> Generator <-> validator -> Critic -> evaluator -> Distiller --+
             ^                                                                       |
             +----------------------- another round -------------------------------+-+-> end
```
`roles` are those that take part: an ablation leaves some out, and their nodes are not there.
"""

from collections.abc import Callable, Collection, Hashable

from langgraph.graph import END, START, StateGraph

from navarch.graph.collm import follower, strategist
from navarch.graph.context import RunContext
from navarch.graph.critic import critic
from navarch.graph.distiller import distiller
from navarch.graph.evaluator import evaluator
from navarch.graph.generator import generator
from navarch.graph.halving import scheduler
from navarch.graph.navigator import navigator
from navarch.graph.opening import opening
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
from navarch.graph.settings import RoleName
from navarch.graph.state import RunState, Update
from navarch.graph.validator import validator

Graph = StateGraph[RunState, RunContext, RunState, RunState]


def navarch(roles: Collection[RoleName] = ("navigator", "generator", "critic", "distiller")) -> Graph:
    """All four roles: direction, proposals, verdicts, trials, lessons."""
    graph = Graph(RunState, context_schema=RunContext)
    first = _add_opening(graph, roles, navigator)
    graph.add_node("generator", generator)
    graph.add_node("validator", validator)
    graph.add_node("evaluator", evaluator)

    graph.add_edge(START, first)
    graph.add_edge(first, "generator")
    graph.add_edge("generator", "validator")
    if "critic" in roles:
        graph.add_node("critic", critic)
        graph.add_conditional_edges("validator", ask_again_or_criticise)
        graph.add_edge("critic", "evaluator")
    else:
        graph.add_conditional_edges("validator", ask_again_or_evaluate)
    if "distiller" in roles:
        graph.add_node("distiller", distiller)
        graph.add_edge("evaluator", "distiller")
    last = "distiller" if "distiller" in roles else "evaluator"
    graph.add_conditional_edges(last, next_round_or_end, {"navigator": first, END: END})
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


def collm_nas(roles: Collection[RoleName] = ("navigator", "generator")) -> Graph:
    """Two roles around a coordinator of plain code: the Navigator remembers, the Generator sees its strategy alone."""
    graph = Graph(RunState, context_schema=RunContext)
    first = _add_opening(graph, roles, strategist)
    graph.add_node("generator", follower)
    graph.add_node("validator", validator)
    graph.add_node("evaluator", evaluator)

    graph.add_edge(START, first)
    graph.add_edge(first, "generator")
    graph.add_edge("generator", "validator")
    graph.add_conditional_edges("validator", ask_again_or_evaluate)
    graph.add_conditional_edges("evaluator", next_round_or_end, {"navigator": first, END: END})
    return graph


def seki(roles: Collection[RoleName] = ("generator", "distiller")) -> Graph:
    """One architecture a round: the Generator betters the current one; later it is inspired by what the best share."""
    graph = Graph(RunState, context_schema=RunContext)
    graph.add_node("start", start)
    graph.add_node("self_evolution", self_evolution)
    second = "patterns" if "distiller" in roles else "opening"
    graph.add_node(second, patterns if "distiller" in roles else opening)
    graph.add_node("inspiration", inspiration)
    graph.add_node("validator", validator)
    graph.add_node("evaluator", evaluator)

    begins: dict[Hashable, str] = {"start": "start", "self_evolution": "self_evolution", "patterns": second}
    graph.add_conditional_edges(START, first_iteration, begins)
    graph.add_edge("start", "validator")
    graph.add_edge("self_evolution", "validator")
    graph.add_edge(second, "inspiration")
    graph.add_edge("inspiration", "validator")
    graph.add_conditional_edges("validator", write_again_or_evaluate)
    goes_on: dict[Hashable, str] = {"self_evolution": "self_evolution", "patterns": second, END: END}
    graph.add_conditional_edges("evaluator", next_iteration_or_end, goes_on)
    return graph


def _add_opening(graph: Graph, roles: Collection[RoleName], node: Callable[..., Update]) -> str:
    """Add the node that opens a round, the Navigator's where there is one; return its name."""
    if "navigator" in roles:
        graph.add_node("navigator", node)
        return "navigator"
    graph.add_node("opening", opening)
    return "opening"
