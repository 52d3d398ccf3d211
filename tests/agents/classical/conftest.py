"""A toy space with activity and constraints, a score for it, and a way to run a searcher without a graph."""

import random

import pytest

from navarch.agents.classical import History, Options, ask, make_searcher
from navarch.spaces import Structure
from navarch.spaces.constraints import Count, Distinct
from navarch.spaces.spec import INACTIVE, Condition, Dimension, Option

WORTH = {"a": 0.0, "b": 1.0, "c": 3.0, "d": 4.0, INACTIVE: 0.5}


def dimension(name, *, when=()):
    return Dimension(name, name, tuple(Option(o, o, o) for o in "abcd"), when)


@pytest.fixture
def structure():
    """Seven dimensions: two in use only under a condition, two that differ, at most two that are d."""
    names = ["p", "q", "r", "s", "t"]
    dimensions = [dimension(name) for name in names]
    dimensions.append(dimension("u", when=(Condition("p", ("b", "c")),)))
    dimensions.append(dimension("v", when=(Condition("u", ("a", "d")),)))
    constraints = [Distinct(("q", "r"), "they differ"), Count(("r", "s", "t"), ("d",), 0, 2, "at most two")]
    return Structure(dimensions, constraints)


class Toy:
    """Evaluates by a formula with one interaction; s and t may change places, so canonical forms sort them."""

    def __init__(self, structure):
        self.structure = structure
        self.seen = []

    @staticmethod
    def canonical(values):
        return (*values[:3], *sorted(values[3:5]), *values[5:])

    @staticmethod
    def accuracy(values):
        bonus = 6.0 if values[0] == "c" and values[1] == "d" else 0.0
        return 50.0 + sum(WORTH[value] for value in values) + bonus

    def search(
        self, name, budget, seed=0, *, per_round=1, allowed=lambda values: True, prior=None, **options
    ):
        """Return the history of a search and the best accuracy after each evaluation."""
        searcher = make_searcher(name, Options(**options))
        history = History(self.structure, self.canonical, prior)
        best = []
        for round in range(10 * budget):
            named = ask(searcher, history, per_round, allowed, random.Random(f"{seed}/{round}"))
            for values in named:
                self.seen.append(values)
                if history.repeat(values):
                    continue
                if not allowed(values):
                    history.refuse(values)
                    continue
                history.finish(values, self.accuracy(values))
                best.append(max([*best[-1:], self.accuracy(values)]))
            if len(best) >= budget:
                break
        return history, best[:budget]


@pytest.fixture
def toy(structure):
    return Toy(structure)
