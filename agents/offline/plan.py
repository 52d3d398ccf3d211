"""Where the search could go next: architectures that the surrogate finds promising, for the Navigator.

The Navigator does not pass them on: it says which options they share and which trials they are near to.
"""

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from navarch.agents.offline.costs import is_affordable, keep_affordable
from navarch.agents.offline.moves import Choices, Values
from navarch.agents.offline.statistics import accuracy, completed
from navarch.agents.surrogate import expected_improvement, fit
from navarch.agents.views import Mission, TrialView

MIN_TRIALS = 4  # completed ones, before the surrogate is asked
PARENTS = 5
PICKS = 24
CLIMBS = 2  # rounds of local search on the expected improvement
POOL_LIMIT = 300  # architectures scored at a time
GAIN_DIGITS = 9  # the last bits of a linear-algebra library decide nothing


class Pick(NamedTuple):
    """A promising architecture and its expected improvement in points."""

    values: Values
    gain: float


def find_promising(
    choices: Choices, mission: Mission, trials: Sequence[TrialView], rng: random.Random
) -> list[Pick]:
    """Return up to `PICKS` new architectures, highest expected gain first; none while data is scarce."""
    finished = completed(trials)
    if len(finished) < MIN_TRIALS:
        return []
    surrogate = fit([t.values for t in trials], [t.val_accuracy for t in trials])
    known = {t.values for t in trials}
    # What is over a limit was measured in some workflows; to beat it is no aim.
    best = max((accuracy(t) for t in finished if is_affordable(mission, t)), default=surrogate.best)

    def score(pool: Iterable[Values]) -> list[Pick]:
        fresh = [values for values in dict.fromkeys(pool) if values not in known]
        fresh = keep_affordable(choices, mission, trials, fresh)[:POOL_LIMIT]
        known.update(fresh)
        if not fresh:
            return []
        gains = expected_improvement(surrogate.predict(fresh), best).round(GAIN_DIGITS)
        return [Pick(values, gain) for values, gain in zip(fresh, gains.tolist(), strict=True)]

    parents = [t.values for t in sorted(finished, key=lambda t: (-accuracy(t), t.number))[:PARENTS]]
    picks = _best(score(_first_pool(choices, parents, rng)))
    for _ in range(CLIMBS):
        around = [near for pick in picks[:PARENTS] for near in choices.neighbours(pick.values)]
        picks = _best([*picks, *score(around)])
    return picks


def _first_pool(choices: Choices, parents: Sequence[Values], rng: random.Random) -> list[Values]:
    """Return neighbours of the parents (at most half), then crossovers, double edits and samples."""
    pool = [near for parent in parents for near in choices.neighbours(parent)][: POOL_LIMIT // 2]
    while len(pool) < POOL_LIMIT:
        pool.append(choices.crossover(rng.choice(parents), rng.choice(parents), rng))
        pool.append(choices.redraw(rng.choice(parents), 2, rng))
        pool.append(choices.redraw(parents[0], len(choices.options), rng))
    return pool


def _best(picks: Sequence[Pick]) -> list[Pick]:
    return sorted(picks, key=lambda pick: -pick.gain)[:PICKS]
