"""Architectures for a model to choose from: near the best, and anywhere."""

import random
import sys
from collections.abc import Iterable, Sequence

from navarch.agents.classical.searcher import Asked, SearcherView, Values, edit

PARENTS = 5


def best_of(evaluated: Iterable[Asked], count: int = PARENTS) -> list[Asked]:
    """Return the best evaluated, the earlier of equals first."""
    return sorted(evaluated, key=lambda asked: -asked.worth)[:count]


def pool_around(
    view: SearcherView, parents: Sequence[Asked], size: int, rng: random.Random
) -> dict[Values, Values]:
    """Return up to `size` new architectures by canonical values: at most half are neighbours of the parents.

    The others are in equal parts uniform draws and double edits of the parents.
    """
    pool: dict[Values, Values] = {}
    for parent in parents:
        _add(view, pool, view.structure.neighbours(parent.values), size // 2)
    for _ in range(size):
        if len(pool) >= size:
            break
        parent = rng.choice(parents)
        _add(view, pool, (view.structure.sample(rng), edit(view, edit(view, parent.values, rng), rng)), size)
    return pool


def neighbours_of(
    view: SearcherView, values: Iterable[Values], limit: int = sys.maxsize
) -> dict[Values, Values]:
    """Return the new architectures one edit away, up to `limit`, by canonical values."""
    pool: dict[Values, Values] = {}
    for centre in values:
        _add(view, pool, view.structure.neighbours(centre), limit)
    return pool


def _add(view: SearcherView, pool: dict[Values, Values], found: Iterable[Values], limit: int) -> None:
    for values in found:
        if len(pool) >= limit:
            return
        canonical = view.canonical(values)
        if canonical not in view.known:
            pool.setdefault(canonical, values)
