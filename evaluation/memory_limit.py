"""How much memory one trial may take on this machine."""

import os
from pathlib import Path

SHARE = 0.8  # of the machine's memory; the rest is for the driver and the system
CGROUP_FILES = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_limit_mb(slots: int) -> int:
    """Return the MiB that each of so many trials may take, of the machine's or the container's memory."""
    return max(1, int(SHARE * _machine_bytes() / slots / 2**20))


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
