"""The driver's side of trials: which starts where and when, deadlines, kills, and second attempts.

Deadlines use the monotonic clock, so a clock that jumps fails no trial. Everything here runs in the
caller's thread; one call at a time.
"""

import json
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from navarch import NavarchError
from navarch.evaluation.forkserver import Options
from navarch.evaluation.job import Request
from navarch.evaluation.memory_limit import free_memory_mb, memory_limit_mb
from navarch.evaluation.placement import Device, Placement, find_devices, usable_cores
from navarch.evaluation.running import Exit, Running
from navarch.evaluation.server_process import ServerProcess, new_root

KILL_GRACE_S = 5.0  # for the server to report a trial that it was told to kill
TRAINER = "navarch.evaluation.trial"
PROCESSES = 64  # that a trial may run at once
MOST_ATTEMPTS = 2  # a silent trial is run again once
NO_DEVICE = ("none",)  # of requests that say themselves what they run on


class WorkerPool:
    """Run requests in processes of their own, a few at a time; starts the server at the first request."""

    def __init__(
        self,
        *,
        task: str,
        slots: int | None,
        timeout_s: float,
        memory_mb: int | Literal["share"] | None,
        devices: Sequence[str] = NO_DEVICE,
        silent_s: float | None = None,
        file_mb: int | None = 1024,
        processes: int | None = PROCESSES,
        worker: str = TRAINER,
        threads: int | None = 1,
        hook: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start nothing yet.

        slots: trials at once on each device; None: one, until a trial was measured (`learn`). devices: as
        `device_names` returns them. memory_mb: what a trial may take; "share": its share of the machine's.
        silent_s: without a sign of life for so long a trial is killed and run again, once; None: never.
        file_mb, processes: how large a file of a trial may grow, how many processes it may run at once; None: no limit.
        worker: the module that carries requests out. threads: of numeric libraries; None: as the user set them.
        hook: for tests.
        """
        self.timeout_s, self.silent_s = timeout_s, silent_s
        self._devices, self._wanted, self._memory_mb = tuple(devices), slots, memory_mb
        self._task, self._file_mb, self._processes = task, file_mb, processes
        self._worker, self._threads, self._hook = worker, threads, hook
        self._clock = clock
        self._lock = threading.Lock()
        self._server: ServerProcess | None = None
        self._placement: Placement | None = None
        self._running: dict[str, Running] = {}
        self._lost_s: dict[str, float] = {}  # by request that is run again

    @property
    def slots(self) -> int:
        """How many trials run at once, as far as is known before the devices are."""
        return (
            self._placement.slots if self._placement is not None else (self._wanted or 1) * len(self._devices)
        )

    def learn(self, peak_memory_mb: float) -> str | None:
        """Learn what a trial took; return a sentence when that changed how many run at once."""
        return self._placement.learn(peak_memory_mb) if self._placement is not None else None

    def lower(self, ended: Exit) -> str | None:
        """Let fewer trials run on the device of one whose memory ran out; return a sentence when that changed it.

        Only where that gives a trial more: where another ran beside it, and no limit of its own bound it.
        """
        if not ended.is_beside or (ended.device == "cpu" and self._memory_mb != "share"):
            return None
        if self._placement is None or ended.device == NO_DEVICE[0]:
            return None
        return self._placement.lower(ended.device, ended.slots)

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
                    self._fill(waiting, on_start)
                    for ended in self._wait():
                        try:
                            if not self._try_again(ended, waiting):
                                on_exit(ended)
                        finally:
                            if ended.folder is not None:
                                shutil.rmtree(ended.folder, ignore_errors=True)
            finally:
                self._lost_s.clear()
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

    def _fill(self, waiting: "deque[Request]", on_start: Callable[[Request], None]) -> None:
        """Start what waits, as long as a device has a free slot."""
        while waiting:
            server, placement = self._serve()
            device = placement.take()
            if device is None:
                return
            try:
                if waiting[0].request_id not in self._lost_s:
                    on_start(waiting[0])
                self._start(server, waiting.popleft(), device, placement.slots_of(device))
            except BaseException:
                placement.give_back(device)
                raise

    def _start(self, server: ServerProcess, request: Request, device: Device, slots: int) -> None:
        """Hand a request to the server; its deadline counts from here."""
        placed = request if device.name == NO_DEVICE[0] else replace(request, device=device.kind)
        line = placed.encode()
        memory_mb = memory_limit_mb(self.slots) if self._memory_mb == "share" else self._memory_mb
        now, lost_s = self._clock(), self._lost_s.get(request.request_id)
        started = Running(
            request=request,
            device=device,
            slots=slots,
            memory_mb=memory_mb,
            started=now,
            attempts=1 if lost_s is None else 2,
            lost_s=lost_s or 0.0,
            heard=now,
        )
        for other in self._running.values():
            if other.device == device:
                other.is_beside = started.is_beside = True
        self._running[request.request_id] = started
        server.send(
            {"command": "start", "request": json.loads(line), "memory_mb": memory_mb, "pin": device.pin}
        )

    def _try_again(self, ended: Exit, waiting: "deque[Request]") -> bool:
        """Put a trial that fell silent back in front, once."""
        if not ended.is_silent or ended.attempts >= MOST_ATTEMPTS:
            return False
        self._lost_s[ended.request.request_id] = ended.seconds
        waiting.appendleft(ended.request)
        return True

    def _wait(self) -> list[Exit]:
        """Wait a moment for the server's word and for deadlines; return the trials that ended."""
        if self._server is None:
            return []
        exits: list[Exit] = []
        for event in self._server.events():
            running = self._running.get(event["request_id"])
            if running is None:
                continue
            if event["event"] == "started":
                running.pid, running.folder = event["pid"], Path(event["folder"])
            else:
                self._forget(running)
                exits.append(running.end(event, self._clock()))
        exits += self._meet_deadlines(self._server)
        if self._server is not None and self._server.exit_code is not None:
            exits += self._lose_server(f"the worker process ended with exit code {self._server.exit_code}")
        return exits

    def _meet_deadlines(self, server: ServerProcess) -> list[Exit]:
        """Have overdue and silent trials killed; a server that does not obey in time is replaced."""
        now = self._clock()
        for request_id, running in self._running.items():
            if running.killed_at is not None:
                continue
            if self.silent_s is not None:
                running.listen(now, self.silent_s)
            if now - running.started > self.timeout_s:
                running.why, running.is_silent = f"stopped at its time limit of {self.timeout_s:g} s", False
            if running.why:
                running.killed_at = now
                server.send({"command": "kill", "request_id": request_id})
        if any(
            running.killed_at is not None and now - running.killed_at > KILL_GRACE_S
            for running in self._running.values()
        ):
            return self._lose_server("the worker process did not answer")
        return []

    def _forget(self, running: Running) -> None:
        del self._running[running.request.request_id]
        if self._placement is not None:
            self._placement.give_back(running.device)

    def _lose_server(self, why: str) -> list[Exit]:
        """Give up on the server: every running trial has crashed, and the next one gets a new server."""
        lost = list(self._running.values())
        self._shut_down()
        return [running.lose(why, self._clock()) for running in lost]

    def _serve(self) -> tuple[ServerProcess, Placement]:
        """Return the server and the slots; start it where there is none, and wait until it is ready."""
        if self._server is None:
            has_cuda = self._devices not in (("cpu",), NO_DEVICE)
            options = Options(
                new_root(), self._task, self._file_mb, self._processes, has_cuda, self._worker, self._hook
            )
            self._server = ServerProcess(options, threads=self._threads, clock=self._clock)
        if self._placement is None:
            self._placement = Placement(self._find_devices(self._server), self._wanted, usable_cores())
        return self._server, self._placement

    def _find_devices(self, server: ServerProcess) -> tuple[Device, ...]:
        if self._devices == NO_DEVICE:
            return (Device(NO_DEVICE[0], free_memory_mb()),)
        return find_devices(
            self._devices,
            cuda_free_mb=server.cuda_free_mb,
            visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
            cpu_free_mb=free_memory_mb(),
        )

    def _shut_down(self) -> None:
        """End the server, its trials and its folder."""
        server, self._server = self._server, None
        groups = [running.pid for running in self._running.values() if running.pid > 0]
        for running in list(self._running.values()):
            self._forget(running)
        if server is not None:
            server.end(groups)


def check_pool(slots: int | None, timeout_s: float, silent_s: float | None = None) -> None:
    """Refuse numbers that make no sense. Raises: NavarchError."""
    if slots is not None and slots < 1:
        raise NavarchError(f"The number of trials at once is {slots!r}; give at least 1.")
    if not timeout_s > 0:
        raise NavarchError(f"The time limit of a trial is {timeout_s!r} seconds; give more than 0.")
    if silent_s is not None and not silent_s > 0:
        raise NavarchError(f"The silence allowed to a trial is {silent_s!r} seconds; give more than 0.")
