"""Join proxies by ranks: high where an architecture ranks high by all of them."""

import math
from collections.abc import Mapping, Sequence

AZ_NAS = ("az_expressivity", "az_progressivity", "az_trainability", "macs")  # what its joined score is of


def log_ranks(columns: Sequence[Sequence[float | None]]) -> list[float]:
    """Return for every architecture the sum over columns of log(rank / n); more is better, 0 is best by all.

    columns: one proxy each, more is better, an entry for each of the n architectures; None (not measured) ranks last.
    Rank n is the best, equals share their mean rank. Source: Lee and Ham, AZ-NAS, CVPR 2024.
    """
    count = len(columns[0]) if columns else 0
    shares = [[rank / count for rank in mean_ranks(column)] for column in columns]
    return [sum(math.log(share[place]) for share in shares) for place in range(count)]


def mean_ranks(values: Sequence[float | None]) -> list[float]:
    """Return ranks from 1 for the lowest; equals share their mean rank, None is below all."""
    keys = [-math.inf if value is None else value for value in values]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    ranks = [0.0] * len(keys)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and keys[order[end]] == keys[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        start = end
    return ranks


def az_nas_scores(rows: Sequence[Mapping[str, float]]) -> list[float]:
    """Return the joined AZ-NAS score of each architecture among all of them; a missing figure ranks last."""
    return log_ranks([[row.get(name) for row in rows] for name in AZ_NAS])
