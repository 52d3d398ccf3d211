"""What finished trials say about one option at a time: the plain statistics behind patterns and lessons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from navarch.agents.offline.moves import Choices
from navarch.agents.views import TrialView

MIN_SUPPORT = 3  # trials with and without the option
CLEAR = 2.5  # standard errors away from zero


@dataclass(frozen=True, slots=True)
class Effect:
    """Mean accuracy with an option less the mean without it, in points; `error` is Welch's standard error."""

    dimension: str
    option: str
    position: int
    difference: float
    error: float
    with_n: int
    without_n: int

    @property
    def strength(self) -> float:
        """Return the difference in standard errors, signed."""
        return self.difference / self.error if self.error > 0 else 0.0

    @property
    def direction(self) -> str:
        """Return "helps" or "hurts"."""
        return "helps" if self.difference > 0 else "hurts"

    @property
    def is_clear(self) -> bool:
        """Tell whether the effect stands out of the noise."""
        return abs(self.strength) >= CLEAR


def completed(*groups: Sequence[TrialView]) -> list[TrialView]:
    """Return the trials that have an accuracy, each once, in the order of their numbers."""
    found = {trial.number: trial for group in groups for trial in group}
    done = (found[number] for number in sorted(found))
    return [t for t in done if t.state == "complete" and t.val_accuracy is not None]


def accuracy(trial: TrialView) -> float:
    """Return a completed trial's validation accuracy."""
    if trial.val_accuracy is None:
        raise ValueError(f"trial {trial.number} is not completed")
    return trial.val_accuracy


def option_effects(choices: Choices, trials: Sequence[TrialView]) -> list[Effect]:
    """Return the effect of each option with enough support, strongest first; ties in the declared order."""
    effects = []
    accuracies = [accuracy(t) for t in trials]
    middle = math.fsum(accuracies) / max(len(trials), 1)
    shifted = [value - middle for value in accuracies]  # so that sums of squares keep their digits
    columns = list(zip(*(t.values for t in trials), strict=True)) or [()] * len(choices.options)
    total = _Sums(len(shifted), math.fsum(shifted), math.fsum(value * value for value in shifted))
    for position, (dimension, options) in enumerate(zip(choices.dimensions, choices.options, strict=True)):
        groups: dict[str, list[float]] = {}
        for chosen, value in zip(columns[position], shifted, strict=True):
            groups.setdefault(chosen, []).append(value)
        for option in options:
            group = groups.get(option, [])
            inside = _Sums(len(group), sum(group), sum(value * value for value in group))
            outside = _Sums(*(a - b for a, b in zip(total, inside, strict=True)))
            if min(inside.n, outside.n) < MIN_SUPPORT:
                continue
            error = math.sqrt(inside.squared_error + outside.squared_error)
            difference = inside.mean - outside.mean
            counts = (int(inside.n), int(outside.n))
            effects.append(Effect(dimension, option, position, difference, error, *counts))
    return sorted(effects, key=lambda effect: -abs(effect.strength))


class _Sums(NamedTuple):
    """How many values there are, their sum, and the sum of their squares."""

    n: float
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.n

    @property
    def squared_error(self) -> float:
        """Return the squared standard error of the mean."""
        spread = max(self.squares - self.total * self.mean, 0.0)
        return spread / (self.n - 1) / self.n
