"""What do fewer epochs cost? Successive halving and ASHA on NAS-Bench-201's 12 and 200 epochs, against random search.

Known, measured on the same table by other code: screening 100 architectures at 12 epochs and promoting ten costs 6.25
times fewer epochs than training the 100 for 200 epochs, at equal test accuracy. Every row is chosen by validation
accuracy after 200 epochs and reported on test; all see the random architectures that `halving` draws with that seed.
A gain is that over 100 random trials, paired by seed.

Run: .venv/bin/python benchmarks/halving.py nb201.csv.gz --seeds 300
"""

import argparse
import math
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from classical import DATA, Known, Table, settings_of

from navarch.agents.classical import History, Options, Values, ask, make_searcher
from navarch.agents.classical.halving import Placed, bracket, promotable, survivors
from navarch.graph.selection import derived_rng
from navarch.spaces import Architecture

RUNGS = (12, 200)
EPOCHS = 3_200
DRAWN = 300  # enough for any budget below
AT_ONCE = 4  # of ASHA, as the workflow's trials_per_round


class Found(NamedTuple):
    """Test accuracy in percent of what a search chose, and the epochs that it trained."""

    test: float
    epochs: int


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
        values = self._values[digest]
        return Placed(digest, self._table.scores(values)[0] if epochs == RUNGS[-1] else self._early(values))

    def chosen(self, rung: list[Placed], epochs: int) -> Found:
        """Return the test accuracy of the best by validation on the last rung."""
        best = max(rung, key=lambda placed: placed.accuracy or 0.0)
        return Found(self._table.scores(self._values[best.digest])[1], epochs)

    def _early(self, values: Values) -> float:
        architecture = Architecture(self._table.space.name, values)
        fidelity = replace(self._table.fidelity, epochs=RUNGS[0])
        return self._table.evaluator.evaluate(architecture, fidelity, 0).objectives["val_accuracy"]


def random_search(trials: int) -> Search:
    """Return a search that trains so many in full."""

    def search(drawn: Drawn) -> Found:
        rung = [drawn.at(digest, RUNGS[-1]) for digest in drawn.order[:trials]]
        return drawn.chosen(rung, trials * RUNGS[-1])

    return search


def halving(reduction: int) -> Search:
    """Return the search of the workflow `halving` with a budget of `EPOCHS`."""
    low, high = bracket(RUNGS, reduction, DRAWN, EPOCHS)

    def search(drawn: Drawn) -> Found:
        rung = [drawn.at(digest, RUNGS[0]) for digest in drawn.order[:low]]
        promoted = [drawn.at(digest, RUNGS[-1]) for digest in survivors(rung, reduction)[:high]]
        return drawn.chosen(promoted, low * RUNGS[0] + len(promoted) * RUNGS[-1])

    return search


def asha(reduction: int) -> Search:
    """Return the search of the workflow `asha` with the same budget."""

    def search(drawn: Drawn) -> Found:
        rungs: list[list[Placed]] = [[], []]
        spent = 0
        while True:
            above, earned = promotable(rungs, reduction) or (0, [])
            fresh = drawn.order[len(rungs[0]) :]
            affordable = (EPOCHS - spent) // RUNGS[above]
            taken = (earned if above else fresh)[: min(AT_ONCE, affordable)]
            if not taken:
                return drawn.chosen(rungs[-1], spent)
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
    found = {
        (name, column): [search(Drawn(table, seed)) for seed in range(options.seeds)]
        for column, table in enumerate(tables)
        for name, search in SEARCHES
    }
    heads = "".join(f"{data:<24}" for data in DATA)
    sys.stdout.write(f"{'search':<20}{'epochs':>7}  test (gain over random, 100 trials, s.e.): {heads}\n")
    for name, _ in SEARCHES:
        epochs = statistics.fmean(result.epochs for result in found[name, 0])
        cells = [
            gain(found[name, column], found["random, 100 trials", column]) for column in range(len(DATA))
        ]
        sys.stdout.write(f"{name:<20}{epochs:>7.0f}  {'   '.join(cells)}\n")


def gain(ours: list[Found], theirs: list[Found]) -> str:
    """Return the mean test accuracy, and the mean difference with its standard error."""
    differences = [a.test - b.test for a, b in zip(ours, theirs, strict=True)]
    error = statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else math.nan
    mean = statistics.fmean(result.test for result in ours)
    return f"{mean:6.2f} ({statistics.fmean(differences):+.2f}, {error:.2f})"


if __name__ == "__main__":
    main()
