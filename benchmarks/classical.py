"""Do the classical searchers reproduce their known curves? Test accuracy at 50 and 100 unique queries on NAS-Bench-201.

The known values were measured on the same table by other code: unique queries, chosen by validation, mean of 300
runs (20 for the Gaussian process). Seeds are run in this process by `agents.classical.ask` over the table and the
canonical look-up of the space: the code that the workflow's node runs, without LangGraph and SQLite. --whole N runs
the first N seeds as whole runs too (graph, validator, memory) and compares: every trial must be the same.

z is the difference to the known value in standard errors of both means; within three means reproduced. Optuna's TPE is
multivariate by default: the same runs are compared with both of its known rows.

Run: .venv/bin/python benchmarks/classical.py nb201.csv.gz --seconds 360
     .venv/bin/python benchmarks/classical.py nb201.csv.gz --searchers evolution,gp --seeds 20 --whole 2
"""

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from navarch.agents.classical import History, Options, Values, ask, make_searcher
from navarch.evaluation import TableEvaluator, get_task
from navarch.graph import load_settings, start_run
from navarch.graph.selection import derived_rng
from navarch.graph.settings import Settings
from navarch.memory import Memory
from navarch.spaces import Architecture, get_space

DATA = ("cifar10", "cifar100", "imagenet16-120")
MARKS = (50, 100)
KNOWN_RUNS = 300


class Known(NamedTuple):
    """A row of the known curves: searcher, its settings, and test accuracy at 50 and 100 for each data set."""

    title: str
    searcher: str
    options: dict[str, object]
    test: tuple[float, ...]
    runs: int = KNOWN_RUNS


KNOWN = (
    Known("random", "random", {}, (93.62, 93.79, 71.01, 71.49, 45.07, 45.46)),
    Known("evolution P10 S3", "evolution", {}, (93.91, 94.11, 71.80, 72.61, 45.63, 46.07)),
    Known("local search", "local-search", {}, (94.11, 94.26, 72.63, 73.29, 45.92, 46.21)),
    Known("local search, prior", "local-search-seeded", {}, (94.37, 94.37, 73.27, 73.42, 45.97, 46.30)),
    Known("TPE", "tpe", {}, (94.10, 94.21, 72.33, 73.03, 46.13, 46.40)),
    Known("TPE, multivariate", "tpe", {}, (94.13, 94.25, 72.41, 72.91, 46.02, 46.47)),
    Known("BANANAS-like", "bananas", {}, (94.15, 94.19, 72.72, 73.03, 45.99, 46.32)),
    Known("Gaussian process", "gp", {}, (94.19, 94.26, 73.12, 73.51, 46.35, 46.52), runs=20),
)


class Table:
    """One data set's accuracies by architecture, and the space's canonical form, both remembered."""

    def __init__(self, path: Path, data: str) -> None:
        self.space = get_space("nas-bench-201")
        task = get_task(f"nb201-{data}")
        self.fidelity = task.fidelity(self.space.name)
        self.evaluator = TableEvaluator(path, task, self.space)
        self._scores: dict[Values, tuple[float, float]] = {}
        self._canonical: dict[Values, Values] = {}

    def scores(self, values: Values) -> tuple[float, float]:
        """Return validation and test accuracy."""
        if values not in self._scores:
            score = self.evaluator.test(Architecture(self.space.name, values), self.fidelity, 0, split="test")
            assert score is not None
            self._scores[values] = (score.val_accuracy, score.accuracy)
        return self._scores[values]

    def canonical(self, values: Values) -> Values:
        """Return the canonical form."""
        if values not in self._canonical:
            self._canonical[values] = self.space.canonical(Architecture(self.space.name, values)).values
        return self._canonical[values]


def settings_of(known: Known, seed: int, **more: object) -> Settings:
    """Return the settings of the run that a seed stands for."""
    flags = {
        "workflow": known.searcher,
        "seed": seed,
        "search": known.options,
        "budget": {"trials": MARKS[-1]},
    }
    settings: Settings = load_settings(None, {**flags, **more})
    return settings


def trials_of(known: Known, table: Table, seed: int) -> Iterator[Values]:
    """Yield what the searcher evaluates, one new architecture a round."""
    settings = settings_of(known, seed)
    options = Options(**{name: getattr(settings.search, name) for name in Options.__slots__})
    searcher = make_searcher(known.searcher, options)
    prior = table.space.prior
    history = History(table.space.structure, table.canonical, prior.values if prior is not None else None)
    round = 0
    while True:
        round += 1
        for values in ask(searcher, history, 1, lambda _: True, derived_rng(settings, "searcher", round)):
            if not history.repeat(values):
                history.finish(values, table.scores(values)[0])
                yield values


