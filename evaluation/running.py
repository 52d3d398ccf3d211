"""One trial while its process runs: its signs of life, why it was killed, and what its end means."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from navarch.evaluation.heartbeat import last_beat
from navarch.evaluation.job import Request
from navarch.evaluation.outcome import Reason
from navarch.evaluation.placement import Device

HIGH_MEMORY = 0.8  # share of the memory limit from which a kill from outside counts as out of memory


@dataclass(frozen=True, slots=True)
class Exit:
    """Tell how a trial's process ended. `reason` is None when it ended by itself with exit code 0.

    slots: how many trials could run at once on its device. lost_s: seconds of the attempts before this one.
    is_beside: another trial ran on its device meanwhile.
    """

    request: Request
    folder: Path | None  # holds the reply, until the callback returns; None when the process never said where
    reason: Reason | None
    detail: str
    seconds: float
    peak_memory_mb: float
    device: str
    slots: int
    attempts: int
    lost_s: float
    is_silent: bool
    is_beside: bool


@dataclass(slots=True)
class Running:
    """Hold what the driver knows of a running trial; times are those of the driver's clock, in seconds."""

    request: Request
    device: Device
    slots: int
    memory_mb: int | None
    started: float
    attempts: int
    lost_s: float
    heard: float  # when there was the last sign of life
    beat: int | None = None
    pid: int = 0
    folder: Path | None = None
    killed_at: float | None = None
    why: str = ""  # it has to be killed
    is_silent: bool = False
    is_beside: bool = False  # another trial ran on its device meanwhile

    def listen(self, now: float, silent_s: float) -> None:
        """Look for a sign of life; without one for too long it has to be killed."""
        beat = last_beat(self.folder)
        if beat != self.beat:
            self.beat, self.heard = beat, now
        elif now - self.heard > silent_s:
            again = ", once again" if self.attempts > 1 else ""
            self.why, self.is_silent = f"stopped as it was silent for {silent_s:g} s{again}", True

    def end(self, event: Mapping[str, Any], now: float) -> Exit:
        """Return what the server's word on the end of the process means."""
        code, peak, log = event["exit_code"], event["peak_memory_mb"], event["log"].strip()
        reason: Reason | None = None
        detail = ""
        if self.killed_at is not None and code != 0:  # with 0 it was done before the kill reached it
            reason, detail = "timeout", self.why
        elif event["fault"]:
            reason, detail = "crashed", f"it was killed: {event['fault']}"
        elif code == -signal.SIGKILL and self.memory_mb is not None and peak > HIGH_MEMORY * self.memory_mb:
            reason, detail = "oom", f"killed by the system at {peak:.0f} MiB of memory"
        elif code != 0:
            how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            reason, detail = "crashed", f"its process ended with {how}" + (f": {log}" if log else "")
        return self._exit(self.folder, reason, detail, now, peak)

    def lose(self, why: str, now: float) -> Exit:
        """Return that it crashed with its server."""
        return self._exit(None, "crashed", why, now, 0.0)

    def _exit(self, folder: Path | None, reason: Reason | None, detail: str, now: float, peak: float) -> Exit:
        return Exit(
            request=self.request,
            folder=folder,
            reason=reason,
            detail=detail,
            seconds=now - self.started,
            peak_memory_mb=peak,
            device=self.device.name,
            slots=self.slots,
            attempts=self.attempts,
            lost_s=self.lost_s,
            is_silent=self.is_silent and reason is not None,
            is_beside=self.is_beside,
        )
