"""The graph's state: ids and counters, nothing else.

Every checkpoint stores the whole state, so what grows with a run (trials, replies, lessons) lives in the memory.
"""

from typing import NamedTuple, TypedDict


class RunState(TypedDict):
    """Where a run stands.

    `round` counts from 1 once the first node has run, `attempt` from 0 within a round. `written` is how much the memory
    held when the node ended: a memory that holds less is an older copy, and the checkpoint does not fit it.
    """

    run_id: str
    round: int
    attempt: int
    written: int


class Update(TypedDict, total=False):
    """What a node changes in the state."""

    round: int
    attempt: int
    written: int


class Position(NamedTuple):
    """Where a node stands: the round and the attempt within it."""

    round: int
    attempt: int


def position_of(state: RunState) -> Position:
    """Return the position; LangGraph Studio may start with an empty state."""
    return Position(state.get("round", 0), state.get("attempt", 0))


def start_state(run_id: str, after_round: int) -> RunState:
    """Return the state from which the round after `after_round` begins."""
    return RunState(run_id=run_id, round=after_round, attempt=0, written=0)
