"""What a user's command answers: one JSON object as the last line of its output."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from navarch.evaluation.job import BadReplyError
from navarch.evaluation.outcome import CurvePoint

Split = Literal["val", "test"]

_KEYS = ("val_accuracy", "params", "macs", "curve")
_POINT = ("epoch", "train_loss", "train_accuracy", "val_accuracy")
_MOST = 2**63
_SHOWN = 120  # characters of a wrong reply


@dataclass(frozen=True, slots=True)
class Reply:
    """Hold what a command measured; accuracies in percent, not yet judged. None: it did not say."""

    val_accuracy: float
    test_accuracy: float | None
    costs: Mapping[str, float]
    curve: tuple[CurvePoint, ...]


def read_reply(output: str, split: Split) -> Reply:
    """Return the answer in a command's output. Raises: BadReplyError saying what is wrong with it."""
    body = _read_object(output)
    known = (*_KEYS, "test_accuracy") if split == "test" else _KEYS
    for key in body:
        if key == "test_accuracy" and key not in known:
            raise BadReplyError("its reply holds 'test_accuracy' though it was asked for the split 'val'")
        if key not in known:
            raise BadReplyError(
                f"its reply has the unknown key {key[:_SHOWN]!r}; known are {', '.join(known)}"
            )
    if "val_accuracy" not in body:
        raise BadReplyError("its reply has no 'val_accuracy'")
    test = body.get("test_accuracy")
    return Reply(
        val_accuracy=_number(body["val_accuracy"], "val_accuracy"),
        test_accuracy=None if test is None else _number(test, "test_accuracy"),
        costs={name: _count(body[name], name) for name in ("params", "macs") if body.get(name) is not None},
        curve=_read_curve(body.get("curve") or []),
    )


def _read_object(output: str) -> dict[str, Any]:
    lines = output.strip().splitlines()
    if not lines:
        raise BadReplyError("it printed no reply: the last line of its output must be a JSON object")
    try:
        body = json.loads(lines[-1])
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise BadReplyError(f"the last line of its output is no JSON object: {lines[-1][:_SHOWN]!r}")
    return body


def _read_curve(points: object) -> tuple[CurvePoint, ...]:
    if not isinstance(points, list):
        raise BadReplyError("the 'curve' of its reply is no list")
    return tuple(_read_point(point, number) for number, point in enumerate(points, 1))


def _read_point(point: object, number: int) -> CurvePoint:
    if not isinstance(point, dict) or set(point) != set(_POINT):
        raise BadReplyError(
            f"point {number} of the 'curve' of its reply is no object of {', '.join(_POINT)} and nothing else"
        )
    epoch, *measured = (_number(point[name], f"{name} of point {number}") for name in _POINT)
    if not math.isfinite(epoch) or epoch != int(epoch) or not 0 <= epoch < 2**31:
        raise BadReplyError(f"the epoch of point {number} of the 'curve' of its reply is {epoch!r}")
    return CurvePoint(int(epoch), *measured)


def _count(value: object, name: str) -> float:
    count = _number(value, name)
    if not 0 <= count < _MOST:
        raise BadReplyError(f"{name} of its reply is {count!r}, which is no count that can be stored")
    return count


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadReplyError(f"{name} of its reply is {str(value)[:_SHOWN]!r}, not a number")
    try:
        return float(value)
    except OverflowError:
        raise BadReplyError(f"{name} of its reply is too large a number") from None
