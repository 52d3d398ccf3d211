"""The installed command in a process of its own, killed where a test says, and what is left of it afterwards."""

import os
import subprocess
import sys
import time
from pathlib import Path

NAVARCH = str(Path(sys.executable).with_name("navarch"))


def navarch(folder, *arguments, fault=None, timeout=240):
    """Run `navarch ARGUMENTS` in a folder; `fault` names the point, its occasion and the signal that ends it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NAVARCH_")}
    if fault is not None:
        environment["NAVARCH_FAULT"] = fault
    return subprocess.run(
        [NAVARCH, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout
    )


def working_in(folder):
    """Return the processes whose working folder lies in this one, also where it was removed; workers inherit theirs."""
    folder, found = folder.resolve(), []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if Path(os.readlink(link)).is_relative_to(folder):
                found.append(int(link.parent.name))
        except OSError:  # gone, or another user's
            continue
    return found


def eventually(claim, seconds):
    """Tell whether a claim comes true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
