"""What the surrogate says of candidates before the Critic judges them."""

from collections.abc import Sequence
from typing import NamedTuple

from navarch.agents.finished import Known
from navarch.agents.kernel import PathCounts, Values
from navarch.agents.surrogate import fit

MIN_TRIALS = 2  # with an accuracy, before the surrogate estimates


class Estimate(NamedTuple):
    """What the surrogate says of a candidate, in percent; None before it has data."""

    mean: float | None
    std: float | None


def estimate(
    known: Sequence[Known], canonical: Sequence[Values], path_counts: PathCounts | None = None
) -> list[Estimate]:
    """Return the surrogate's estimate of each candidate, from its canonical values.

    Rounded, so that the last bits of a linear-algebra library decide nothing.
    """
    if sum(k.trial.val_accuracy is not None for k in known) < MIN_TRIALS or not canonical:
        return [Estimate(None, None)] * len(canonical)
    surrogate = fit([k.canonical for k in known], [k.trial.val_accuracy for k in known], path_counts)
    mean, std = surrogate.predict(canonical)
    return [Estimate(round(m, 4), round(s, 4)) for m, s in zip(mean.tolist(), std.tolist(), strict=True)]
