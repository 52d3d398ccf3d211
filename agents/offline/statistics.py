"""What finished trials say about one option at a time: the plain statistics behind patterns and lessons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    for position, (dimension, options) in enumerate(zip(choices.dimensions, choices.options, strict=True)):
        for option in options:
            inside = [accuracy(t) for t in trials if t.values[position] == option]
            outside = [accuracy(t) for t in trials if t.values[position] != option]
            if min(len(inside), len(outside)) < MIN_SUPPORT:
                continue
            (mean_in, var_in), (mean_out, var_out) = _moments(inside), _moments(outside)
            error = math.sqrt(var_in / len(inside) + var_out / len(outside))
            effects.append(
                Effect(dimension, option, position, mean_in - mean_out, error, len(inside), len(outside))
            )
    return sorted(effects, key=lambda effect: -abs(effect.strength))


def _moments(sample: Sequence[float]) -> tuple[float, float]:
    mean = math.fsum(sample) / len(sample)
    return mean, math.fsum((value - mean) ** 2 for value in sample) / (len(sample) - 1)
