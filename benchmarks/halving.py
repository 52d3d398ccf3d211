"""What do fewer epochs cost? Successive halving and ASHA on NAS-Bench-201's 12 and 200 epochs, against random search.

Known, measured on the same table by other code: screening 100 architectures at 12 epochs and promoting ten costs 6.25
times fewer epochs than training the 100 for 200 epochs, at equal test accuracy; among the best tenth, Kendall's tau
of 12 epochs to the test accuracy is only 0.2 to 0.35. Every row is chosen by validation accuracy after 200 epochs and
reported on test; all see the random architectures that `halving` draws with that seed. Gains are paired by seed, with a
95 % bootstrap interval: over 100 random trials, and over a random search that trains in full for as long as the row
did. Time is the table's own, simulated; the hours shown are those of CIFAR-10. Training for 12 epochs and for 200 has a
schedule of its own, so nothing is gone on from.

Run: .venv/bin/python benchmarks/halving.py nb201.csv.gz --seeds 300
"""

import argparse
import random
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

from classical import DATA, Known, Table, settings_of
from task_ranking import kendall

from navarch.agents.classical import History, Options, Values, ask, make_searcher
from navarch.agents.classical.halving import Placed, bracket, promotable, survivors
from navarch.graph.selection import derived_rng
from navarch.spaces import Architecture
from navarch.viewer.statistics import estimate

RUNGS = (12, 200)
EPOCHS = 3_200
BUDGETS = (800, 1_600, 3_200, 6_400)
DRAWN = 500  # enough for any budget below
SOME = 1_000
AT_ONCE = 4  # of ASHA, as the workflow's trials_per_round


class Found(NamedTuple):
    """Test accuracy in percent of what a search chose, the epochs that it trained, and their simulated hours."""

    test: float
    epochs: int
    hours: float


Search = Callable[["Drawn"], Found]


class Drawn:
    """The random architectures of a seed, in order, and their results."""

    def __init__(self, table: Table, seed: int) -> None:
        self._table = table
        history = History(table.space.structure, table.canonical)
        rng = derived_rng(settings_of(Known("", "random", {}, ()), seed), "searcher", 1)
        self.order: list[str] = []
        self._values: dict[str, Values] = {}
        for values in ask(make_searcher("random", Options()), history, DRAWN, lambda _: True, rng):
            digest = table.space.digest(Architecture(table.space.name, values))
            if digest not in self._values:
                self._values[digest] = values
                self.order.append(digest)

    def at(self, digest: str, epochs: int) -> Placed:
        """Return the trial of an architecture after so many epochs."""
        return Placed(digest, measured(self._table, self._values[digest], epochs)[0])

    def seconds(self, rung: Sequence[Placed], epochs: int) -> float:
        """Return the simulated time of all trials of a rung."""
        return sum(measured(self._table, self._values[placed.digest], epochs)[1] for placed in rung)

    def chosen(self, rungs: Sequence[Sequence[Placed]]) -> Found:
        """Return the test accuracy of the best by validation on the last rung, and what all rungs took."""
        best = max(rungs[-1], key=lambda placed: placed.accuracy or 0.0)
        pairs = list(zip(rungs, RUNGS[-len(rungs) :], strict=True))
        return Found(
            self._table.scores(self._values[best.digest])[1],
            sum(len(rung) * epochs for rung, epochs in pairs),
            sum(self.seconds(rung, epochs) for rung, epochs in pairs) / 3600,
        )


@cache
def measured(table: Table, values: Values, epochs: int) -> tuple[float, float]:
    """Return the validation accuracy after so many epochs, and their simulated seconds."""
    fidelity = replace(table.fidelity, epochs=epochs)
    outcome = table.evaluator.evaluate(Architecture(table.space.name, values), fidelity, 0)
    return outcome.objectives["val_accuracy"], outcome.cost.train_seconds


def random_search(trials: int) -> Search:
    """Return a search that trains so many in full."""

    def search(drawn: Drawn) -> Found:
        return drawn.chosen([[drawn.at(digest, RUNGS[-1]) for digest in drawn.order[:trials]]])

    return search


def random_for(drawn: Drawn, hours: float) -> Found:
    """Return what a search found that trained in full as long as there was time for a whole training, at least one."""
    rung: list[Placed] = []
    left = hours * 3600
    for digest in drawn.order:
        placed = drawn.at(digest, RUNGS[-1])
        left -= drawn.seconds([placed], RUNGS[-1])
        if left < 0 and rung:
            break
        rung.append(placed)
    return drawn.chosen([rung])


