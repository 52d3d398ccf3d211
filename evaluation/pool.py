"""The driver's side of the fork server: slots, deadlines, kills, and what an exit means.

Deadlines use the monotonic clock, so a clock that jumps fails no trial. Everything here runs in the
caller's thread; one call at a time.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from navarch import NavarchError
from navarch.evaluation.environment import worker_environment
from navarch.evaluation.forkserver import Options
from navarch.evaluation.job import Request
from navarch.evaluation.outcome import Reason

ERRORS_NAME = "server.log"
POLL_S = 0.05  # how often a stop and the deadlines are looked at
START_UP_S = 120.0  # for the server to import torch on a slow, busy machine
KILL_GRACE_S = 5.0  # for the server to report a trial that it was told to kill
TRAINER = "navarch.evaluation.trial"
HIGH_MEMORY = 0.8  # share of the memory limit from which a kill from outside counts as out of memory


class WorkerError(NavarchError):
    """The process that runs trials could not be started."""


@dataclass(frozen=True, slots=True)
class Exit:
    """Tell how a trial's process ended. `reason` is None when it ended by itself with exit code 0."""

    request: Request
    folder: Path | None  # holds the reply, until the callback returns; None when the process never said where
    reason: Reason | None
    detail: str
    seconds: float
    peak_memory_mb: float


@dataclass(slots=True)
class _Running:
    request: Request
    started: float
    pid: int = 0
    folder: Path | None = None
    killed_at: float | None = None


