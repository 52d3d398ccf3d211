"""SQLite memory: runs, rounds, proposals, trials, calls and lessons in one file that survives kill -9.

Start at `store.py`. The tables: `tables.py`; opening and its refusals: `opening.py`; integrity: `check.py`.
"""

from navarch.memory.answers import is_copied
from navarch.memory.calls import CACHED, REPLAYED
from navarch.memory.connection import no_fault
from navarch.memory.entries import Asked, CallKey, CallLimit, NewProposal, NewTrial, Prices, ProposalUpdate
from navarch.memory.errors import (
    BudgetExhausted,
    StoreAlienError,
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
    StoreNewerError,
    StoreUnusableError,
    UnknownLessonError,
    UnknownRunError,
    UnknownTrialError,
    ValueTooLargeError,
)
from navarch.memory.rows import (
    CANDIDATE,
    REPEATS,
    CallRow,
    CallSource,
    LessonRow,
    ProposalRow,
    ProposalStatus,
    ReplySources,
    RoundRow,
    RunRow,
    Spent,
    TestScoreRow,
    TrialRow,
)
from navarch.memory.store import Memory
from navarch.memory.text import MESSAGE_CAP, canonical_json, clean_text, render_digest, text_digest
from navarch.memory.transfer import Taken

__all__ = [
    "CACHED",
    "CANDIDATE",
    "MESSAGE_CAP",
    "REPEATS",
    "REPLAYED",
    "Asked",
    "BudgetExhausted",
    "CallKey",
    "CallLimit",
    "CallRow",
    "CallSource",
    "LessonRow",
    "Memory",
    "NewProposal",
    "NewTrial",
    "Prices",
    "ProposalRow",
    "ProposalStatus",
    "ProposalUpdate",
    "ReplySources",
    "RoundRow",
    "RunRow",
    "Spent",
    "StoreAlienError",
    "StoreBusyError",
    "StoreDamagedError",
    "StoreError",
    "StoreFullError",
    "StoreNewerError",
    "StoreUnusableError",
    "Taken",
    "TestScoreRow",
    "TrialRow",
    "UnknownLessonError",
    "UnknownRunError",
    "UnknownTrialError",
    "ValueTooLargeError",
    "canonical_json",
    "clean_text",
    "is_copied",
    "no_fault",
    "render_digest",
    "text_digest",
]
