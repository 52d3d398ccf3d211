"""One process per run: an advisory lock that the system drops when its holder dies, however it dies."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from navarch import NavarchError


@contextmanager
def hold(path: Path, run_id: str, where: str = "") -> Iterator[None]:
    """Hold the run's lock while the block runs. Raises: NavarchError if another process holds it.

    where: what a command needs to find the run's memory.
    """
    try:
        file = path.open("a")
    except OSError as error:
        raise NavarchError(f"lock file {str(path)!r} cannot be opened: {error.strerror}") from None
    with file:
        if not _lock(file):
            raise NavarchError(
                f"run {run_id!r} is being worked on by another process: wait for it, or stop it with "
                f"`navarch stop {run_id}{where}`"
            )
        yield


def _lock(file: TextIO) -> bool:
    """Take the lock, if need be at a second or third try: whoever looks whether it is held has it for a moment."""
    for pause in (0.2, 0.2, 0.0):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(pause)
    return False


def is_held(path: Path) -> bool:
    """Tell whether a living process holds the lock; looking leaves nothing behind."""
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
