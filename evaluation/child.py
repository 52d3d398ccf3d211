"""The first and last moments of a trial's process: it leaves the fork server's session, takes its limits, and works."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

OPEN_FILES = 1024  # of one trial at once
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Start:
    """Hold what the driver decided for one trial; it travels with the request."""

    request: Mapping[str, Any]
    memory_mb: int | None  # address space that it may add to what the server has, on the CPU; None: no limit
    pin: str | None  # CUDA_VISIBLE_DEVICES of its process; None leaves it as it is


def live_as_child(
    start: Start,
    folder: Path,
    output: int,
    server: int,
    *,
    file_mb: int | None,
    worker: str,
    hook: str | None,
) -> NoReturn:
    """Carry out one request in the new process, and end it whatever happens."""
    from navarch.evaluation.job import Request

    code = 1
    try:
        _detach(output, server)
        os.chdir(folder)
        if start.pin is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = start.pin  # CUDA reads it when it is first asked anything
        request = Request.from_dict(start.request)
        _set_limits(start.memory_mb if request.device == "cpu" else None, file_mb)
        act = import_module(hook).act if hook is not None else None
        import_module(worker).run_request(request, folder, act)
        code = 0
    except Exception:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _detach(output: int, server: int) -> None:
    """Leave the server's session, signals and files, and ask the kernel to end with the server."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    end_with_parent()
    if os.getppid() != server:
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.closerange(3, min(soft, 65536))


def end_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends, where the kernel can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _set_limits(memory_mb: int | None, file_mb: int | None) -> None:
    """Bound what a trial can take. No bound on memory for CUDA, which reserves far more address space than it uses."""
    if file_mb is not None:
        file_bytes = file_mb * 2**20
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        open_files = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_mb is None or sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + memory_mb * 2**20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(
        resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard)
    )
