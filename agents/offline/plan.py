"""Where the search could go next: architectures that the surrogate finds promising, for the Navigator.

The Navigator does not pass them on: it says which options they share and which trials they are near to.
"""

import random
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from navarch.agents.offline.moves import Choices, Values, crossover
from navarch.agents.offline.statistics import accuracy, completed
from navarch.agents.surrogate import Surrogate, expected_improvement, fit
from navarch.agents.views import TrialView

MIN_TRIALS = 4  # completed ones, before the surrogate is asked
PARENTS = 5
PICKS = 12
CLIMBS = 2  # rounds of local search on the expected improvement
POOL_LIMIT = 400  # architectures scored at a time


class Pick(NamedTuple):
    """A promising architecture and its expected improvement in points."""

    values: Values
    gain: float


def find_promising(choices: Choices, trials: Sequence[TrialView], rng: random.Random) -> list[Pick]:
    """Return up to `PICKS` new architectures, highest expected improvement first; none while data is scarce."""
    finished = completed(trials)
    if len(finished) < MIN_TRIALS:
        return []
    surrogate = fit([t.values for t in trials], [t.val_accuracy for t in trials])
    known = {t.values for t in trials}
    parents = [t.values for t in sorted(finished, key=lambda t: (-accuracy(t), t.number))[:PARENTS]]
    picks = _score(surrogate, _first_pool(choices, parents, rng), known)
    for _ in range(CLIMBS):
        around = [near for pick in picks[:PARENTS] for near in choices.neighbours(pick.values)]
        known_now = known | {pick.values for pick in picks}
        picks = sorted([*picks, *_score(surrogate, around, known_now)], key=lambda p: -p.gain)[: PICKS * 4]
    return picks[:PICKS]


def _first_pool(choices: Choices, parents: Sequence[Values], rng: random.Random) -> list[Values]:
    even = choices.even_weights()
    pool = [near for parent in parents for near in choices.neighbours(parent)][: POOL_LIMIT // 2]
    while len(pool) < POOL_LIMIT:
        pool.append(crossover(rng.choice(parents), rng.choice(parents), rng))
        pool.append(choices.mutate(rng.choice(parents), 2, rng, even))
        pool.append(choices.sample(rng, even))
    return pool


def _score(surrogate: Surrogate, pool: Iterable[Values], known: set[Values]) -> list[Pick]:
    fresh = [values for values in dict.fromkeys(pool) if values not in known][:POOL_LIMIT]
    if not fresh:
        return []
    gains = expected_improvement(surrogate.predict(fresh), surrogate.best)
    ranked = sorted(zip(fresh, gains.tolist(), strict=True), key=lambda pair: -pair[1])
    return [Pick(values, gain) for values, gain in ranked]
