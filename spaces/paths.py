"""What the signal meets on its way through a network: operations on a path from input to output, in the mean."""

from collections.abc import Collection, Iterable, Sequence

from navarch.spaces.spec import Dimension

Edge = tuple[int, int, int]  # source, target, operation
Numbers = tuple[tuple[int, ...], ...]  # the operation that each option of each dimension is


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


def number_operations(dimensions: Sequence[Dimension]) -> Numbers:
    """Return which operation each option is: options of the same name and meaning are one."""
    number: dict[tuple[str, str], int] = {}
    return tuple(
        tuple(number.setdefault((option.name, option.meaning), len(number)) for option in dimension.options)
        for dimension in dimensions
    )


def count_operations(numbers: Numbers, chosen: Sequence[int]) -> tuple[float, ...]:
    """Return how often each operation is chosen. chosen: an option of each dimension, -1 where it is not in use."""
    counts = [0.0] * (1 + max(map(max, numbers)))
    for operations, option in zip(numbers, chosen, strict=True):
        if option >= 0:
            counts[operations[option]] += 1.0
    return tuple(counts)
