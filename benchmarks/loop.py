"""What a search costs of itself: our own CPU time, disk and growth for a trial that is looked up in a table.

Everything is stored and durable, as in any run. The table is made here, with one number drawn for every architecture of
NAS-Bench-201: what the numbers are plays no part. The baseline is Optuna's random sampler with its SQLite storage on
the same table in the same process; its storage is durable too.

Run: .venv/bin/python benchmarks/loop.py [--trials 300] [--workflows random evolution navarch]
"""

import argparse
import csv
import itertools
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in any run; here Optuna would load numpy first

import optuna

from navarch.evaluation import Evaluator
from navarch.graph import load_settings, start_run
from navarch.memory import Memory, NewTrial, TrialRow
from navarch.spaces import get_space

SPACE = "nas-bench-201"
TOP_OF = 100_000


class Loop(NamedTuple):
    """One search: milliseconds of CPU time and bytes of database a trial, seconds of the first 100, and growth.

    growth: CPU time of the last tenth of the trials over that of the first.
    """

    cpu_ms: float
    size: float
    first_hundred_s: float
    growth: float


class Clock:
    """Listens to a run and notes the time whenever a trial is stored; it begins after the start-up."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []

    def began(self, run: object, parts: object, evaluator: Evaluator) -> None:
        """Note that the start-up is over."""
        self.times.append((time.process_time(), time.perf_counter()))

    def finished(self, trial: TrialRow, standing: object) -> None:
        """Note that a trial is stored."""
        self.times.append((time.process_time(), time.perf_counter()))

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def make_table(path: Path) -> None:
    """Write a table of all architectures of the space, as a user's own."""
    space, rng = get_space(SPACE), random.Random(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["architecture", "val_accuracy"])
        for values in itertools.product(*space.structure.options):
            writer.writerow([space.code(space.parse(list(values))), f"{rng.uniform(10, 90):.3f}"])


def measure(workflow: str, trials: int, table: Path, folder: Path) -> Loop:
    """Run a search and return what it cost."""
    db, clock = folder / f"{workflow}.db", Clock()
    flags = {
        "workflow": workflow,
        "space": SPACE,
        "evaluator": "table",
        "table": {"path": table},
        "budget": {"trials": trials},
        "db": db,
    }
    start_run(load_settings(None, flags), clock)
    cpu, wall = zip(*clock.times, strict=True)
    tenth = max(1, trials // 10)
    hundred = min(100, trials)
    return Loop(
        cpu_ms=1000 * (cpu[-1] - cpu[0]) / trials,
        size=db.stat().st_size / trials,
        first_hundred_s=wall[hundred] - wall[0],
        growth=(cpu[-1] - cpu[-1 - tenth]) / (cpu[tenth] - cpu[0]),
    )


def measure_optuna(trials: int, folder: Path) -> float:
    """Return the milliseconds of CPU time that a trial costs in a study of Optuna on SQLite."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space, rng = get_space(SPACE), random.Random(0)
    study = optuna.create_study(
        storage=f"sqlite:///{folder / 'optuna.db'}", sampler=optuna.samplers.RandomSampler(seed=0)
    )

    def objective(trial: optuna.Trial) -> float:
        for dimension in space.dimensions:
            trial.suggest_categorical(dimension.name, dimension.names)
        return rng.random()

    began = time.process_time()
    study.optimize(objective, n_trials=trials)
    return 1000 * (time.process_time() - began) / trials


def measure_top(folder: Path) -> tuple[float, float]:
    """Return the milliseconds of the best 20 of many stored trials, by our index and by looking at all of them."""
    path, rng = folder / "top.db", random.Random(0)
    with Memory.open(path) as memory:
        memory.create_run(
            run_id="top", workflow="random", space=SPACE, task="made", task_digest="made", evaluator="table",
            seed=0, settings={}, version="0",
        )  # fmt: skip
        rows = ((number, rng.uniform(10, 90)) for number in range(1, TOP_OF + 1))
        with memory.transaction():
            fill(memory, rows)
        by_index = best_of_five(lambda: memory.top_trials("top", 20))
        scan = (
            "SELECT trial_id FROM trials NOT INDEXED WHERE run_id = 'top' ORDER BY val_accuracy DESC LIMIT 20"
        )
        by_scan = best_of_five(lambda: memory._store.rows(scan))
    return by_index, by_scan


def fill(memory: Memory, rows: Any) -> None:
    """Store complete trials as the harness does."""
    for number, accuracy in rows:
        new = NewTrial(
            space=SPACE, architecture={}, code=str(number), genotype="", digest=str(number), task="made",
            task_digest="made", fidelity={"epochs": 1}, seed=0, params=number, macs=number,
        )  # fmt: skip
        (trial,) = memory.add_trials("top", 1, [new])
        memory.start_trial(trial.trial_id)
        memory.finish_trial(
            trial.trial_id, state="complete", reason=None, detail="", objectives={"val_accuracy": accuracy},
            curve=[], cost={},
        )  # fmt: skip


def best_of_five(action: Any) -> float:
    """Return the least milliseconds that an action took."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - began))
    return min(times)


def main() -> None:
    """Measure the workflows and the baseline, and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=300, help="of every search (default: 300)")
    parser.add_argument("--workflows", nargs="+", default=["random", "evolution", "navarch"])
    parser.add_argument("--top", action="store_true", help=f"also the best 20 of {TOP_OF:,} trials: a minute")
    options = parser.parse_args()
    if options.trials < 10:
        parser.error("--trials: at least 10")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_table(folder / "table.csv")
        baseline = measure_optuna(options.trials, folder)
        for workflow in options.workflows:
            found = measure(workflow, options.trials, folder / "table.csv", folder)
            sys.stdout.write(
                f"{workflow:<14} {found.cpu_ms:6.2f} ms CPU a trial, {found.cpu_ms / baseline:.2f} of Optuna's "
                f"{baseline:.2f}; last tenth {found.growth:.2f} x the first; {found.size / 1000:.1f} kB a trial; "
                f"first {min(100, options.trials)} in {found.first_hundred_s:.2f} s\n"
            )
        if options.top:
            by_index, by_scan = measure_top(folder)
            sys.stdout.write(
                f"best 20 of {TOP_OF:,} trials: {by_index:.2f} ms, {by_index / by_scan:.3f} of a scan's {by_scan:.1f}\n"
            )


if __name__ == "__main__":
    main()
