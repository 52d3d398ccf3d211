"""The driver's end of the fork server: starting it, talking to it, and ending it with all that it runs."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from navarch import NavarchError
from navarch.evaluation.environment import worker_environment
from navarch.evaluation.forkserver import Options

ERRORS_NAME = "server.log"
POLL_S = 0.05  # how often a stop and the deadlines are looked at
START_UP_S = 180.0  # for the server to import torch on a slow, busy machine, and to look for CUDA devices
END_GRACE_S = 5.0


class WorkerError(NavarchError):
    """The process that runs trials could not be started."""


class ServerProcess:
    """A running fork server. It is ready when the constructor returns."""

    def __init__(
        self, options: Options, *, threads: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start it in `options.root`, which is removed with it. Raises: WorkerError."""
        self.root = Path(options.root)
        self._received = b""
        with (self.root / ERRORS_NAME).open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "navarch.evaluation.forkserver", json.dumps(asdict(options))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=worker_environment(os.environ, threads=threads),
                cwd=self.root,
                start_new_session=True,  # Ctrl-C in the terminal is the driver's to handle
            )
        self.cuda_free_mb = self._wait_until_ready(clock)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def send(self, command: Mapping[str, Any]) -> None:
        """Send one command; a server that is gone is noticed by its exit code."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()

    def events(self) -> list[dict[str, Any]]:
        """Return what it has said, after waiting POLL_S at most."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], POLL_S)
        if not ready:
            return []
        received = os.read(self._process.stdout.fileno(), 1024 * 1024)
        if not received:
            self._process.wait(END_GRACE_S)
        *lines, self._received = (self._received + received).split(b"\n")
        return [json.loads(line) for line in lines]

    def end(self, groups: Sequence[int] = ()) -> None:
        """Close its stdin, upon which it kills its trials and leaves; kill it, and these groups, if it does not."""
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(END_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        for leader in groups:  # the server did this, unless it was killed itself
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)
        shutil.rmtree(self.root, ignore_errors=True)

    def _wait_until_ready(self, clock: Callable[[], float]) -> list[float]:
        """Return the free MiB of each CUDA device that it found."""
        deadline = clock() + START_UP_S
        while True:
            for event in self.events():
                if event["event"] == "ready":
                    return list(event["cuda_free_mb"])
            if self.exit_code is not None or clock() > deadline:
                said = self._read_errors()
                self.end()
                raise WorkerError(
                    f"The worker process could not start ({sys.executable}): {said or 'no answer'}."
                )

    def _read_errors(self) -> str:
        """Return the last line that it wrote to stderr."""
        lines = (self.root / ERRORS_NAME).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def new_root() -> str:
    """Return a new folder for a server."""
    return tempfile.mkdtemp(prefix="navarch-")
