"""What can go wrong with the memory, each as one sentence: what, which file, what to do."""

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


class UnknownRunError(NavarchError):
    """No run, or more than one, answers to that name."""


class UnknownTrialError(NavarchError):
    """The run has no trial of that number."""


class BudgetExhausted(NavarchError):
    """One more call would pass the run's limit on `what` ("calls" or "tokens"); nothing was written."""

    def __init__(self, what: str, spent: int, wanted: int, limit: int) -> None:
        super().__init__(
            f"The budget of {limit} {what} does not allow {wanted} more after {spent}: "
            f"raise max_{what} to go on."
        )
        self.what = what
