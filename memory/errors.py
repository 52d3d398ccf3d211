"""What can go wrong with the memory, each as one sentence: what, which file, what to do."""

from typing import Literal

from navarch import NavarchError


class StoreError(NavarchError):
    """The memory refused to read or write something."""


class StoreDamagedError(StoreError):
    """The file, or a row in it, is not what was written."""


class StoreAlienError(StoreError):
    """The file is something else: it is left exactly as it is."""


class StoreNewerError(StoreError):
    """The file was written by a newer Navarch."""


class StoreBusyError(StoreError):
    """Another process held the lock for longer than we wait."""


class StoreFullError(StoreError):
    """The disk, or the space the file may use, is full."""


class StoreUnusableError(StoreError):
    """The path cannot hold a memory: a directory, unwritable, missing, or without write-ahead logging."""


class ValueTooLargeError(StoreError):
    """A value that cannot be cut, such as JSON, is over its cap; nothing was written."""


class UnknownLessonError(StoreError):
    """The run has no lesson of that number."""


class UnknownRunError(NavarchError):
    """No run, or more than one, answers to that name."""


class UnknownTrialError(NavarchError):
    """The run has no trial of that number: a slip of whoever named it, not of the storage."""


class BudgetExhausted(NavarchError):
    """One more call would pass the run's limit on `what`; nothing was written.

    The text is the reason why a run ended, as users read it.
    """

    def __init__(self, what: Literal["calls", "tokens", "money"], limit: float) -> None:
        plural = "" if limit == 1 else "s"
        texts = {
            "calls": f"budget of {limit} model call{plural} is spent",
            "tokens": f"budget of {limit} token{plural} has no room for the next call",
            "money": f"budget of {limit:g} in money has no room for the next call",
        }
        super().__init__(texts[what])
        self.what = what
        self.limit = limit