def halving(reduction: int, budget: int = EPOCHS) -> Search:
    """Return the search of the workflow `halving` with a budget of epochs."""
    low, high = bracket(RUNGS, reduction, DRAWN, budget)

    def search(drawn: Drawn) -> Found:
        rung = [drawn.at(digest, RUNGS[0]) for digest in drawn.order[:low]]
        promoted = [drawn.at(digest, RUNGS[-1]) for digest in survivors(rung, reduction)[:high]]
        return drawn.chosen([rung, promoted])

    return search


def asha(reduction: int, budget: int = EPOCHS) -> Search:
    """Return the search of the workflow `asha` with a budget of epochs."""

    def search(drawn: Drawn) -> Found:
        rungs: list[list[Placed]] = [[], []]
        spent = 0
        while True:
            above, earned = promotable(rungs, reduction) or (0, [])
            fresh = drawn.order[len(rungs[0]) :]
            affordable = (budget - spent) // RUNGS[above]
            taken = (earned if above else fresh)[: min(AT_ONCE, affordable)]
            if not taken:
                return drawn.chosen(rungs)
            rungs[above] += [drawn.at(digest, RUNGS[above]) for digest in taken]
            spent += len(taken) * RUNGS[above]

    return search


SEARCHES: tuple[tuple[str, Search], ...] = (
    ("random, 16 trials", random_search(16)),
    ("random, 100 trials", random_search(100)),
    ("halving, 1 in 10", halving(10)),
    ("halving, 1 in 4", halving(4)),
    ("asha, 1 in 10", asha(10)),
    ("asha, 1 in 4", asha(4)),
)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="nb201.csv.gz")
    parser.add_argument("--seeds", type=int, default=300)
    options = parser.parse_args()
    tables = [Table(options.table, data) for data in DATA]
    drawn = [[Drawn(table, seed) for seed in range(options.seeds)] for table in tables]
    print_against_all(drawn)
    print_at_equal_time(drawn)
    print_ranking(tables)


def print_against_all(drawn: list[list[Drawn]]) -> None:
    """Print each search beside 100 random trials of 200 epochs."""
    whole = [[random_search(100)(seed) for seed in seeds] for seeds in drawn]
    heads = "".join(f"{data:<30}" for data in DATA)
    sys.stdout.write(f"{'search':<20}{'epochs':>7}  test (gain over random, 100 trials): {heads}\n")
    for name, search in SEARCHES:
        found = [[search(seed) for seed in seeds] for seeds in drawn]
        epochs = statistics.fmean(result.epochs for result in found[0])
        cells = "   ".join(map(gain, found, whole))
        sys.stdout.write(f"{name:<20}{epochs:>7.0f}  {cells}\n")


def print_at_equal_time(drawn: list[list[Drawn]]) -> None:
    """Print searches on rungs beside random search of the same simulated time, by budget."""
    heads = "".join(f"{data:<30}" for data in DATA)
    sys.stdout.write(
        f"\n{'search':<20}{'epochs':>7}{'hours':>7}  test (gain over random, same time): {heads}\n"
    )
    for name, make in (("halving, 1 in 10", partial(halving, 10)), ("asha, 1 in 10", partial(asha, 10))):
        for budget in BUDGETS:
            found = [[make(budget)(seed) for seed in seeds] for seeds in drawn]
            same = [
                [random_for(seed, result.hours) for seed, result in zip(seeds, results, strict=True)]
                for seeds, results in zip(drawn, found, strict=True)
            ]
            hours = statistics.fmean(result.hours for result in found[0])
            cells = "   ".join(map(gain, found, same))
            sys.stdout.write(f"{name:<20}{budget:>7}{hours:>7.1f}  {cells}\n")


def print_ranking(tables: Sequence[Table]) -> None:
    """Print Kendall's tau of validation after 12 epochs to test after 200, of cells in general and of the best."""
    sys.stdout.write(f"\nKendall's tau, 12 epochs to test: {SOME} random cells, the best tenth\n")
    for data, table in zip(DATA, tables, strict=True):
        cells = list(product(*table.space.structure.options))
        pairs = [(measured(table, values, RUNGS[0])[0], table.scores(values)[1]) for values in cells]
        some = random.Random(0).sample(pairs, SOME)
        best = sorted(pairs, key=lambda pair: -pair[1])[: len(pairs) // 10]
        taus = (kendall(*zip(*chosen, strict=True)) for chosen in (some, best))
        sys.stdout.write(f"{data:<20}" + "".join(f"{tau:>7.2f}" for tau in taus) + "\n")


def gain(ours: list[Found], theirs: list[Found]) -> str:
    """Return the mean test accuracy, and the mean difference with its interval."""
    mean, low, high = estimate([a.test - b.test for a, b in zip(ours, theirs, strict=True)])
    bounds = "" if low is None or high is None else f" [{low:+.2f}, {high:+.2f}]"
    return f"{statistics.fmean(result.test for result in ours):6.2f} ({mean:+.2f}{bounds})"


if __name__ == "__main__":
    main()
