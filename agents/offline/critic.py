"""The Critic's twin: ranks candidates by expected improvement, keeps a batch apart, vetoes the hopeless.

Where no improvement is left to expect, the model may be wrong far from its data: the least known comes first then.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from navarch.agents.kernel import MIN_VARIANCE
from navarch.agents.offline.moves import Choices, Values, distance
from navarch.agents.offline.outlook import Traits, fit_to, is_used_up
from navarch.agents.offline.phrase import Phrase, render_line
from navarch.agents.offline.statistics import completed
from navarch.agents.offline.trust import min_trials, weigh
from navarch.agents.replies import Verdict, Verdicts
from navarch.agents.surrogate import GAIN_DIGITS, Prediction, Surrogate, expected_improvement
from navarch.agents.views import CandidateView, CriticView

SIMILAR = 0.5  # correlation assumed between architectures one edit apart; falls geometrically
HOPELESS = 2.0  # standard deviations above the estimate that still miss the best: a veto


class _Ranking(NamedTuple):
    """Positions, the first to be evaluated first; whether that one is first since least is known of it."""

    order: list[int]
    begins_unknown: bool = False


class OfflineCritic:
    """Judges every candidate once; a higher score is evaluated earlier."""

    def __init__(self, phrase: Phrase, traits: Traits) -> None:
        """Take the renderer of the twin's sentences, and what the space says of architectures."""
        self._phrase = phrase
        self._traits = traits

    def act(self, view: CriticView, rng: random.Random) -> Verdicts:
        """Return a verdict for each candidate in the order shown; at least `keep` are accepted."""
        best = max((t.val_accuracy for t in view.top if t.val_accuracy is not None), default=None)
        ranking = self._rank(view, best)
        order, vetoed = ranking.order, _choose_vetoes(view, ranking, best)
        place = {index: rank for rank, index in enumerate(order)}
        verdicts = []
        for position, candidate in enumerate(view.candidates):
            decision = "veto" if position in vetoed else "accept"
            data = {
                "decision": decision,
                "estimate": candidate.estimate,
                "uncertainty": candidate.uncertainty,
                "best": best,
                "least_known": ranking.begins_unknown and position == order[0],
            }
            score = round(1.0 - place[position] / len(order), 4)
            reason = render_line(self._phrase, "offline/verdict", data)
            verdicts.append(
                Verdict.model_validate(
                    {"candidate": candidate.index, "decision": decision, "score": score, "reason": reason}
                )
            )
        return Verdicts(verdicts=verdicts)

    def _rank(self, view: CriticView, best: float | None) -> _Ranking:
        choices = Choices.of(view.space)
        trials = [trial for trial in view.history if choices.contains(trial.values)]
        prior = view.space.prior
        if best is None or len(completed(trials)) < min_trials(prior):
            gains = _expected_gains(view.candidates, best)
            for position, candidate in enumerate(view.candidates):
                if candidate.values == prior:
                    gains[position] = float("inf")
            return _Ranking(_rank_apart(view.candidates, gains))
        candidates = [self._traits.canonical(c.values) for c in view.candidates]
        known = None if prior is None else self._traits.canonical(prior)
        trust = weigh(candidates, known, view.mission.trials_done)
        surrogate = fit_to(self._traits, trials)
        order = rank_batch(surrogate, candidates, best, trust)
        if prior is None and is_used_up(surrogate.gains(candidates, best)):
            return _Ranking(put_unknown_first(surrogate, candidates, order), begins_unknown=True)
        return _Ranking(order)


def rank_batch(
    surrogate: Surrogate, candidates: Sequence[Values], best: float, trust: Sequence[float]
) -> list[int]:
    """Return positions by expected improvement times trust, each as if those before had been evaluated as expected.

    So a likely copy of a chosen candidate comes late: its result is all but known.
    Source: Ginsbourger, Le Riche and Carraro 2010, the kriging believer.
    """
    mean, covariance = surrogate.joint(candidates)
    noise = surrogate.noise * surrogate.variance
    rest, order = list(range(len(candidates))), list[int]()
    while rest:
        std = np.sqrt(np.maximum(np.diag(covariance), MIN_VARIANCE * surrogate.variance))
        gains = surrogate.gains_of(mean, std, best)
        chosen = max(rest, key=lambda position: (gains[position] * trust[position], -position))
        rest.remove(chosen)
        order.append(chosen)
        column = covariance[:, chosen]
        covariance = covariance - np.outer(column, column) / (std[chosen] ** 2 + noise)
    return order


def put_unknown_first(surrogate: Surrogate, candidates: Sequence[Values], order: Sequence[int]) -> list[int]:
    """Return the order with the candidate first of which the surrogate knows least, of equals the first.

    Rounded, so that the last bits of a linear-algebra library decide nothing.
    """
    variance = np.diag(surrogate.joint(candidates).covariance).round(GAIN_DIGITS)
    unknown = int(variance.argmax())
    return [unknown, *(position for position in order if position != unknown)]


def _expected_gains(candidates: Sequence[CandidateView], best: float | None) -> list[float]:
    """Return the expected improvement of each candidate; without estimates, how far it is from any trial."""
    if best is None or any(c.estimate is None or c.uncertainty is None for c in candidates):
        return [float(c.nearest_distance or 1) for c in candidates]
    mean = np.array([c.estimate for c in candidates], dtype=np.float64)
    std = np.array([c.uncertainty for c in candidates], dtype=np.float64)
    gains: list[float] = expected_improvement(Prediction(mean, std), best).tolist()
    return gains


def _rank_apart(candidates: Sequence[CandidateView], gains: Sequence[float]) -> list[int]:
    """Return positions by gain, each gain reduced by the likeness to candidates already ranked."""
    rest, order = list(range(len(candidates))), list[int]()
    left = list(gains)
    while rest:
        chosen = max(rest, key=lambda position: (left[position], _upper(candidates[position]), -position))
        rest.remove(chosen)
        order.append(chosen)
        for position in rest:
            left[position] *= 1.0 - _likeness(candidates[position].values, candidates[chosen].values)
    return order


def _likeness(a: Values, b: Values) -> float:
    return float(SIMILAR ** distance(a, b))


def _choose_vetoes(view: CriticView, ranking: _Ranking, best: float | None) -> set[int]:
    """Veto what cannot plausibly reach the best, the last ranked first, and leave at least `keep`.

    Behind one that is first since least is known of it, they are the first ones.
    """
    if best is None:
        return set()
    last = reversed(ranking.order[view.keep if ranking.begins_unknown else 0 :])
    hopeless = [p for p in last if _upper(view.candidates[p]) < best]
    return set(hopeless[: max(len(ranking.order) - view.keep, 0)])


def _upper(candidate: CandidateView) -> float:
    """Return the upper bound of a candidate's accuracy; without an estimate there is none."""
    if candidate.estimate is None or candidate.uncertainty is None:
        return float("inf")
    return candidate.estimate + HOPELESS * candidate.uncertainty
