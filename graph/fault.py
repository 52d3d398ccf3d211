"""Fault points for the kill tests: `NAVARCH_FAULT="trial.finished:3:SIGKILL"` sends the signal at the third pass.

Other folders receive `fault` as a callable, so they import nothing. Without the variable a pass costs one comparison.
"""

import os
import signal
from collections import Counter

from navarch import NavarchError

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
    name, _, rest = _plan.partition(":")
    nth, _, signal_name = rest.partition(":")
    if name not in POINTS or not nth.isdecimal() or signal_name not in signal.Signals.__members__:
        raise NavarchError(
            f"NAVARCH_FAULT={_plan!r}: write POINT:PASS:SIGNAL, such as trial.finished:3:SIGKILL"
        )
    _passes[point] += 1
    if point == name and _passes[point] == int(nth):
        os.kill(os.getpid(), signal.Signals[signal_name])
