"""What the nodes of one run work with: built once per process, never stored."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from navarch.agents.caller import Caller
from navarch.agents.recall import Recall
from navarch.evaluation import Evaluator, Fidelity, Latency, Limits, Task
from navarch.evaluation.proxies.screen import ProxyScreen
from navarch.graph.fault import fault
from navarch.graph.history import Searching
from navarch.graph.past import Past
from navarch.graph.progress import Progress, Standing
from navarch.graph.rules import Rules, rules_of
from navarch.graph.settings import Settings
from navarch.graph.state import Update
from navarch.graph.stopping import StopRequest, StopRun
from navarch.memory import Memory
from navarch.spaces import SearchSpace

if TYPE_CHECKING:
    from langgraph.runtime import Runtime


@dataclass(frozen=True)
class RunContext:
    """The tools of a run: memory, space, task, evaluator, roles or searcher, and the wish to stop."""

    run_id: str
    settings: Settings
    memory: Memory
    space: SearchSpace
    task: Task
    fidelity: Fidelity
    evaluator: Evaluator
    caller: Caller
    recall: Recall
    past: Past
    progress: Progress
    elapsed_s: Callable[[], float]
    stop: StopRequest = field(default_factory=StopRequest)
    searching: Searching | None = None
    latency: Latency | None = None
    screen: ProxyScreen | None = None
    fault: Callable[[str], None] = fault

    @cached_property
    def rules(self) -> Rules:
        """Return the shape of the workflow's rounds."""
        return rules_of(self.settings)

    @cached_property
    def limits(self) -> Limits:
        """Return the constraints on candidates."""
        return Limits(**self.settings.limits.bounds, latency=self.latency)

    def repeatable(self) -> AbstractContextManager[None]:
        """Make one unit of writes that can be made again from what is stored.

        It need not wait for the disk, unless a checkpoint follows each node: none may be newer than the memory.
        """
        return self.memory.transaction(durable=not self.evaluator.instant)

    def open_round(self, round: int) -> None:
        """Store a round as begun."""
        with self.repeatable():
            self.memory.open_round(self.run_id, round)

    def set_direction(self, round: int, direction: Mapping[str, Any], call_id: str | None = None) -> None:
        """Store what was said at the beginning of a round. call_id: the call that said it, and nothing else."""
        with self.repeatable():
            self.memory.set_direction(self.run_id, round, direction, call_id)

    def done(self, *, round: int | None = None, attempt: int | None = None) -> Update:
        """Return what a node changes in the state at its end."""
        changes = Update(written=self.memory.written(self.run_id))
        if round is not None:
            changes["round"] = round
        if attempt is not None:
            changes["attempt"] = attempt
        return changes

    def should_stop(self) -> bool:
        """Tell whether somebody asked this run to stop, or its time is over."""
        seconds = self.settings.budget.seconds
        late = seconds is not None and self.elapsed_s() >= seconds
        return late or bool(self.stop) or self.memory.stop_requested(self.run_id)

    def leave_if_asked(self) -> None:
        """Raise StopRun if this run should stop now."""
        if not self.should_stop():
            return
        if self.stop:
            raise StopRun("interrupted", signal=self.stop.signal)
        if self.memory.stop_requested(self.run_id):
            raise StopRun("asked to stop")
        raise StopRun(f"budget of {self.settings.budget.seconds or 0:g} seconds is spent", final=True)

    def standing(self) -> Standing:
        """Return the trials done, the budget and the best trial within the limits."""
        best = self.memory.best_trial(self.run_id, **self.settings.admitted)
        return Standing(self.memory.count_finished(self.run_id), self.settings.budget.trials, best)


def context_of(runtime: "Runtime[RunContext]") -> RunContext:
    """Return the context that the run loop passed; LangGraph Studio passes none and gets its own."""
    passed: RunContext | None = runtime.context
    if passed is not None:
        return passed
    from navarch.graph.studio import context_of_thread

    return context_of_thread()
