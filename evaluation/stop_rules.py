"""Rules that stop a training early: from the curves of earlier trials, the bar that each epoch must reach.

Bars are found before a trial starts, so that a worker needs nothing but them. Only trials of the same fidelity, data
and schedule set bars for each other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, linear_regression, median
from typing import Literal

StopRule = Literal["median", "regression"]
Bars = tuple[tuple[int, float], ...]

MIN_MEDIAN = 5  # trials whose median is a bar; the number that Optuna's MedianPruner waits for
MIN_REGRESSION = 8  # whole trials that a line is fitted to
CHANCE = 0.01  # that a stopped trial would have become the best, as the line has it


@dataclass(frozen=True, slots=True)
class EarlierTrial:
    """Hold an earlier trial: validation accuracies in percent by epoch, ascending, and its result.

    final: its accuracy where it trained to the end; None where it was stopped.
    """

    points: tuple[tuple[int, float], ...]
    final: float | None


def find_bars(rule: StopRule, earlier: Sequence[EarlierTrial], best: float | None, epochs: int) -> Bars:
    """Return (epoch, accuracy in percent) for the epochs before the last that have a bar, ascending.

    best: the accuracy that a trial would have to beat, None where there is none yet. epochs: of a whole training.
    """
    seen = sorted({epoch for trial in earlier for epoch, _ in trial.points if epoch < epochs})
    bars = [
        (epoch, median_bar(earlier, epoch) if rule == "median" else regression_bar(earlier, epoch, best))
        for epoch in seen
    ]
    return tuple((epoch, bar) for epoch, bar in bars if bar is not None)


def median_bar(earlier: Sequence[EarlierTrial], epoch: int) -> float | None:
    """Return the median accuracy of all trials that reached an epoch; None where they are few.

    Stopped trials count up to where they got: without them the median would be that of ever better survivors.
    Source: the median stopping rule of Vizier (Golovin et al., KDD 2017), by points in place of running averages.
    """
    reached = [accuracy for trial in earlier for at, accuracy in trial.points if at == epoch]
    return median(reached) if len(reached) >= MIN_MEDIAN else None


def regression_bar(earlier: Sequence[EarlierTrial], epoch: int, best: float | None) -> float | None:
    """Return the accuracy below which a trial beats `best` with a probability under CHANCE, or None.

    A line from the best accuracy up to the epoch to the final one is fitted to the whole trials; its errors are taken
    as normal. Source: Baker et al. 2017 (arXiv 1705.10823), early stopping by a predictor of the final performance.
    """
    pairs = [
        (max(accuracy for at, accuracy in trial.points if at <= epoch), trial.final)
        for trial in earlier
        if trial.final is not None and any(at <= epoch for at, _ in trial.points)
    ]
    count = len(pairs)
    if best is None or count < MIN_REGRESSION or len({early for early, _ in pairs}) < 2:
        return None
    slope, base = linear_regression([early for early, _ in pairs], [final for _, final in pairs])
    if slope <= 0.0:
        return None
    squares = math.fsum((final - base - slope * early) ** 2 for early, final in pairs)
    spread = math.sqrt(squares / (count - 2) * (1 + 1 / count))
    return (best - NormalDist().inv_cdf(1 - CHANCE) * spread - base) / slope
