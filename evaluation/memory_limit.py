"""How much memory one trial may take on this machine, and how much is free."""

import os
from pathlib import Path

SHARE = 0.8  # of the machine's memory; the rest is for the driver and the system
MEMINFO = Path("/proc/meminfo")
CGROUP_FILES = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_limit_mb(slots: int) -> int:
    """Return the MiB that each of so many trials may take, of the machine's or the container's memory."""
    return max(1, int(SHARE * _machine_bytes() / slots / 2**20))


def free_memory_mb() -> float:
    """Return the MiB that new processes can take now; all of the memory where the system does not tell."""
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
        available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return _machine_bytes() / 2**20
    return min(available / 2**10, _machine_bytes() / 2**20)


def _machine_bytes() -> int:
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in CGROUP_FILES:
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdecimal():
            return min(physical, int(text))
    return physical
