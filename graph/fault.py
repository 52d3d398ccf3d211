"""Fault points for the kill tests: `NAVARCH_FAULT="trial.finished:3:SIGKILL"` sends the signal at the third pass.

Other folders receive `fault` as a callable, so they import nothing. Without the variable a pass costs one comparison.
"""

import os
import signal
from collections import Counter

POINTS = (
    "call.rendered",
    "call.reserved",
    "call.sending",
    "call.answered",
    "call.settled",
    "proposals.stored",
    "candidates.admitted",
    "trial.claimed",
    "worker.started",
    "outcome.received",
    "trial.finished",
    "checkpoint.put",
    "lesson.stored",
    "migration.step",
    "test.scored",
)

_plan = os.environ.get("NAVARCH_FAULT")
_passes: Counter[str] = Counter()


def fault(point: str) -> None:
    """Send the planned signal to this process if the plan names this pass of this point; else do nothing."""
    if _plan is None:
        return
    name, nth, signal_name = _plan.split(":")
    _passes[point] += 1
    if point == name and _passes[point] == int(nth):
        os.kill(os.getpid(), signal.Signals[signal_name])
