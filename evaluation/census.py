"""How many processes a trial has, and what it left behind: a bound that holds for root too.

RLIMIT_NPROC counts all processes of a user and does not bind root, so it cannot bound one trial. The fork server
looks instead: at the children of a trial, theirs, and those whose parents ended, which fall to the server. Linux only.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

CENSUS_S = 0.25  # how often the server looks; a fork bomb makes some hundred processes meanwhile
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Have the kernel hand this process every descendant whose parent ends, where the kernel can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def family(roots: Iterable[int], most: int) -> list[int]:
    """Return processes with all their descendants, and stop looking above `most` of them."""
    found = list(roots)
    for pid in found:
        if len(found) > most:
            break
        found += children_of(pid)
    return found


def children_of(pid: int) -> list[int]:
    """Return the children of a process, zombies included; none where the kernel does not tell."""
    children: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (thread / "children").read_text(encoding="ascii").split())
    return children


def kill_all(pids: Iterable[int]) -> None:
    """Kill processes of which some may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def group_of(pid: int) -> int | None:
    """Return the process group of a process, None if it has ended."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
