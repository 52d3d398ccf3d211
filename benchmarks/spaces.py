"""How fast is the closed form of a space's cost, and how does it compare with building the network?

For every space: architectures a second on one core through `SearchSpace.cost`, through the whole path that `navarch
spaces cost` takes for a line (parse, cost, canonical form, digest), and by building the module on the meta device
and counting its parameters alone, which is the least that a builder does. Goals: 20,000 a second for NAS-Bench-201 and
2,000 for the others. The ratios are measured in one run; a second depends on the machine.

Run: .venv/bin/python benchmarks/spaces.py [--space NAME] [--seconds 1.0] [--json]
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from navarch.spaces import Architecture, SearchSpace, get_space, space_names

DRAWN = 500
GOALS = {"nas-bench-201": 20_000}
GOAL = 2_000


def rate(work: Callable[[Architecture], object], cells: Sequence[Architecture], seconds: float) -> float:
    """Return how many architectures a second `work` handles, going round them for about so long; warm."""
    for cell in cells[:3]:
        work(cell)
    done, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        work(cells[done % len(cells)])
        done += 1
    return done / passed


def measure(space: SearchSpace, seconds: float) -> dict[str, Any]:
    """Return the three rates of one space."""
    rng = random.Random(0)
    cells = [space.sample(rng) for _ in range(DRAWN)]
    classes, channels = space.input.classes, space.input.channels

    def cost(cell: Architecture) -> object:
        return space.cost(cell, classes=classes, in_channels=channels)

    def line(cell: Architecture) -> object:
        parsed = space.parse(space.genotype(cell))
        return cost(parsed), space.genotype(space.canonical(parsed)), space.digest(parsed)

    def build(cell: Architecture) -> object:
        with torch.device("meta"):
            network = space.build(cell, classes=classes, in_channels=channels)
        return sum(parameter.numel() for parameter in network.parameters())

    rates = [rate(work, cells, seconds) for work in (cost, line, build)]
    goal = GOALS.get(space.name, GOAL)
    return {
        "space": space.name,
        "cost_per_s": rates[0],
        "goal_per_s": goal,
        "line_per_s": rates[1],
        "build_per_s": rates[2],
        "cost_over_build": rates[0] / rates[2],
    }


def main() -> None:
    """Measure and print a table; exit 1 where a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--space", choices=space_names())
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = [options.space] if options.space else space_names()
    rows = [measure(get_space(name), options.seconds) for name in names]
    if options.json:
        sys.stdout.write(json.dumps(rows) + "\n")
    else:
        sys.stdout.write(
            f"{'space':24} {'cost/s':>9} {'goal':>7} {'line/s':>8} {'build/s':>8} {'cost:build':>10}\n"
        )
        for row in rows:
            sys.stdout.write(
                "{space:24} {cost_per_s:9,.0f} {goal_per_s:7,} {line_per_s:8,.0f} {build_per_s:8.1f}"
                " {cost_over_build:9,.0f}x\n".format(**row)
            )
    missed = [row["space"] for row in rows if row["cost_per_s"] < row["goal_per_s"]]
    if missed:
        raise SystemExit(f"below the goal: {', '.join(missed)}")


if __name__ == "__main__":
    main()
