"""Which CUDA devices there are and what is free on them, asked in a process of its own.

A process that has asked CUDA anything cannot be forked any more, and the fork server must stay able to.
"""

import json
import os
import select
import signal
import sys
from typing import NoReturn

PROBE_S = 60.0  # a context on each of several devices takes seconds


def measure_cuda() -> list[float]:
    """Return the free MiB of each CUDA device that is visible; nothing where CUDA is absent or does not answer."""
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        return []
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        _answer(write_end)
    os.close(write_end)
    ready, _, _ = select.select([read_end], [], [], PROBE_S)
    answer = os.read(read_end, 65536) if ready else b""
    os.close(read_end)
    os.kill(pid, signal.SIGKILL)  # it has answered, or never will
    os.waitpid(pid, 0)
    return [float(free) for free in json.loads(answer)] if answer else []


def _answer(write_end: int) -> NoReturn:
    """Ask CUDA, write the answer in one piece, and end."""
    import torch

    try:
        free = [_free_mb(number) for number in range(torch.cuda.device_count())]
        os.write(write_end, json.dumps(free).encode())
    except Exception:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(0)


def _free_mb(number: int) -> float:
    """Return what is free on a device; nothing on one that refuses to say."""
    import torch

    try:
        return float(torch.cuda.mem_get_info(number)[0]) / 2**20
    except RuntimeError:
        return 0.0
