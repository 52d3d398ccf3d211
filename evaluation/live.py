"""The epochs of a trial while it runs: a small file of JSON lines that its process adds to, and anyone may read.

The file is for eyes alone. Nothing of a trial's outcome comes from it, it may be lost at any moment, and what cannot
be written costs the view and never the trial. It is made before the trial begins and removed after its end.
"""

import json
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MAX_BYTES = 4 * 1024 * 1024  # of a file that is read: some 30,000 epochs

OnEpoch = Callable[[int, float, float, float | None], None]
"""Told after each epoch: its number from 1, loss, training and validation accuracy (percent, None: not validated)."""


@dataclass(frozen=True, slots=True)
class LiveEpoch:
    """An epoch that has ended at `at`, seconds of the wall clock.

    A number that is not finite is None, as is the accuracy of no validation; accuracies in percent.
    """

    epoch: int
    at: float
    train_loss: float | None
    train_accuracy: float | None
    val_accuracy: float | None


@dataclass(frozen=True, slots=True)
class Live:
    """A running trial: when it began (seconds of the wall clock), and its epochs so far.

    epochs: after how many it ends; 0 for what is not counted in epochs. start: those of the weights that it may go on
    from; it begins at the first epoch where they are lost.
    """

    epochs: int
    began: float
    points: tuple[LiveEpoch, ...] = ()
    start: int = 0

    @property
    def epoch(self) -> int:
        """The last epoch that has ended, 0 before the first."""
        return self.points[-1].epoch if self.points else 0

    @property
    def trained(self) -> int:
        """How many epochs have ended here, without those of the weights that it went on from."""
        return self.epoch - self._before if self.points else 0

    @property
    def share(self) -> float:
        """How much of the training is done, from 0 to 1."""
        whole = self.epochs - self._before
        return min(self.trained, whole) / whole if whole > 0 else 0.0

    @property
    def _before(self) -> int:
        return self.start if self.points and self.points[0].epoch > self.start else 0

    def seconds_left(self, now: float) -> float | None:
        """Return how long the trial may still take if it goes on like this; None before its first epoch has ended."""
        if not self.points or not self.share:
            return None
        return max(0.0, (self.points[-1].at - self.began) / self.share - (now - self.began))


def begin_live(path: Path, epochs: int, start: int = 0) -> None:
    """Make the file of a trial that begins, in place of one that is there."""
    head = {"epochs": epochs, "began": time.time(), "start": start}
    with suppress(OSError):
        path.write_text(json.dumps(head) + "\n", encoding="ascii")


def end_live(path: Path) -> None:
    """Remove the file of a trial that has ended."""
    with suppress(OSError):
        path.unlink()


def teller(path: str) -> OnEpoch:
    """Return what adds a line to a trial's file for each epoch; it does nothing where there is no file."""

    def tell(epoch: int, train_loss: float, train_accuracy: float, val_accuracy: float | None) -> None:
        figures = map(_finite, (train_loss, train_accuracy, val_accuracy))
        point = LiveEpoch(epoch, time.time(), *figures)
        line = json.dumps(asdict(point)) + "\n"
        with suppress(OSError):  # never made here: a trial that was given up must not bring its file back
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(descriptor, line.encode("ascii"))
            finally:
                os.close(descriptor)

    return tell if path else silent


def silent(epoch: int, train_loss: float, train_accuracy: float, val_accuracy: float | None) -> None:
    """Tell nobody of an epoch."""


def read_live(path: Path) -> Live | None:
    """Return what a file tells; None where it is missing or its first line is none of ours.

    A line that is cut short or odd is passed over. An epoch that does not follow the last one begins the training anew.
    """
    try:
        with path.open("rb") as file:
            head, *lines = file.read(MAX_BYTES).splitlines() or [b""]
    except OSError:
        return None
    first = _object(head)
    epochs, began, start = first.get("epochs"), _number(first.get("began")), first.get("start", 0)
    if type(epochs) is not int or began is None or type(start) is not int:
        return None
    points: list[LiveEpoch] = []
    for line in lines:
        point = _point(_object(line))
        if point is not None:
            if points and point.epoch <= points[-1].epoch:
                points = []
            points.append(point)
    return Live(epochs, began, tuple(points), start)


def _point(data: dict[str, Any]) -> LiveEpoch | None:
    epoch, at = data.get("epoch"), _number(data.get("at"))
    if type(epoch) is not int or epoch < 1 or at is None:
        return None
    loss, train, val = (_number(data.get(name)) for name in ("train_loss", "train_accuracy", "val_accuracy"))
    return LiveEpoch(epoch, at, loss, train, val)


def _object(line: bytes) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return _finite(float(value))
    except OverflowError:
        return None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
