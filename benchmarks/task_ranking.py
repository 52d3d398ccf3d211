"""Measure whether the embedded task can rank: do two training seeds agree on random NAS-Bench-201 cells.

Run it with `.venv/bin/python benchmarks/task_ranking.py [--cells 40] [--slots 2] [--json]`. It trains every
cell with two seeds through the product's own evaluator, and the all-none, all-skip and all-3x3 cells for
comparison. Wanted: Spearman of the two seeds at least 0.8; 10th and 90th percentile of validation accuracy
at least 5 points apart; about 4 s of one core a trial or less.
"""

import argparse
import json
import random
import statistics
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from navarch.evaluation import Job, Outcome, TrainEvaluator, get_task
from navarch.evaluation.proxies.ranking import mean_ranks
from navarch.spaces import Architecture, get_space

SEEDS = (0, 1)
ANCHORS = {"all none": "000000", "all skip": "111111", "all 3x3": "333333"}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description="Measure whether the embedded task can rank architectures.")
    parser.add_argument("--cells", type=int, default=40, help="random cells (default: 40)")
    parser.add_argument("--draw", type=int, default=7, help="seed of the random cells (default: 7)")
    parser.add_argument("--slots", type=int, default=2, help="trials at once (default: 2)")
    parser.add_argument("--epochs", type=int, default=None, help="other than the task's default")
    parser.add_argument("--json", action="store_true", help="write all numbers as JSON")
    arguments = parser.parse_args()
    report = measure(arguments.cells, arguments.slots, arguments.epochs, arguments.draw)
    sys.stdout.write(json.dumps(report, indent=1) + "\n" if arguments.json else describe(report))


def measure(cells: int, slots: int, epochs: int | None = None, draw: int = 7) -> dict[str, Any]:
    """Train the cells and return the figures."""
    space, task = get_space("nas-bench-201"), get_task("digits")
    stream = random.Random(draw)
    drawn = [space.sample(stream) for _ in range(cells)]
    anchors = {name: space.parse(code) for name, code in ANCHORS.items()}
    outcomes = train([*drawn, *anchors.values()], slots, epochs)
    first, second = ([outcomes[cell, seed].curve[-1].val_accuracy for cell in drawn] for seed in SEEDS)
    ranked = sorted(first + second)
    seconds = [outcomes[cell, seed].cost for cell in drawn for seed in SEEDS]
    return {
        "task": task.name,
        "digest": task.digest,
        "cells": cells,
        "draw": draw,
        "spearman": spearman(first, second),
        "p10": percentile(ranked, 0.1),
        "p50": percentile(ranked, 0.5),
        "p90": percentile(ranked, 0.9),
        "seed_deviation": statistics.fmean((a - b) ** 2 / 2 for a, b in zip(first, second, strict=True))
        ** 0.5,
        "mean_core_seconds": statistics.fmean(cost.cpu_seconds for cost in seconds),
        "max_core_seconds": max(cost.cpu_seconds for cost in seconds),
        "mean_wall_seconds": statistics.fmean(cost.seconds for cost in seconds),
        "anchors": {
            name: [outcomes[cell, seed].curve[-1].val_accuracy for seed in SEEDS]
            for name, cell in anchors.items()
        },
        "accuracies": {space.code(cell): [a, b] for cell, a, b in zip(drawn, first, second, strict=True)},
    }


def train(
    cells: Sequence[Architecture], slots: int, epochs: int | None
) -> dict[tuple[Architecture, int], Outcome]:
    """Train every cell with both seeds; a trial that fails ends the measurement.

    A cell through which nothing flows counts with what its constant outputs get right.
    """
    task = get_task("digits")
    fidelity = task.fidelity("nas-bench-201")
    if epochs is not None:
        fidelity = type(fidelity)(epochs, fidelity.skeleton)
    outcomes: dict[tuple[Architecture, int], Outcome] = {}

    def keep(job: Job, outcome: Outcome) -> None:
        if outcome.state != "complete" and not outcome.curve:
            raise SystemExit(f"trial {job.trial_id} failed: {outcome.reason}: {outcome.detail}")
        outcomes[job.architecture, job.seed] = outcome
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{len(outcomes)} of {len(jobs)} trials" + "\n" * (len(outcomes) == len(jobs)))

    unique = dict.fromkeys(cells)
    jobs = [
        Job(f"{number}/{seed}", cell, fidelity, seed) for number, cell in enumerate(unique) for seed in SEEDS
    ]
    with TrainEvaluator(task, slots=slots, device="cpu", timeout_s=600.0) as evaluator:
        evaluator.evaluate_many(jobs, on_start=lambda _job: None, on_outcome=keep, should_stop=lambda: False)
    return outcomes


def describe(report: dict[str, Any]) -> str:
    """Return the report as text."""
    lines = [
        "cells  Spearman   p10   p50   p90  seed sd  core s mean  core s max",
        "{cells:5d}  {spearman:8.3f} {p10:5.1f} {p50:5.1f} {p90:5.1f}  {seed_deviation:7.2f}"
        "  {mean_core_seconds:11.2f}  {max_core_seconds:10.2f}".format(**report),
        *(
            f"{name:9s} {' '.join(f'{accuracy:.1f}' for accuracy in pair)}"
            for name, pair in report["anchors"].items()
        ),
    ]
    return "\n".join(lines) + "\n"


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the rank correlation of two lists, ties sharing their mean rank."""
    return statistics.correlation(mean_ranks(first), mean_ranks(second))


def kendall(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Kendall's tau-b of two lists: agreeing pairs less disagreeing ones, corrected for ties on either side."""
    signs = []
    for values in (first, second):
        array = np.asarray(values)
        signs.append((array[:, None] > array).astype(int) - (array[:, None] < array))
    a, b = signs
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return a percentile of a sorted list by linear interpolation."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


if __name__ == "__main__":
    main()
