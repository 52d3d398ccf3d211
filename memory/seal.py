"""The digest of a finished trial: what tells a flipped bit, which SQLite's own check mostly does not see."""

import json
from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from navarch.memory.connection import Store, damaged
from navarch.memory.layout import Layout
from navarch.memory.omitted import TOLD, with_told, with_usual
from navarch.memory.rows import TrialRow
from navarch.memory.text import text_digest

_NAMES = [field.name for field in fields(TrialRow)]
_COST, _FEEDBACK = _NAMES.index("cost"), _NAMES.index("feedback")
_TOLD = [(name, _NAMES.index(name)) for name in TOLD]


def _put_back(cells: list[Any]) -> None:
    cells[_COST] = with_usual(cells[_COST])
    if cells[_FEEDBACK] is not None:
        cells[_FEEDBACK] = with_told(cells[_FEEDBACK], {name: cells[index] for name, index in _TOLD})


TRIALS = Layout(
    "trials",
    TrialRow,
    json=["architecture", "objectives", "feedback"],
    measured=["curve", "cost"],
    put_back=_put_back,
)
FINISHED = ("complete", "pruned", "failed")

_STATE = TRIALS.names.index("state")
_ROW_DIGEST = TRIALS.names.index("row_digest")
_FEEDBACK_DIGEST = TRIALS.names.index("feedback_digest")
_dumps = json.JSONEncoder(allow_nan=False).encode
_STATES = ("waiting", "running", *FINISHED)


def row_seal(cells: Sequence[Any]) -> str:
    """Return the digest over all facts of a finished trial as stored; feedback, later, has its own."""
    return text_digest(_dumps(list(cells[:_FEEDBACK])))


def feedback_seal(trial_id: str, feedback: str) -> str:
    """Return the digest over a trial's feedback as stored."""
    return text_digest(json.dumps([trial_id, feedback]))


def seal_problem(cells: Sequence[Any]) -> str | None:
    """Say what is wrong with a stored trial row, or None; a row that is read again as it was is judged once."""
    return _judge(tuple(cells), tuple(map(type, cells)))


@lru_cache(maxsize=256)
def _judge(cells: tuple[Any, ...], types: tuple[type, ...]) -> str | None:
    """Say what is wrong with a row. types: of its cells, since 1 equals 1.0."""
    state, seal, feedback = cells[_STATE], cells[_ROW_DIGEST], cells[_FEEDBACK]
    if state not in _STATES or (seal is None) == (state in FINISHED):
        return (
            f"trial {cells[0]!r} is in state {state!r} "
            + ("without" if seal is None else "with")
            + " a digest"
        )
    try:
        if seal is not None and row_seal(cells) != seal:
            return f"trial {cells[0]!r} differs from its digest"
        if (feedback is None) != (cells[_FEEDBACK_DIGEST] is None):
            return f"trial {cells[0]!r} has lost its feedback or the digest of it"
        if feedback is not None and feedback_seal(cells[0], feedback) != cells[_FEEDBACK_DIGEST]:
            return f"the feedback of trial {cells[0]!r} differs from its digest"
    except (TypeError, ValueError):  # a flipped type: bytes where text was, or an infinity
        return f"trial {cells[0]!r} holds a value of another kind than was written"
    return None


def read_trial(store: Store, cells: Sequence[Any]) -> TrialRow:
    """Return a stored trial, its digest checked. Raises: StoreDamagedError."""
    problem = seal_problem(cells)
    if problem is not None:
        raise damaged(store.path, problem)
    return TRIALS.read(store, cells)
