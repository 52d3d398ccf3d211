"""Feedback on one trial: what came out, how it compares with its neighbours, what the curve says.

Plain data, made once when a trial ends; the same record is stored, shown in the trace, and rendered into
prompts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, cast, get_args

from navarch.evaluation.history import Evaluated, History
from navarch.evaluation.outcome import CurvePoint, FinalState, Reason
from navarch.spaces import SearchSpace, find_differences

CurveShape = Literal["rising", "flat", "overfitting", "diverged", "none"]
NEIGHBOURS = 3  # nearest evaluated architectures that are named
# Points of validation accuracy gained over the last quarter of the epochs. A cosine schedule always gains some at
# its end: of 86 trials of the embedded task 27 gained more than this (2026-11-22).
RISING = 8.0
# Points of validation accuracy lost since the best epoch while training accuracy did not fall.
OVERFITTING = 1.0


@dataclass(frozen=True, slots=True)
class NeighbourNote:
    """Compare with a near architecture. `differences`: (dimension, its option, this trial's option).

    margin: this trial's validation accuracy minus the neighbour's, in points; None when either failed.
    """

    trial: int
    distance: int
    differences: tuple[tuple[str, str, str], ...]
    margin: float | None


@dataclass(frozen=True, slots=True)
class Feedback:
    """Say what a trial taught.

    rank: place among the complete trials so far, 1 is best; None when it failed.
    margin_to_best: its validation accuracy minus the best of the others, in points: positive means a new
    best; None when it failed or is the first.
    val_error: standard error of its validation accuracy by the number of validation images alone, in points: what
    another draw of as many images would change; None where it failed or their number says nothing.
    margin_in_noise: margin_to_best in deviations between seeds; None where they are not known.
    """

    trial: int
    code: str
    state: FinalState
    reason: Reason | None
    detail: str
    val_accuracy: float | None
    params: int
    macs: int
    rank: int | None
    margin_to_best: float | None
    neighbours: tuple[NeighbourNote, ...]
    curve_shape: CurveShape
    seconds: float
    val_error: float | None = None
    margin_in_noise: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data that `from_dict` reads back; where no noise is known it is not mentioned."""
        data = {name: getattr(self, name) for name in _FIELDS}
        if self.margin_in_noise is None:
            del data["margin_in_noise"]
        data["neighbours"] = [
            {
                "trial": note.trial,
                "distance": note.distance,
                "differences": [list(difference) for difference in note.differences],
                "margin": note.margin,
            }
            for note in self.neighbours
        ]
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Feedback":
        """Read feedback back from what `to_dict` gave. Raises: ValueError when it is something else."""
        try:
            values = dict(data)
            values["neighbours"] = tuple(_note(note) for note in data["neighbours"])
            if data["curve_shape"] not in get_args(CurveShape):
                raise ValueError(f"curve_shape is {data['curve_shape']!r}")
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a feedback record: {error!r}") from None


_FIELDS = tuple(field.name for field in fields(Feedback))


def make_feedback(
    record: Evaluated, history: History, *, val_images: int = 0, noise: float | None = None
) -> Feedback:
    """Compare a finished trial with the others; the record itself may stand in the history.

    val_images: how many images the accuracies were measured on, 0 where that is not what makes them noisy.
    noise: the standard deviation of an accuracy between seeds, in points, where it is known.
    """
    space = history.space
    rank, margin = history.standing(record)
    return Feedback(
        trial=record.number,
        code=space.code(record.architecture),
        state=record.state,
        reason=record.reason,
        detail=record.detail,
        val_accuracy=record.val_accuracy,
        params=record.params,
        macs=record.macs,
        rank=rank,
        margin_to_best=margin,
        neighbours=tuple(_compare(record, other, space) for other in history.nearest(record, NEIGHBOURS)),
        curve_shape=describe_curve(record.curve, record.reason),
        seconds=record.seconds,
        val_error=sampling_error(record.val_accuracy, val_images),
        margin_in_noise=None if margin is None or not noise else margin / noise,
    )


def sampling_error(accuracy: float | None, images: int) -> float | None:
    """Return the standard error, in points, of an accuracy (percent) on so many images drawn at random."""
    if accuracy is None or images < 1:
        return None
    return math.sqrt(accuracy * (100.0 - accuracy) / images)


def describe_curve(curve: Sequence[CurvePoint], reason: Reason | None = None) -> CurveShape:
    """Name the shape of a learning curve; "none" where there are too few points to tell."""
    if reason == "diverged" or any(not math.isfinite(point.train_loss) for point in curve):
        return "diverged"
    if len(curve) < 2:
        return "none"
    last = curve[-1]
    best = max(curve, key=lambda point: point.val_accuracy)
    if best.val_accuracy - last.val_accuracy > OVERFITTING and last.train_accuracy >= best.train_accuracy:
        return "overfitting"
    earlier = [point for point in curve[:-1] if point.epoch <= 0.75 * last.epoch] or [curve[-2]]
    return "rising" if last.val_accuracy - earlier[-1].val_accuracy > RISING else "flat"


def _compare(record: Evaluated, other: Evaluated, space: SearchSpace) -> NeighbourNote:
    differences = find_differences(other.architecture, record.architecture, space)
    margin = None
    if record.val_accuracy is not None and other.val_accuracy is not None:
        margin = record.val_accuracy - other.val_accuracy
    return NeighbourNote(
        trial=other.number,
        distance=len(differences),
        differences=tuple((name, before, after) for name, before, after in differences),
        margin=margin,
    )


def _note(data: Mapping[str, Any]) -> NeighbourNote:
    differences = tuple(cast("tuple[str, str, str]", tuple(difference)) for difference in data["differences"])
    return NeighbourNote(data["trial"], data["distance"], differences, data["margin"])
