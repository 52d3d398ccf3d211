"""Do inherited weights rank architectures? A NAS-Bench-201 supernet on real images against training each cell alone.

Trains a supernet on the embedded task for each way of sampling (or takes the weights in the files given), scores random
cells with its weights through the product's evaluator, trains the same cells alone at the task's fidelity with two
seeds, and prints rank correlations (Kendall's tau-b, Spearman) with the mean of the two, and with the 200-epoch
validation accuracy on CIFAR-10 where the benchmark's table is given. In the same run: parameters as the predictor, and
how well one seed predicts the other, about as well as anything can be seen to do here.

Run: .venv/bin/python benchmarks/supernet.py [FILE ...] [--cells 30] [--epochs 60] [--table nb201.csv.gz]
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from task_ranking import kendall, spearman

from navarch.evaluation import (
    Evaluator,
    Fidelity,
    Job,
    Outcome,
    SupernetEvaluator,
    TableEvaluator,
    TrainEvaluator,
    cost_on,
    find_supernet,
    get_task,
)
from navarch.evaluation.supernet.plan import SAMPLINGS, Sampling
from navarch.evaluation.supernet.train import plan_training, train_supernet
from navarch.spaces import Architecture, get_space

SPACE, TASK, TABLE_TASK = "nas-bench-201", "digits", "nb201-cifar10"
SEEDS = (0, 1)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Measure how well inherited weights rank architectures.")
    parser.add_argument("files", type=Path, nargs="*", help="weights; default: trained now, then removed")
    parser.add_argument("--cells", type=int, default=30, help="random cells (default: 30)")
    parser.add_argument("--draw", type=int, default=7, help="seed of the random cells (default: 7)")
    parser.add_argument("--epochs", type=int, default=60, help="of the supernet (default: 60)")
    parser.add_argument("--slots", type=int, default=1, help="trials at once (default: 1)")
    parser.add_argument("--table", type=Path, help="nb201.csv.gz")
    options = parser.parse_args()
    cells = _draw_cells(options.cells, options.draw)
    with tempfile.TemporaryDirectory() as folder:
        supernets = {path.name: path for path in options.files} or {
            f"inherited, {sampling} paths": _train(Path(folder) / f"{sampling}.pt", options.epochs, sampling)
            for sampling in SAMPLINGS
        }
        predictors = {name: _inherit(path, cells, options.slots) for name, path in supernets.items()}
    _compare(predictors, cells, options.slots, options.table)


def _draw_cells(count: int, seed: int) -> list[Architecture]:
    """Return random cells, of those that compute the same one."""
    space, stream = get_space(SPACE), random.Random(seed)
    return list({space.digest(cell): cell for cell in (space.sample(stream) for _ in range(count))}.values())


def _train(path: Path, epochs: int, sampling: Sampling) -> Path:
    began = time.monotonic()
    space, task = get_space(SPACE), get_task(TASK)
    about = plan_training(path, space, task, epochs=epochs, sampling=sampling, seed=0, skeleton={})
    train_supernet(path, about, task, device="cpu")
    _say(f"supernet: {epochs} epochs, {sampling} paths, {time.monotonic() - began:.0f} s")
    return path


def _inherit(path: Path, cells: Sequence[Architecture], slots: int) -> list[float]:
    space = get_space(SPACE)
    evaluator = SupernetEvaluator(find_supernet(path, space), space, slots=slots, device="cpu")
    return _measure(evaluator, cells, evaluator.task.fidelity(SPACE), 0)


def _compare(
    predictors: dict[str, list[float]], cells: Sequence[Architecture], slots: int, table: Path | None
) -> None:
    space, task = get_space(SPACE), get_task(TASK)
    fidelity = task.fidelity(SPACE)
    first, second = (
        _measure(TrainEvaluator(task, slots=slots, device="cpu", timeout_s=600.0), cells, fidelity, seed)
        for seed in SEEDS
    )
    alone = [statistics.fmean(pair) for pair in zip(first, second, strict=True)]
    targets = {"trained alone": alone}
    if table is not None:
        known = TableEvaluator(table, get_task(TABLE_TASK), space)
        targets["NAS-Bench-201, CIFAR-10"] = _measure(known, cells, known.task.fidelity(SPACE), 0)
    costs = [cost_on(task, space, cell, fidelity) for cell in cells]
    simple = {
        "parameters": [float(cost.params) for cost in costs],
        "MACs": [float(cost.macs) for cost in costs],
    }
    for name, values in {**predictors, "trained alone": alone}.items():
        _say(f"{name}: {min(values):.1f} to {max(values):.1f} % over {len(cells)} cells")
    _say(f"{'predictor':26}{'target':26}{'Kendall':>8}{'Spearman':>10}")
    for target, values in targets.items():
        for name, predictor in {**predictors, **simple, "trained alone": alone}.items():
            if name != target:
                _say(
                    f"{name:26}{target:26}{kendall(predictor, values):8.3f}{spearman(predictor, values):10.3f}"
                )
    _say(
        f"{'one seed alone':26}{'the other seed':26}{kendall(first, second):8.3f}{spearman(first, second):10.3f}"
    )


def _measure(
    evaluator: Evaluator, cells: Sequence[Architecture], fidelity: Fidelity, seed: int
) -> list[float]:
    """Return the validation accuracy of every cell and close the evaluator; a trial that fails ends the program."""
    found: dict[str, float] = {}
    began = time.monotonic()
    seconds: list[float] = []

    def keep(job: Job, outcome: Outcome) -> None:
        constant = outcome.reason == "diverged" and outcome.curve  # nothing flows through the cell
        if outcome.state != "complete" and not constant:
            raise SystemExit(f"trial {job.trial_id} failed: {outcome.reason}: {outcome.detail}")
        found[job.trial_id] = (
            outcome.curve[-1].val_accuracy if constant else outcome.objectives["val_accuracy"]
        )
        seconds.append(outcome.cost.cpu_seconds)

    jobs = [Job(str(number), cell, fidelity, seed) for number, cell in enumerate(cells)]
    try:
        evaluator.evaluate_many(jobs, on_start=lambda _: None, on_outcome=keep, should_stop=lambda: False)
    finally:
        evaluator.close()
    if not evaluator.instant:
        _say(
            f"{evaluator.name}, seed {seed}: {len(cells)} cells in {time.monotonic() - began:.0f} s, "
            f"{statistics.fmean(seconds):.2f} s of one core each"
        )
    return [found[job.trial_id] for job in jobs]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
