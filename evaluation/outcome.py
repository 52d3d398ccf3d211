"""How a trial ended: its state, one reason on failure, objectives, learning curve and cost.

`judge` is the one place where measured numbers are judged; a number that is not finite or not in its range
never leaves it as an objective.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast, get_args

TrialState = Literal["waiting", "running", "complete", "pruned", "failed"]
FinalState = Literal["complete", "pruned", "failed"]
Reason = Literal["invalid", "build", "oom", "timeout", "diverged", "crashed", "cancelled"]

OBJECTIVES = ("val_accuracy", "params", "macs")
DETAIL_CAP = 4_000  # characters of `detail` that are kept: the tail, where a traceback says what happened


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Hold what was measured at the end of one epoch; accuracies in percent."""

    epoch: int
    train_loss: float
    train_accuracy: float
    val_accuracy: float


@dataclass(frozen=True, slots=True)
class TrialCost:
    """Hold what a trial cost: wall seconds in all, of training alone, and of one core; peak memory in MiB.

    build_seconds: until the network stood. data_seconds: to load the images and bring them to the device.
    val_seconds: of validations. Training counts the last step of the data and the validations in. 0 where not measured.
    epochs: those that it trained itself. start_epochs: those before them, of the earlier trial whose weights it went
    on from, and continued_from: that trial's number in the run that trained both; 0 and None where it began anew.
    slots: how many trials could run at once on its device; 0 where none shares one. attempts: 2 where it was run again.
    halved: its memory ran out, and it was trained once more with half the batch.
    """

    seconds: float
    train_seconds: float
    peak_memory_mb: float
    device: str
    epochs: int
    cpu_seconds: float = 0.0
    build_seconds: float = 0.0
    data_seconds: float = 0.0
    val_seconds: float = 0.0
    start_epochs: int = 0
    continued_from: int | None = None
    slots: int = 0
    attempts: int = 1
    halved: bool = False


NO_COST = TrialCost(seconds=0.0, train_seconds=0.0, peak_memory_mb=0.0, device="none", epochs=0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tell how a trial ended. Objectives are filled when it is complete, or pruned with what is known."""

    state: FinalState
    reason: Reason | None
    detail: str
    objectives: dict[str, float]
    curve: tuple[CurvePoint, ...]
    cost: TrialCost

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back; non-finite numbers of a curve survive as None."""
        return {**asdict(self), "curve": self.plain_curve()}

    def plain_curve(self) -> list[dict[str, Any]]:
        """Return the curve as plain data; non-finite numbers are None."""
        return [_finite_or_none(asdict(point)) for point in self.curve]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Outcome":
        """Read an outcome back. Raises: ValueError, with the field's name, when it is none."""
        try:
            return cls(
                state=cast(FinalState, _one_of(data, "state", get_args(FinalState))),
                reason=None
                if data["reason"] is None
                else cast(Reason, _one_of(data, "reason", get_args(Reason))),
                detail=_text(data, "detail"),
                objectives={str(name): _number(value, name) for name, value in data["objectives"].items()},
                curve=tuple(_point(point) for point in data["curve"]),
                cost=_cost(data["cost"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not an outcome: {error!r}") from None


def failed(
    reason: Reason, detail: str, *, cost: TrialCost = NO_COST, curve: tuple[CurvePoint, ...] = ()
) -> Outcome:
    """Return a failed outcome; of a long detail the tail is kept."""
    return Outcome("failed", reason, detail[-DETAIL_CAP:], {}, curve, cost)


def pruned(
    detail: str, objectives: dict[str, float], *, cost: TrialCost, curve: tuple[CurvePoint, ...]
) -> Outcome:
    """Return the outcome of a trial that was stopped early; its curve has accuracies, its objectives have none."""
    return Outcome("pruned", None, detail, objectives, curve, cost)


def judge(outcome: Outcome) -> Outcome:
    """Return the outcome, or failed/diverged in its place when a number of it cannot be right.

    Curve and cost are kept: they were paid for, and they show what went wrong.
    """
    if outcome.state == "failed":
        return outcome if outcome.reason is not None else replace(outcome, reason="crashed", objectives={})
    fault = _fault(outcome)
    if fault is None:
        return outcome
    return replace(outcome, state="failed", reason="diverged", detail=fault, objectives={})


def _fault(outcome: Outcome) -> str | None:
    """Return one sentence on the first number that cannot be right, or None."""
    if outcome.reason is not None:
        return f"a {outcome.state} trial gave the reason {outcome.reason!r}"
    for name in OBJECTIVES if outcome.state == "complete" else ():
        if name not in outcome.objectives:
            return f"the objective {name!r} is missing"
    for name, value in outcome.objectives.items():
        if not math.isfinite(value):
            return f"the objective {name!r} is {value!r}, not a finite number"
        high = 100.0 if name.endswith("_accuracy") else math.inf
        if not 0.0 <= value <= high:
            return f"the objective {name!r} is {value!r}, outside 0..{high:g}"
    for point in outcome.curve:
        if not math.isfinite(point.train_loss):
            return f"the training loss of epoch {point.epoch} is {point.train_loss!r}"
        if not (0.0 <= point.train_accuracy <= 100.0 and 0.0 <= point.val_accuracy <= 100.0):
            return f"an accuracy of epoch {point.epoch} is outside 0..100"
    return None


def _finite_or_none(point: dict[str, Any]) -> dict[str, Any]:
    return {name: value if math.isfinite(value) else None for name, value in point.items()}


def _point(data: Mapping[str, Any]) -> CurvePoint:
    def value(name: str) -> float:
        return math.nan if data[name] is None else _number(data[name], name)

    return CurvePoint(int(data["epoch"]), value("train_loss"), value("train_accuracy"), value("val_accuracy"))


def _cost(data: Mapping[str, Any]) -> TrialCost:
    source = data.get("continued_from")
    return TrialCost(
        seconds=_number(data["seconds"], "seconds"),
        train_seconds=_number(data["train_seconds"], "train_seconds"),
        peak_memory_mb=_number(data["peak_memory_mb"], "peak_memory_mb"),
        device=_text(data, "device"),
        epochs=int(data["epochs"]),
        cpu_seconds=_number(data["cpu_seconds"], "cpu_seconds"),
        **{
            name: _number(data.get(name, 0.0), name)
            for name in ("build_seconds", "data_seconds", "val_seconds")
        },
        start_epochs=int(data.get("start_epochs", 0)),
        continued_from=None if source is None else int(source),
        slots=int(data["slots"]),
        attempts=int(data["attempts"]),
        halved=bool(data.get("halved", False)),
    )


def _number(value: object, name: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is {value!r}, not a number")
    return float(value)


def _text(data: Mapping[str, Any], name: str) -> str:
    if not isinstance(data[name], str):
        raise ValueError(f"{name} is {data[name]!r}, not text")
    return str(data[name])


def _one_of(data: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    if data[name] not in allowed:
        raise ValueError(f"{name} is {data[name]!r}, not one of {', '.join(allowed)}")
    return str(data[name])
