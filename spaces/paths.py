"""What the signal meets on its way through a network: operations on a path from input to output, in the mean."""

from collections.abc import Collection, Iterable, Sequence
from operator import getitem

from navarch.spaces.spec import Dimension

Edge = tuple[int, int, int]  # source, target, operation


def mean_path(
    edges: Iterable[Edge], n_operations: int, inputs: Collection[int], outputs: Collection[int]
) -> tuple[float, ...]:
    """Return how often each operation stands on a path from an input to an output, in the mean over the paths.

    edges: all into a node stand before all out of it; one that is on no such path does not count. All zero where
    no path leads through. The idea is that of the path encoding (White, Neiswanger and Savani, AAAI 2021), in as
    many numbers as there are operations.
    """
    # For every node that is reached: the number of paths to it, then how often each operation stands on them.
    reached = {node: [1] + [0] * n_operations for node in inputs}
    for source, target, operation in edges:
        if source in reached:
            before = reached[source]
            there = reached.setdefault(target, [0] * len(before))
            for position, count in enumerate(before):
                there[position] += count
            there[1 + operation] += before[0]
    ends = [reached[node] for node in outputs if node in reached]
    n_paths, *met = map(sum, zip(*ends, strict=True)) if ends else (1, *[0] * n_operations)
    return tuple(count / n_paths for count in met)


class Operations:
    """Which operation each option of each dimension is: options of the same name and meaning are one."""

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        number: dict[tuple[str, str], int] = {}
        rows = [
            [number.setdefault((option.name, option.meaning), len(number)) for option in dimension.options]
            for dimension in dimensions
        ]
        self._n = len(number)
        # the last entry, which -1 takes, stands for no operation
        self._numbers = tuple((*row, self._n) for row in rows)

    def count(self, chosen: Sequence[int]) -> tuple[float, ...]:
        """Return how often each is chosen. chosen: an option of each dimension, -1 where it is not in use."""
        counts = [0.0] * (self._n + 1)
        for number in map(getitem, self._numbers, chosen):
            counts[number] += 1.0
        return tuple(counts[: self._n])