class WorkerPool:
    """Run requests in processes of their own, a few at a time; starts the server at the first request."""

    def __init__(
        self,
        *,
        task: str,
        slots: int,
        timeout_s: float,
        memory_mb: int | None,
        file_mb: int | None = 1024,
        worker: str = TRAINER,
        threads: int | None = 1,
        hook: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start nothing yet.

        memory_mb, file_mb: what a trial may take and how large a file of it may grow; None: no limit. worker: the
        module that carries requests out. threads: of numeric libraries; None: as the user set them. hook: for tests.
        """
        self.slots = slots
        self.timeout_s = timeout_s
        self._task = task
        self._memory_mb = memory_mb
        self._file_mb = file_mb
        self._worker = worker
        self._threads = threads
        self._hook = hook
        self._clock = clock
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._root: Path | None = None
        self._received = b""
        self._running: dict[str, _Running] = {}

    def run(
        self,
        requests: Sequence[Request],
        *,
        on_start: Callable[[Request], None],
        on_exit: Callable[[Exit], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Run all requests; after a stop (or an exception of a callback) nothing of them is left running."""
        with self._lock:
            waiting = deque(requests)
            try:
                while (waiting or self._running) and not should_stop():
                    while waiting and len(self._running) < self.slots:
                        on_start(waiting[0])
                        self._start(waiting.popleft())
                    for ended in self._wait():
                        try:
                            on_exit(ended)
                        finally:
                            if ended.folder is not None:
                                shutil.rmtree(ended.folder, ignore_errors=True)
            finally:
                if self._running:
                    self._shut_down()

    def close(self) -> None:
        """End the server and whatever it runs."""
        with self._lock:
            self._shut_down()

    @property
    def server_pid(self) -> int | None:
        """The process id of the fork server while it runs."""
        return self._server.pid if self._server is not None else None

    def folder_of(self, request_id: str) -> Path | None:
        """Return the work folder of a request while it runs; None where its process has not said where yet."""
        running = self._running.get(request_id)
        return None if running is None else running.folder

    def _start(self, request: Request) -> None:
        """Hand a request to the server; its deadline counts from here."""
        line = request.encode()
        self._serve()
        self._running[request.request_id] = _Running(request, self._clock())
        self._send({"command": "start", "request": json.loads(line)})

    def _wait(self) -> list[Exit]:
        """Wait a moment for the server's word and for deadlines; return the trials that ended."""
        exits: list[Exit] = []
        for event in self._events():
            running = self._running.get(event["request_id"])
            if running is None:
                continue
            if event["event"] == "started":
                running.pid, running.folder = event["pid"], Path(event["folder"])
            else:
                del self._running[event["request_id"]]
                exits.append(self._explain(running, event))
        exits += self._meet_deadlines()
        if self._server is not None and self._server.poll() is not None:
            exits += self._lose_server(f"the worker process ended with exit code {self._server.returncode}")
        return exits

    def _meet_deadlines(self) -> list[Exit]:
        """Have overdue trials killed; a server that does not obey in time is replaced."""
        now = self._clock()
        for request_id, running in self._running.items():
            if running.killed_at is None and now - running.started > self.timeout_s:
                running.killed_at = now
                self._send({"command": "kill", "request_id": request_id})
        if any(
            running.killed_at is not None and now - running.killed_at > KILL_GRACE_S
            for running in self._running.values()
        ):
            return self._lose_server("the worker process did not answer")
        return []

    def _explain(self, running: _Running, event: Mapping[str, Any]) -> Exit:
        """Map an exit to a reason."""
        code, peak, log = event["exit_code"], event["peak_memory_mb"], event["log"].strip()
        reason: Reason | None = None
        detail = ""
        if running.killed_at is not None:
            reason, detail = "timeout", f"stopped at its time limit of {self.timeout_s:g} s"
        elif code == -signal.SIGKILL and self._memory_mb is not None and peak > HIGH_MEMORY * self._memory_mb:
            reason, detail = "oom", f"killed by the system at {peak:.0f} MiB of memory"
        elif code != 0:
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            reason, detail = "crashed", f"its process ended with {how}" + (f": {log}" if log else "")
        return Exit(running.request, running.folder, reason, detail, self._clock() - running.started, peak)

    def _lose_server(self, why: str) -> list[Exit]:
        """Give up on the server: every running trial has crashed, and the next one gets a new server."""
        running, self._running = list(self._running.values()), {}
        now = self._clock()
        self._shut_down(also=[trial.pid for trial in running if trial.pid > 0])
        return [Exit(trial.request, None, "crashed", why, now - trial.started, 0.0) for trial in running]

    def _serve(self) -> None:
        """Start the server where there is none, and wait until it is ready."""
        if self._server is not None:
            return
        self._root = Path(tempfile.mkdtemp(prefix="navarch-"))
        options = Options(
            str(self._root), self._task, self._memory_mb, self._file_mb, self._worker, self._hook
        )
        with (self._root / ERRORS_NAME).open("wb") as errors:
            self._server = subprocess.Popen(
                [sys.executable, "-P", "-m", "navarch.evaluation.forkserver", json.dumps(asdict(options))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=worker_environment(os.environ, threads=self._threads),
                cwd=self._root,
                start_new_session=True,  # Ctrl-C in the terminal is the driver's to handle
            )
        deadline = self._clock() + START_UP_S
        while True:
            if any(event["event"] == "ready" for event in self._events()):
                return
            if self._server.poll() is not None or self._clock() > deadline:
                said = self._read_errors()
                self._shut_down()
                raise WorkerError(
                    f"The worker process could not start ({sys.executable}): {said or 'no answer'}."
                )

    def _send(self, command: Mapping[str, Any]) -> None:
        """Send one command; a server that is gone is noticed by the next wait."""
        if self._server is not None and self._server.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._server.stdin.write(json.dumps(command).encode() + b"\n")
                self._server.stdin.flush()

    def _events(self) -> list[dict[str, Any]]:
        """Return what the server has said, after waiting POLL_S at most."""
        if self._server is None or self._server.stdout is None:
            return []
        ready, _, _ = select.select([self._server.stdout], [], [], POLL_S)
        if not ready:
            return []
        received = os.read(self._server.stdout.fileno(), 1024 * 1024)
        if not received:
            self._server.wait(KILL_GRACE_S)
        *lines, self._received = (self._received + received).split(b"\n")
        return [json.loads(line) for line in lines]

    def _read_errors(self) -> str:
        """Return the last line that the server wrote to stderr."""
        if self._root is None:
            return ""
        lines = (self._root / ERRORS_NAME).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _shut_down(self, also: Sequence[int] = ()) -> None:
        """End the server, its trials and its folder: stdin ends, it kills their groups and leaves."""
        server, self._server = self._server, None
        root, self._root = self._root, None
        groups = [*also, *(running.pid for running in self._running.values() if running.pid > 0)]
        self._running = {}
        self._received = b""
        if server is not None:
            _end_process(server)
            for leader in groups:  # the server did this, unless it was killed itself
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(leader, signal.SIGKILL)
        if root is not None:
            shutil.rmtree(root, ignore_errors=True)


def check_pool(slots: int, timeout_s: float) -> None:
    """Refuse numbers that make no sense. Raises: NavarchError."""
    if slots < 1:
        raise NavarchError(f"The number of trials at once is {slots!r}; give at least 1.")
    if not timeout_s > 0:
        raise NavarchError(f"The time limit of a trial is {timeout_s!r} seconds; give more than 0.")


def _end_process(server: subprocess.Popen[bytes]) -> None:
    """Close the pipes of a server and wait for its end, which is forced when it takes too long."""
    with contextlib.suppress(BrokenPipeError):
        if server.stdin is not None:
            server.stdin.close()
    try:
        server.wait(KILL_GRACE_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    if server.stdout is not None:
        server.stdout.close()
