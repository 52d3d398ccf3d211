"""Signals as wishes: the first SIGINT or SIGTERM asks the run to stop cleanly, a second one leaves at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from navarch.graph.stopping import StopRequest


@contextmanager
def listening(stop: StopRequest) -> Iterator[None]:
    """Record signals in `stop` while the block runs; only the main thread can listen."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        leave = bool(stop) or stop.in_call
        stop.signal = stop.signal or number
        if leave:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
