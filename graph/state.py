"""The graph's state: ids and counters, nothing else.

Every checkpoint stores the whole state, so what grows with a run (trials, replies, lessons) lives in the memory.
"""

from typing import TypedDict


class RunState(TypedDict):
    """Where a run stands. `round` counts from 1 once the first node has run; `attempt` from 0 within a round."""

    run_id: str
    round: int
    attempt: int


class Update(TypedDict, total=False):
    """What a node changes in the state."""

    round: int
    attempt: int


def start_state(run_id: str, after_round: int) -> RunState:
    """Return the state from which the round after `after_round` begins."""
    return RunState(run_id=run_id, round=after_round, attempt=0)
