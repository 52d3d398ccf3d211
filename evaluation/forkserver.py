"""The fork server: a process that imports what trials need once and forks one process for each trial.

It reads commands from stdin and writes events to stdout, one JSON object a line. It has one thread, never
touches CUDA and measures nothing itself: that does the worker, a module with `warm_up(task)` and
`run_request(request, folder, hook)`. A trial's process leads a session of its own, so that it dies with
everything that it started.

Covered: trials that crash, hang, eat memory, flood stdout, start processes, or end without a word; a driver
that is killed (stdin ends: every group is killed, the folder is removed).
Not covered: a grandchild that
makes a session of its own, fork bombs, code that means harm. This is no sandbox: the architectures are
data, and no code of a model is ever run here.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

OPEN_FILES = 1024  # of one trial at once
LOG_CAP = 16 * 1024  # bytes kept of what a trial prints: the tail
READ_SIZE = 1024 * 1024
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """Hold what the server knows of one running trial."""

    request_id: str
    pid: int
    output: int  # read end of the pipe that takes its stdout and stderr
    log: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class Options:
    """Hold what the driver tells the server once, on its command line, as JSON."""

    root: str  # folder for the trials' work folders
    task: str  # its images are made before the first fork, so that the trials share them
    memory_mb: int | None  # address space that a trial may add to what the server has; None: no limit
    file_mb: int | None  # largest file that a trial may write; None: no limit
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

    def serve(self) -> None:
        """Import what trials need, say so, and carry out commands until the driver is gone."""
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        _warm_up(self.options)
        self.say({"event": "ready"})
        try:
            while self._turn():
                pass
        finally:
            for child in self.children.values():
                _kill(child)
            shutil.rmtree(self.options.root, ignore_errors=True)

    def _turn(self) -> bool:
        """Wait for something and deal with it; False when the driver is gone."""
        outputs = {child.output: child for child in self.children.values() if child.output >= 0}
        ready, _, _ = select.select([0, self.wake_read, *outputs], [], [])
        if self.wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self.wake_read, 4096)
        for descriptor in ready:
            if descriptor in outputs:
                _drain(outputs[descriptor], once=True)
        self._reap()
        return self._read_commands() if 0 in ready else True

    def _read_commands(self) -> bool:
        received = os.read(0, 65536)
        if not received:
            return False
        *lines, self.pending = (self.pending + received).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if command["command"] == "start":
                self._start(command["request"])
            elif command["request_id"] in self.children:
                _kill(self.children[command["request_id"]])
        return True

    def _start(self, request: Mapping[str, Any]) -> None:
        folder = tempfile.mkdtemp(prefix="trial-", dir=self.options.root)
        read_end, write_end = os.pipe()
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            _live_as_child(request, Path(folder), write_end, server, self.options)
        os.close(write_end)
        os.set_blocking(read_end, False)
        self.children[request["request_id"]] = Child(request["request_id"], pid, read_end)
        self.say({"event": "started", "request_id": request["request_id"], "pid": pid, "folder": folder})

    def _reap(self) -> None:
        """Report the children that ended, after killing what they left behind in their groups."""
        for child in list(self.children.values()):
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid == 0:
                continue
            _kill_group(child.pid)
            _drain(child, once=False)
            if child.output >= 0:
                os.close(child.output)
            del self.children[child.request_id]
            scale = 2**20 if sys.platform == "darwin" else 2**10
            self.say(
                {
                    "event": "ended",
                    "request_id": child.request_id,
                    "exit_code": os.waitstatus_to_exitcode(status),
                    "peak_memory_mb": usage.ru_maxrss / scale,
                    "log": child.log.decode("utf-8", errors="replace"),
                }
            )

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


def _live_as_child(
    request: Mapping[str, Any], folder: Path, output: int, server: int, options: Options
) -> NoReturn:
    """Carry out one request in the new process, and end it whatever happens."""
    from navarch.evaluation.job import Request

    code = 1
    try:
        _detach(output, server)
        os.chdir(folder)
        parsed = Request.from_dict(request)
        _set_limits(options, parsed.device)
        hook = import_module(options.hook).act if options.hook is not None else None
        import_module(options.worker).run_request(parsed, folder, hook)
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


def _set_limits(options: Options, device: str) -> None:
    """Bound what a trial can take. Address space only on the CPU: CUDA reserves far more than it uses."""
    if options.file_mb is not None:
        file_bytes = options.file_mb * 2**20
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        open_files = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if options.memory_mb is None or sys.platform != "linux":
        return
    from navarch.evaluation.device import choose_device

    if choose_device(device).type != "cpu":
        return
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + options.memory_mb * 2**20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(
        resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard)
    )


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
