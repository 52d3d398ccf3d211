"""Where the search could go next: what the surrogate expects of architectures not yet tried.

The Navigator reads off which options the promising ones share; the Generator screens its drafts.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from navarch.agents.kernel import PathCounts
from navarch.agents.offline.costs import CostModel, affordable
from navarch.agents.offline.moves import Choices, Values
from navarch.agents.offline.statistics import accuracy, completed
from navarch.agents.offline.trust import min_trials, weigh
from navarch.agents.surrogate import Surrogate, fit
from navarch.agents.views import Mission, TrialView

CLIMBERS = 5
CLIMBS = 2  # rounds of local search on the expected improvement
POOL_LIMIT = 300  # architectures scored at a time
USED_UP = 1e-3  # improvement not worth a trial, over the distance from the best to the median one


class Traits(NamedTuple):
    """What the space can say of an architecture beside its options.

    canonical: the same for architectures that compute the same. path_counts: how often each operation stands on a
    path from input to output; None where nothing is said of that.
    """

    canonical: Callable[[Values], Values]
    path_counts: PathCounts | None = None


UNKNOWN = Traits(lambda values: values)


class Pick(NamedTuple):
    """A promising architecture and its expected improvement, on the surrogate's warped scale, by trust in a prior."""

    values: Values
    gain: float


class Outlook:
    """What the finished trials promise elsewhere. It counts no architecture twice, nor one that computes the same."""

    def __init__(
        self,
        choices: Choices,
        traits: Traits,
        mission: Mission,
        trials: Sequence[TrialView],
        surrogate: Surrogate,
        prior: Values | None,
    ) -> None:
        """Take the fitted surrogate and what it was fitted to; see `look_out`."""
        self._choices = choices
        self._canonical = traits.canonical
        self._mission = mission
        self._costs = CostModel(choices, mission, trials)
        self._surrogate = surrogate
        self._prior = None if prior is None else traits.canonical(prior)
        self._known = {traits.canonical(trial.values) for trial in trials}
        # What is over a limit was measured in some workflows; to beat it is no aim.
        within = [accuracy(t) for t in affordable(mission, completed(trials))]
        self._best = max(within, default=surrogate.best)

    def score(self, pool: Iterable[Values]) -> list[Pick]:
        """Return the new and affordable architectures of a pool with their expected improvement."""
        fresh: dict[Values, Values] = {}
        for values in pool:
            canonical = self._canonical(values)
            if canonical not in self._known and canonical not in fresh:
                fresh[canonical] = values
                if len(fresh) == POOL_LIMIT:
                    break
        kept = self._costs.keep_affordable(list(fresh.values()))
        if len(kept) < len(fresh):
            within = set(kept)
            fresh = {canonical: values for canonical, values in fresh.items() if values in within}
        self._known.update(fresh)
        if not fresh:
            return []
        gains = self._surrogate.gains(list(fresh), self._best)
        trust = weigh(list(fresh), self._prior, self._mission.trials_done)
        return [Pick(v, gain * factor) for v, gain, factor in zip(fresh.values(), gains, trust, strict=True)]

    def keep_affordable(self, pool: Sequence[Values]) -> list[Values]:
        """Return the architectures of a pool that should be within the mission's limits, in their order."""
        return self._costs.keep_affordable(pool)

    def climb(self, picks: Sequence[Pick], count: int) -> list[Pick]:
        """Better the best picks by single edits; return the `count` best of all, the first found of equals first."""
        best = rank(picks)
        for _ in range(CLIMBS):
            around = [near for pick in best[:CLIMBERS] for near in self._choices.neighbours(pick.values)]
            best = rank([*best, *self.score(around)])
        return best[:count]


def look_out(
    choices: Choices,
    traits: Traits,
    mission: Mission,
    trials: Sequence[TrialView],
    prior: Values | None = None,
) -> Outlook | None:
    """Return the outlook from a run's trials, and a prior where one is known; None while data is scarce."""
    if len(completed(trials)) < min_trials(prior):
        return None
    return Outlook(choices, traits, mission, trials, fit_to(traits, trials), prior)


def fit_to(traits: Traits, trials: Sequence[TrialView]) -> Surrogate:
    """Return the surrogate of a run's trials."""
    accuracies = [trial.val_accuracy for trial in trials]
    return fit([*map(traits.canonical, [trial.values for trial in trials])], accuracies, traits.path_counts)


def is_used_up(gains: Iterable[float]) -> bool:
    """Tell whether no expected improvement is worth a trial, so that the model has only its own errors left to find."""
    return max(gains, default=USED_UP) < USED_UP


def rank(picks: Sequence[Pick]) -> list[Pick]:
    """Return picks by gain, the first found of equals first."""
    return sorted(picks, key=lambda pick: -pick.gain)
