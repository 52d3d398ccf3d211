"""What the cost and the feedback of a trial leave out as they are stored, put back when they are read.

A cost leaves out what is `USUAL`, feedback what the row of its trial says (`TOLD`); then `true` stands in the place of
the trial's number.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

USUAL: Mapping[str, Any] = {
    "attempts": 1,
    "build_seconds": 0.0,
    "continued_from": None,
    "cpu_seconds": 0.0,
    "data_seconds": 0.0,
    "halved": False,
    "slots": 0,
    "start_epochs": 0,
    "val_seconds": 0.0,
}
"""What a cost means that does not mention them, for good: stored costs are read so, whatever is measured later."""

TOLD = ("number", "code", "detail", "macs", "params", "reason", "state", "val_accuracy")
"""The columns of a trial that its feedback repeats; the number is called `trial` there."""

_TRIAL = "trial"


def without_usual(cost: Any) -> Any:
    """Return a cost, data or a dataclass, without what is usual."""
    if is_dataclass(cost):
        cost = {field.name: getattr(cost, field.name) for field in fields(cost)}
    if not isinstance(cost, Mapping):
        return cost
    return {name: value for name, value in cost.items() if name not in USUAL or not _same(value, USUAL[name])}


def with_usual(cost: dict[str, Any]) -> dict[str, Any]:
    """Return a stored cost whole; one of a trial that is not finished says nothing."""
    return dict(sorted({**USUAL, **cost}.items())) if cost else cost


def without_told(feedback: Any, row: Mapping[str, Any]) -> Any:
    """Return feedback without what the columns of its trial say, where it repeats all of them."""
    told = _named(row)
    if not told or not isinstance(feedback, dict):
        return feedback
    if not all(name in feedback and _same(feedback[name], value) for name, value in told.items()):
        return feedback
    return {_TRIAL: True} | {name: value for name, value in feedback.items() if name not in told}


def with_told(feedback: dict[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored feedback whole."""
    return dict(sorted({**feedback, **_named(row)}.items())) if feedback.get(_TRIAL) is True else feedback


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns as feedback names them."""
    return {_TRIAL if name == "number" else name: value for name, value in row.items()}


def _same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other
