"""What do stop rules save on real training, and do they keep the best? With and without a rule, on the same curves.

Random cells of NAS-Bench-201 are trained on `digits` to the end: what a rule would have stopped is a part of such a
curve, bit for bit on a CPU. Many random orders of these cells are then searched without a rule and with each: epochs
trained, as a share of those without a rule, how often the same best is found, and how far below it the best is. Rounds
hold four trials, and the bars of a round come from earlier rounds alone, as in a run. Every cell counts that trained
to its last epoch, also one whose outputs are constant: its curve, at the accuracy of chance, helps to set bars here,
while in a run it has failed (`diverged`) and sets none. Intervals (95 %) are over orders of the same cells: they say
nothing of others. --keep FILE keeps the curves, and takes those that are there.

Run: .venv/bin/python benchmarks/stopping.py --cells 60 --keep curves.json
"""

import argparse
import json
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, get_args

from navarch.evaluation import Job, Outcome, TrainEvaluator, get_task
from navarch.evaluation.stop_rules import EarlierTrial, StopRule, find_bars
from navarch.spaces import get_space
from navarch.viewer.statistics import estimate

AT_ONCE = 4
ORDERS = 300
Curve = list[tuple[int, float]]  # epoch, validation accuracy in percent


class Found(NamedTuple):
    """What a search found: its best accuracy, the epochs that it trained, and how many trials it stopped."""

    best: float
    epochs: int
    stopped: int


def train(cells: int, epochs: int, slots: int, keep: Path | None) -> list[Curve]:
    """Return the curves of so many different random cells; one that fails before its last epoch is left out."""
    space, task = get_space("nas-bench-201"), get_task("digits")
    known: dict[str, Curve] = json.loads(keep.read_text()) if keep is not None and keep.exists() else {}
    stream = random.Random(11)
    drawn: dict[str, Job] = {}
    fidelity = replace(task.fidelity(space.name), epochs=epochs)
    while len(drawn) < cells:
        cell = space.sample(stream)
        drawn.setdefault(space.digest(cell), Job(f"{space.code(cell)} {epochs}", cell, fidelity, 0))

    def take(job: Job, outcome: Outcome) -> None:
        known[job.trial_id] = [(point.epoch, point.val_accuracy) for point in outcome.curve]
        if keep is not None:
            keep.write_text(json.dumps(known))

    with TrainEvaluator(task, slots=slots, device="cpu", timeout_s=600.0) as evaluator:
        evaluator.evaluate_many(
            [job for job in drawn.values() if job.trial_id not in known],
            on_start=lambda job: None,
            on_outcome=take,
            should_stop=lambda: False,
        )
    curves = [known[job.trial_id] for job in drawn.values()]
    return [curve for curve in curves if curve and curve[-1][0] == epochs]


def search(curves: Sequence[Curve], rule: StopRule | None) -> Found:
    """Return what a search over these cells, in this order, finds."""
    last = curves[0][-1][0]
    earlier: list[EarlierTrial] = []
    best, epochs = 0.0, 0
    for start in range(0, len(curves), AT_ONCE):
        bars = dict(find_bars(rule, earlier, best or None, last)) if rule is not None else {}
        for curve in curves[start : start + AT_ONCE]:
            reached = next(
                (place for place, _ in enumerate(curve) if _misses(curve[: place + 1], bars)), None
            )
            seen = curve if reached is None else curve[: reached + 1]
            final = curve[-1][1] if reached is None else None
            earlier.append(EarlierTrial(tuple(seen), final))
            epochs += seen[-1][0]
            best = max(best, final or 0.0)
    return Found(best, epochs, sum(trial.final is None for trial in earlier))


def _misses(seen: Curve, bars: dict[int, float]) -> bool:
    """Tell whether the best so far is below the bar of the last epoch, as the trial's own process does."""
    return max(accuracy for _, accuracy in seen) < bars.get(seen[-1][0], 0.0)


def main() -> None:
    """Train, search and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=24)
    parser.add_argument("--trials", type=int, default=20, help="of a search (default: 20)")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    curves = train(options.cells, options.epochs, options.slots, options.keep)
    stream = random.Random(0)
    orders = [stream.sample(curves, min(options.trials, len(curves))) for _ in range(ORDERS)]
    plain = [search(order, None) for order in orders]
    sys.stdout.write(
        f"{len(curves)} cells that trained to the end, also those of constant outputs, {options.epochs} epochs, "
        f"{ORDERS} orders of {len(orders[0])} trials, "
        f"best without a rule {statistics.fmean(found.best for found in plain):.2f} %\n"
        "rule        epochs, share          trials stopped  same best  best, points lower\n"
    )
    for rule in get_args(StopRule):
        ruled = [search(order, rule) for order in orders]
        share = estimate([ours.epochs / all_.epochs for ours, all_ in zip(ruled, plain, strict=True)])
        lower = estimate([all_.best - ours.best for ours, all_ in zip(ruled, plain, strict=True)])
        same = statistics.fmean(ours.best == all_.best for ours, all_ in zip(ruled, plain, strict=True))
        stopped = statistics.fmean(found.stopped for found in ruled)
        sys.stdout.write(
            f"{rule:<12}{share.mean:.3f} [{share.low:.3f}, {share.high:.3f}]   {stopped:>14.1f}{same:>10.1%}"
            f"  {lower.mean:.3f} [{lower.low:.3f}, {lower.high:.3f}]\n"
        )


if __name__ == "__main__":
    main()
