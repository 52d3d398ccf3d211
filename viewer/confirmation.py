"""What fresh seeds say of a run's best: how likely each is the best, what is told apart, how much luck chose them.

Accuracies of a candidate on fresh seeds are taken as normal around its true mean, with one deviation for all,
and nothing is assumed of means and deviation (flat in the means and in the logarithm of the deviation). Then the means
are Student's around the observed ones, and the probability of being best is counted over draws of them, from a fixed
seed. For two candidates it is the one-sided p of the t test, less it from 1. Source: Box and Tiao 1973, section 2.5.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from navarch.evaluation import Noise, measure_noise
from navarch.evaluation.noise import student
from navarch.graph.confirmation import Confirmed, confirmations, winner_of
from navarch.graph.settings import Settings
from navarch.memory import Memory
from navarch.viewer.statistics import Estimate

DRAWS = 200_000  # a probability is then exact to 0.2 points of percent


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate of a confirmation. Accuracies and differences in percent and in points.

    mean: on fresh seeds, with Student's 95 % interval; None where too few are complete. bias: the value in the search
    less the mean. behind: the winner's mean less this one's, with its interval. chance: the probability of being best;
    None where one alone is rated, or not all are yet.
    """

    confirmed: Confirmed
    mean: Estimate | None
    bias: float | None
    behind: Estimate | None
    chance: float | None

    @property
    def is_told_apart(self) -> bool:
        """Return whether the interval of its difference to the winner is above 0."""
        return self.behind is not None and self.behind.low is not None and self.behind.low > 0


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The candidates by their means, the best first, and the deviation within them; bias: the mean of theirs."""

    candidates: tuple[Candidate, ...]
    noise: Noise | None
    bias: float | None
    winner: int | None
    is_over: bool

    @property
    def won(self) -> Candidate | None:
        """Return the candidate that won, if one did."""
        return next((one for one in self.candidates if one.confirmed.trial.number == self.winner), None)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "winner": self.winner,
            "is_over": self.is_over,
            "deviation": self.noise and self.noise.deviation,
            "degrees_of_freedom": self.noise and self.noise.freedom,
            "selection_bias": self.bias,
            "candidates": [_plain(one) for one in self.candidates],
        }


def read_confirmation(memory: Memory, run_id: str, settings: Settings) -> Confirmation | None:
    """Return what a run's confirmation has found so far; None where there is none."""
    found = confirmations(memory, run_id, settings)
    if not found:
        return None
    winner = winner_of(memory, run_id, settings, confirmed=True)
    is_over = all(row.is_finished for one in found for row in one.repeats)
    return make_confirmation(found, None if winner is None else winner.number, is_over)


def make_confirmation(found: Sequence[Confirmed], winner: int | None, is_over: bool) -> Confirmation:
    """Return the figures of a confirmation. winner: the number of its trial in the search."""
    rated = [one for one in found if one.mean is not None]
    noise = measure_noise([one.accuracies for one in rated])
    is_told = is_over and len(rated) > 1
    chances = best_chances([one.accuracies for one in rated]) if is_told else [None] * len(rated)
    chance_of = {one.trial.number: chance for one, chance in zip(rated, chances, strict=True)}
    best = next((one for one in rated if one.trial.number == winner), None)
    candidates = [_candidate(one, best, noise, chance_of.get(one.trial.number)) for one in found]
    candidates.sort(key=lambda one: (one.mean is None, -(one.mean.mean if one.mean else 0.0)))
    biases = [one.bias for one in candidates if one.bias is not None]
    return Confirmation(tuple(candidates), noise, fmean(biases) if biases else None, winner, is_over)


def best_chances(groups: Sequence[Sequence[float]]) -> list[float]:
    """Return the probability that each group's true mean is the highest. groups: accuracies, two or more of each."""
    if not groups:
        return []
    means = np.array([fmean(group) for group in groups])
    noise = measure_noise(groups)
    if noise is None or not noise.deviation:
        tops = means == means.max()
        return [float(share) for share in tops / tops.sum()]
    rng = np.random.default_rng(0)
    deviations = noise.deviation * np.sqrt(noise.freedom / rng.chisquare(noise.freedom, DRAWS))
    errors = rng.standard_normal((DRAWS, len(groups))) / np.sqrt([len(group) for group in groups])
    tops = np.argmax(means + deviations[:, None] * errors, axis=1)
    return [float(share) for share in np.bincount(tops, minlength=len(groups)) / DRAWS]


def _candidate(
    one: Confirmed, best: Confirmed | None, noise: Noise | None, chance: float | None
) -> Candidate:
    if one.mean is None or noise is None:
        return Candidate(one, None, None, None, None)
    reach = student(noise.freedom) * noise.deviation
    half = reach / math.sqrt(len(one.accuracies))
    value = one.trial.val_accuracy
    behind = None
    if best is not None and best.mean is not None and best is not one:
        gap, count = best.mean - one.mean, 1 / len(one.accuracies) + 1 / len(best.accuracies)
        behind = Estimate(gap, gap - reach * math.sqrt(count), gap + reach * math.sqrt(count))
    return Candidate(
        confirmed=one,
        mean=Estimate(one.mean, one.mean - half, one.mean + half),
        bias=None if value is None else value - one.mean,
        behind=behind,
        chance=chance,
    )


def _plain(one: Candidate) -> dict[str, Any]:
    row = one.confirmed
    return {
        "trial": row.trial.number,
        "code": row.trial.code,
        "search": row.trial.val_accuracy,
        "fresh": list(row.accuracies),
        "failed": [{"seed": failed.seed, "reason": failed.reason} for failed in row.failed],
        "mean": one.mean and one.mean._asdict(),
        "bias": one.bias,
        "behind": one.behind and one.behind._asdict(),
        "probability_best": one.chance,
        "told_apart": one.is_told_apart,
    }
