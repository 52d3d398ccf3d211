"""A folder for what is thrown away, also where its process is killed: the next one to need such a folder removes it."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree

from navarch.graph.lock import hold, is_held

PREFIX = "navarch-scratch-"
_LOCK = "lock"
_NEW_S = 60.0  # a folder as young may not be locked yet


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an empty folder of this user alone, and remove it at the end, with those that killed processes have left."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_left(left):
            rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with hold(folder / _LOCK, folder.name):
            yield folder
    finally:
        rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Return whether a folder is this user's, and no living process holds it."""
    with suppress(OSError):
        seen = folder.lstat()
        is_old = time.time() - seen.st_mtime > _NEW_S
        return is_old and seen.st_uid == os.getuid() and not is_held(folder / _LOCK)
    return False
