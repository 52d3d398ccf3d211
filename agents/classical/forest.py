"""A random forest over categorical dimensions: bagged regression trees whose splits ask "is it this option?".

All trees grow together, level by level, with numpy alone. Source: Breiman 2001; the spread of the trees as
uncertainty, and the settings: Hutter, Hoos and Leyton-Brown 2011 (SMAC), section 4.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = tuple[str, ...]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TREES = 10
MAX_DEPTH = 20
MIN_SPLIT = 10  # rows of a node that may be split
SHARE = 5 / 6  # of the questions that each node may choose from
LEAF = -1


@dataclass(frozen=True, slots=True)
class Forest:
    """A fitted forest. questions: (dimension, option) of each; the nodes of all trees lie in one table."""

    _number: dict[tuple[int, str], int]
    _dimension: Integers
    _question: Integers
    _yes: Integers
    _no: Integers
    _value: Floats

    def predict(self, values: Sequence[Values]) -> Floats:
        """Return what each tree says of each architecture, shape (trees, architectures)."""
        codes = _encode(values, self._number)
        node = np.repeat(np.arange(TREES), len(values)).reshape(TREES, len(values))
        column = np.arange(len(values))[None, :]
        for _ in range(MAX_DEPTH):
            question = self._question[node]
            is_yes = codes[column, self._dimension[question]] == question
            step = np.where(is_yes, self._yes[node], self._no[node])
            node = np.where(question == LEAF, node, step)
        return self._value[node]


def fit(values: Sequence[Values], targets: Floats, seed: int) -> Forest:
    """Fit the forest; the seed draws each tree's rows and each node's questions."""
    rng = np.random.default_rng(seed)
    number = _number_questions(values)
    codes = _encode(values, number)
    rows = rng.integers(len(values), size=(TREES, len(values))).ravel()
    codes, target = codes[rows], targets[rows]
    dimension = np.array([position for position, _ in number], dtype=np.int64)
    node = np.repeat(np.arange(TREES), len(values))
    table = _Table(len(number), dimension)
    for depth in range(MAX_DEPTH + 1):
        node, codes, target = table.grow(node, codes, target, rng, is_last=depth == MAX_DEPTH)
        if not len(node):
            break
    return Forest(number, dimension, *table.arrays())


class _Table:
    """The nodes so far, by level: for each its question (LEAF for none), its children and its mean."""

    def __init__(self, n_questions: int, dimension: Integers) -> None:
        self._n = n_questions
        self._dimension = dimension
        self._levels: list[tuple[Integers, Integers, Integers, Floats]] = []
        self._first = 0
        self._size = TREES

    def grow(
        self, node: Integers, codes: Integers, target: Floats, rng: np.random.Generator, *, is_last: bool
    ) -> tuple[Integers, Integers, Floats]:
        """Decide the newest level's nodes; return the rows that go on, with their new nodes."""
        local, size = node - self._first, self._size
        count = np.bincount(local, minlength=size).astype(np.float64)
        total = np.bincount(local, weights=target, minlength=size).astype(np.float64)
        gain, best = self._best_question(local, codes, target, count, total, rng)
        splits = (gain > 1e-9) & (count >= MIN_SPLIT) & (not is_last)
        question = np.where(splits, best, LEAF)
        child = self._first + size + 2 * (np.cumsum(splits) - 1)
        yes, no = np.where(splits, child, LEAF), np.where(splits, child + 1, LEAF)
        self._levels.append((question, yes, no, total / np.maximum(count, 1.0)))
        self._first, self._size = self._first + size, 2 * int(splits.sum())
        goes_on = splits[local]
        asked = question[local]
        is_yes = codes[np.arange(len(codes)), self._dimension[asked]] == asked
        moved = np.where(is_yes, yes[local], no[local])
        return moved[goes_on], codes[goes_on], target[goes_on]

    def _best_question(
        self,
        local: Integers,
        codes: Integers,
        target: Floats,
        count: Floats,
        total: Floats,
        rng: np.random.Generator,
    ) -> tuple[Floats, Integers]:
        """Return for each node the question that takes away most squared error, and how much."""
        size, n = len(count), self._n
        cell = (local[:, None] * n + codes).ravel()
        weights = np.repeat(target, codes.shape[1])
        yes_count = np.bincount(cell, minlength=size * n).reshape(size, n)
        yes_total = np.bincount(cell, weights=weights, minlength=size * n).reshape(size, n)
        no_count, no_total = count[:, None] - yes_count, total[:, None] - yes_total
        is_split = (yes_count > 0) & (no_count > 0)
        halves = yes_total**2 / np.maximum(yes_count, 1) + no_total**2 / np.maximum(no_count, 1)
        gain = np.where(is_split, halves - (total**2 / np.maximum(count, 1.0))[:, None], -1.0)
        gain = np.where(rng.random((size, n)) < SHARE, gain, -1.0)
        best = gain.argmax(axis=1)
        return gain[np.arange(size), best], best

    def arrays(self) -> tuple[Integers, Integers, Integers, Floats]:
        """Return question, yes, no and value of all nodes."""
        question, yes, no, value = (np.concatenate(parts) for parts in zip(*self._levels, strict=True))
        return question, yes, no, value


def _number_questions(values: Sequence[Values]) -> dict[tuple[int, str], int]:
    columns = zip(*values, strict=True)
    pairs = [(position, option) for position, column in enumerate(columns) for option in sorted(set(column))]
    return {pair: number for number, pair in enumerate(pairs)}


def _encode(values: Sequence[Values], number: dict[tuple[int, str], int]) -> Integers:
    """Return the question that each value answers with yes, shape (architectures, dimensions); -2 for none."""
    rows = [[number.get(pair, -2) for pair in enumerate(row)] for row in values]
    return np.array(rows, dtype=np.int64).reshape(len(rows), -1)
