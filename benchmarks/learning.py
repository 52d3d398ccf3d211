"""Does the search learn? `navarch` with offline roles against random search, at the same number of trials.

Both run as whole runs (graph, validator, memory, budget). The best is chosen by validation; its test accuracy is
printed beside it. On a table: --table FILE (nb201.csv.gz) and --task; on real training: --task digits. Differences are
paired by seed, with a 95 % bootstrap interval.

Run: .venv/bin/python benchmarks/learning.py --seeds 3
     .venv/bin/python benchmarks/learning.py --task nb201-cifar100 --table FILE --trials 100 --seeds 10
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from navarch.graph import load_settings, start_run
from navarch.memory import Memory
from navarch.viewer.statistics import estimate

WORKFLOWS = ("navarch", "random")
FIRST_ROUND = 4  # trials that no result has guided
TOP = 5  # the best so many of a run


class Curve(NamedTuple):
    """One run, in percent.

    The best validation accuracy after each trial; the test accuracy of the last best; and two means of validation
    accuracy that tell what was learnt where one best trial is mostly luck: of the `TOP` best trials, and of the trials
    after the first round.
    """

    best: list[float]
    test: float
    top: float
    later: float


def search(workflow: str, seed: int, options: argparse.Namespace, db: Path) -> Curve:
    """Do one run and return its curve."""
    flags = {
        "workflow": workflow,
        "seed": seed,
        "task": options.task,
        "db": db,
        "budget": {"trials": options.trials},
    }
    if options.table is not None:
        flags |= {"evaluator": "table", "table": {"path": options.table}}
    result = start_run(load_settings(None, flags))
    best, curve, later = 0.0, [], []
    accuracies: list[float] = []
    with Memory.open(db, create=False, read_only=True) as memory:
        for trial in memory.trials(result.run.run_id):
            accuracies.append(trial.val_accuracy or 0.0)
            best = max(best, accuracies[-1])
            curve.append(best)
            if trial.number > FIRST_ROUND:
                later.append(accuracies[-1])
    top = statistics.fmean(sorted(accuracies)[-TOP:])
    test = result.test.accuracy if result.test is not None else float("nan")
    return Curve(curve, test, top, statistics.fmean(later) if later else float("nan"))


def interval(low: object, high: object) -> str:
    """Return the bounds as the table shows them; a single seed has none."""
    return "-" if low is None else f"[{low:+.2f}, {high:+.2f}]"


def report(curves: dict[str, list[Curve]], marks: list[int]) -> list[dict[str, object]]:
    """Return one row for each number of trials: both means and the paired difference."""
    rows: list[dict[str, object]] = []
    for mark in marks:
        ours, theirs = ([curve.best[mark - 1] for curve in curves[name]] for name in WORKFLOWS)
        gains = [a - b for a, b in zip(ours, theirs, strict=True)]
        gain = estimate(gains)
        row = {"trials": mark, "navarch": statistics.fmean(ours), "random": statistics.fmean(theirs)}
        rows.append(
            {
                **row,
                "gain": gain.mean,
                "low": gain.low,
                "high": gain.high,
                "wins": sum(g > 0 for g in gains),
            }
        )
    return rows


def compare(what: str, ours: list[float], theirs: list[float]) -> str:
    """Return one line: both means, and the gain with its interval."""
    gain = estimate([a - b for a, b in zip(ours, theirs, strict=True)])
    return (
        f"{what}: navarch {statistics.fmean(ours):.2f}, random {statistics.fmean(theirs):.2f}, "
        f"gain {gain.mean:+.2f} {interval(gain.low, gain.high)}"
    )


def main() -> None:
    """Run both workflows over the seeds and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--task", default="digits")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter()
    curves: dict[str, list[Curve]] = {name: [] for name in WORKFLOWS}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            for name in WORKFLOWS:
                # A memory for each run: no method may profit from what the other has trained.
                curves[name].append(search(name, seed, options, Path(folder) / f"{name}-{seed}.db"))
    marks = sorted({mark for mark in (options.trials // 4, options.trials // 2, options.trials) if mark > 0})
    rows = report(curves, marks)
    tests = {name: statistics.fmean(curve.test for curve in curves[name]) for name in WORKFLOWS}
    if options.json:
        sys.stdout.write(
            json.dumps({"task": options.task, "seeds": options.seeds, "rows": rows, "test": tests}) + "\n"
        )
        return
    out = [f"task {options.task}, {options.seeds} seeds, best validation accuracy (percent)"]
    out.append("trials  navarch   random    gain  95 % interval   seeds won")
    for row in rows:
        out.append(
            f"{row['trials']:>6}  {row['navarch']:7.2f}  {row['random']:7.2f}  {row['gain']:+6.2f}"
            f"  {interval(row['low'], row['high'])}  {row['wins']}/{options.seeds}"
        )
    out += [
        compare(
            f"mean of the best {TOP} trials", *([curve.top for curve in curves[name]] for name in WORKFLOWS)
        ),
        compare(
            "mean of the trials after the first round",
            *([curve.later for curve in curves[name]] for name in WORKFLOWS),
        ),
    ]
    out.append(
        f"test accuracy of the validation-best: navarch {tests['navarch']:.2f}, random {tests['random']:.2f}"
    )
    sys.stdout.write("\n".join(out) + f"\n({time.perf_counter() - began:.0f} s)\n")


if __name__ == "__main__":
    main()
