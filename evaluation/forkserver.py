"""The fork server: a process that imports what trials need once and forks one process for each trial.

It reads commands from stdin and writes events to stdout, one JSON object a line. It has one thread, never
touches CUDA and measures nothing itself: that does the worker, a module with `warm_up(task)` and
`run_request(request, folder, hook)`. A trial's process leads a session of its own, so that it dies with
everything that it started.

Covered: trials that crash, hang, eat memory, flood stdout, start processes, more of them than they may, also
orphans and such as make a session of their own, or end without a word; a driver that is killed (stdin ends: every
group is killed, the folder is removed).
Not covered: code that means harm. This is no sandbox: the architectures are data, and no code of a model is ever run
here.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from navarch.evaluation import census, probe
from navarch.evaluation.child import Start, live_as_child

LOG_CAP = 16 * 1024  # bytes kept of what a trial prints: the tail
READ_SIZE = 1024 * 1024


@dataclass(slots=True)
class Child:
    """Hold what the server knows of one running trial."""

    request_id: str
    pid: int
    output: int  # read end of the pipe that takes its stdout and stderr
    log: bytearray = field(default_factory=bytearray)
    fault: str = ""  # why the server itself killed it


@dataclass(frozen=True, slots=True)
class Options:
    """Hold what the driver tells the server once, on its command line, as JSON."""

    root: str  # folder for the trials' work folders
    task: str  # its images are made before the first fork, so that the trials share them
    file_mb: int | None  # largest file that a trial may write; None: no limit
    processes: int | None  # that a trial may run at once; None: no limit
    has_cuda: bool  # whether to look for CUDA devices
    worker: str  # module that carries out requests
    hook: str | None  # module of the tests that acts out faults


class ForkServer:
    """Serve commands until stdin ends."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.children: dict[str, Child] = {}
        self.pending = b""
        self.events = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)  # what a library prints must not end up between the events
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)
        os.set_blocking(self.wake_read, False)
        self.counted = time.monotonic()

    def serve(self) -> None:
        """Import what trials need, say so, and carry out commands until the driver is gone."""
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        if self.options.processes is not None:
            census.adopt_orphans()
        _warm_up(self.options)
        self.say({"event": "ready", "cuda_free_mb": probe.measure_cuda() if self.options.has_cuda else []})
        try:
            while self._turn():
                pass
        finally:
            for child in self.children.values():
                _kill(child)
            census.kill_all(census.children_of(os.getpid()))
            shutil.rmtree(self.options.root, ignore_errors=True)

    def _turn(self) -> bool:
        """Wait for something and deal with it; False when the driver is gone."""
        outputs = {child.output: child for child in self.children.values() if child.output >= 0}
        counts = self.options.processes is not None and bool(self.children)
        ready, _, _ = select.select(
            [0, self.wake_read, *outputs], [], [], census.CENSUS_S if counts else None
        )
        if self.wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self.wake_read, 4096)
        for descriptor in ready:
            if descriptor in outputs:
                _drain(outputs[descriptor], once=True)
        self._reap()
        if counts and time.monotonic() - self.counted >= census.CENSUS_S:
            self._count()
        return self._read_commands() if 0 in ready else True

    def _read_commands(self) -> bool:
        received = os.read(0, 65536)
        if not received:
            return False
        *lines, self.pending = (self.pending + received).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if command["command"] == "start":
                self._start(Start(command["request"], command["memory_mb"], command["pin"]))
            elif command["request_id"] in self.children:
                _kill(self.children[command["request_id"]])
        return True

    def _start(self, start: Start) -> None:
        folder = tempfile.mkdtemp(prefix="trial-", dir=self.options.root)
        read_end, write_end = os.pipe()
        server, request_id = os.getpid(), start.request["request_id"]
        pid = os.fork()
        if pid == 0:
            own = self.options
            live_as_child(
                start, Path(folder), write_end, server, file_mb=own.file_mb, worker=own.worker, hook=own.hook
            )
        os.close(write_end)
        os.set_blocking(read_end, False)
        self.children[request_id] = Child(request_id, pid, read_end)
        self.say({"event": "started", "request_id": request_id, "pid": pid, "folder": folder})

    def _reap(self) -> None:
        """Report the trials that ended, after killing what they left behind; bury orphans without a word."""
        has_buried = False
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    break
                ended = next((child for child in self.children.values() if child.pid == pid), None)
                if ended is None:
                    has_buried = True
                else:
                    self._report(ended, os.waitstatus_to_exitcode(status), usage.ru_maxrss)
        if has_buried:
            self._kill_strays()  # its children have fallen to the server

    def _report(self, child: Child, exit_code: int, peak: int) -> None:
        _kill_group(child.pid)
        _drain(child, once=False)
        if child.output >= 0:
            os.close(child.output)
        del self.children[child.request_id]
        if self.options.processes is not None:
            self._kill_strays()
        self.say(
            {
                "event": "ended",
                "request_id": child.request_id,
                "exit_code": exit_code,
                "peak_memory_mb": peak / (2**20 if sys.platform == "darwin" else 2**10),
                "log": child.log.decode("utf-8", errors="replace"),
                "fault": child.fault,
            }
        )

    def _count(self) -> None:
        """Kill trials that run more processes than they may, and what no running trial owns."""
        self.counted = time.monotonic()
        most = self.options.processes
        assert most is not None
        orphans = self._kill_strays()
        for child in self.children.values():
            own = [pid for pid, group in orphans if group == child.pid]
            found = census.family([child.pid, *own], most)
            if len(found) > most:
                child.fault = f"it ran more than {most} processes at once"
                _kill(child)
                census.kill_all(found)

    def _kill_strays(self) -> list[tuple[int, int | None]]:
        """Kill what fell to the server and is in no group of a running trial; return the others with their groups."""
        trials = {child.pid for child in self.children.values()}
        fallen = [pid for pid in census.children_of(os.getpid()) if pid not in trials]
        grouped = [(pid, census.group_of(pid)) for pid in fallen]
        census.kill_all(pid for pid, group in grouped if group not in trials)
        return [(pid, group) for pid, group in grouped if group in trials]

    def say(self, event: Mapping[str, Any]) -> None:
        """Write one event; a driver that is gone is noticed at stdin."""
        with contextlib.suppress(BrokenPipeError):
            self.events.write(json.dumps(event) + "\n")
            self.events.flush()


def main() -> None:
    """Run the server with the options of the command line."""
    ForkServer(Options(**json.loads(sys.argv[1]))).serve()


def _warm_up(options: Options) -> None:
    """Do once what every trial would do again: the imports, and the images (never the test split)."""
    import gc

    import_module(options.worker).warm_up(options.task)
    if options.hook is not None:
        import_module(options.hook)
    gc.collect()
    gc.freeze()  # the collector of a child would copy the pages that it shares with the server


def _kill(child: Child) -> None:
    """Kill a running child with its group; before its setsid there is no group yet, only the child."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child.pid, signal.SIGKILL)  # it is ours and not reaped yet, so the number cannot be another's


def _kill_group(leader: int) -> None:
    """Kill what is left of the group of a child that has ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _drain(child: Child, *, once: bool) -> None:
    """Read what a child printed and keep the tail; close the pipe at its end."""
    for _ in range(1 if once else 64):
        try:
            printed = os.read(child.output, READ_SIZE) if child.output >= 0 else b""
        except BlockingIOError:
            return
        if not printed:
            if child.output >= 0:
                os.close(child.output)
            child.output = -1
            return
        child.log += printed
        del child.log[:-LOG_CAP]


if __name__ == "__main__":
    main()