def curve(known: Known, table: Table, seed: int) -> list[float]:
    """Return the test accuracy of the validation-best at each mark."""
    best, found = (-1.0, 0.0), []
    for number, values in enumerate(trials_of(known, table, seed), 1):
        scores = table.scores(values)
        best = scores if scores[0] > best[0] else best
        if number in MARKS:
            found.append(best[1])
        if number == MARKS[-1]:
            break
    return found


def check_whole_run(known: Known, table: Table, path: Path, data: str, seed: int) -> bool:
    """Tell whether the whole harness evaluates the same architectures in the same order."""
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "navarch.db"
        search = {**known.options, "trials_per_round": 1}
        more = {
            "task": f"nb201-{data}",
            "evaluator": "table",
            "table": {"path": path},
            "db": db,
            "search": search,
        }
        result = start_run(settings_of(known, seed, **more))
        with Memory.open(db, create=False, read_only=True) as memory:
            rows = memory.trials(result.run.run_id)
    stored = [table.space.parse(row.architecture).values for row in rows]
    return stored == [values for values, _ in zip(trials_of(known, table, seed), stored, strict=False)]


def measure(
    known: Known, tables: dict[str, Table], seeds: int, seconds: float
) -> tuple[list[list[float]], float]:
    """Return a row of test accuracies for each seed, and the seconds of one run; stop when time is up."""
    began = time.process_time()
    rows: list[list[float]] = []
    while len(rows) < seeds and (len(rows) < 2 or time.process_time() - began < seconds):
        rows.append([value for table in tables.values() for value in curve(known, table, len(rows))])
    return rows, (time.process_time() - began) / len(rows) / len(tables)


def line(known: Known, rows: list[list[float]], seconds: float) -> str:
    """Return the lines of one searcher: ours with its standard error, the known value, z."""
    cells, far = [], 0
    for column, value in zip(zip(*rows, strict=True), known.test, strict=True):
        spread = statistics.stdev(column)
        error = spread / math.sqrt(len(column))
        z = (statistics.fmean(column) - value) / max(math.hypot(error, spread / math.sqrt(known.runs)), 0.005)
        far += abs(z) > 3
        cells.append(f"{statistics.fmean(column):6.2f} ({error:.2f}) {value:6.2f} {z:+5.1f}")
    verdict = "all within three" if far == 0 else f"{far} of {len(cells)} beyond three"
    return f"{known.title:<20} {len(rows):>4}  " + "  ".join(cells) + f"  {seconds:.2f} s  {verdict}"


def main() -> None:
    """Measure the searchers and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="nb201.csv.gz")
    parser.add_argument("--searchers", help="names, by commas; default: all")
    parser.add_argument("--seeds", type=int, default=KNOWN_RUNS)
    parser.add_argument("--seconds", type=float, default=3600.0, help="CPU time for all searchers together")
    parser.add_argument("--whole", type=int, default=0, help="seeds to run through the whole harness as well")
    options = parser.parse_args()
    wanted = options.searchers.split(",") if options.searchers else [known.searcher for known in KNOWN]
    chosen = [known for known in KNOWN if known.searcher in wanted]
    tables = {data: Table(options.table, data) for data in DATA}
    heads = [f"{data} @{mark}" for data in DATA for mark in MARKS]
    sys.stdout.write(f"{'searcher':<20} runs  " + "  ".join(f"{head:<27}" for head in heads) + "\n")
    sys.stdout.write(
        f"{'':<20}       " + "  ".join(f"{'ours (s.e.)  known     z':<27}" for _ in heads) + "\n"
    )
    left = options.seconds
    measured: dict[str, tuple[list[list[float]], float]] = {}
    for place, known in enumerate(chosen):
        began = time.process_time()
        if known.searcher not in measured:
            share = left / (len(chosen) - place)
            measured[known.searcher] = measure(known, tables, options.seeds, share)
        left -= time.process_time() - began
        sys.stdout.write(line(known, *measured[known.searcher]) + "\n")
        sys.stdout.flush()
    for known in chosen:
        for seed in range(options.whole):
            same = check_whole_run(known, tables["cifar100"], options.table, "cifar100", seed)
            verdict = "the same trials" if same else "OTHER TRIALS"
            sys.stdout.write(f"whole run of {known.title}, seed {seed}: {verdict}\n")


if __name__ == "__main__":
    main()
