"""The Navigator's twin: statistics of all finished trials, turned into advice for each dimension."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from navarch.agents.offline.moves import Choices, Values, distance
from navarch.agents.offline.outlook import Outlook, Pick, Traits, look_out
from navarch.agents.offline.phrase import Phrase, render_line
from navarch.agents.offline.statistics import Effect, accuracy, completed, option_effects
from navarch.agents.replies import Direction, Guidance
from navarch.agents.views import NavigatorView, TrialView
from navarch.spaces import INACTIVE

PARENTS = 5
PICKS = 24
POOL = 120  # architectures that are looked at before the climb
MAX_BUILD_ON = 6
MAX_PATTERNS = 4
MAX_PREFER = 3
RELEVANT = 0.2  # part of the leading option's share that another one needs to be preferred too
EXPLORE_AT_START = 0.1  # the share of free samples once there is data; falls to the floor with the budget
EXPLORE_FLOOR = 0.0
EXPLORE_BESIDE_PRIOR = 0.0
EXPLORE_CEILING = 0.6
PER_IDLE_ROUND = 0.01  # added for each round without a gain
FOR_DUPLICATES = 0.2  # added when every proposal was a duplicate


class OfflineNavigator:
    """Says where the search goes next; never names architectures that must be obeyed."""

    def __init__(self, phrase: Phrase, traits: Traits) -> None:
        """Take the renderer of the twin's sentences, and what the space says of architectures."""
        self._phrase = phrase
        self._traits = traits

    def act(self, view: NavigatorView, rng: random.Random) -> Direction:
        """Return the direction of the next round."""
        choices = Choices.of(view.space)
        seen = {trial.number: trial for group in (view.history, view.top, view.new) for trial in group}
        trials = [seen[number] for number in sorted(seen) if choices.contains(seen[number].values)]
        finished = completed(trials)
        outlook = look_out(choices, self._traits, view.mission, trials, view.space.prior)
        picks = find_promising(choices, outlook, finished, rng) if outlook is not None else []
        explore = _explore_share(view) if picks else _explore_first(view, finished)
        effects = [effect for effect in option_effects(choices, finished) if effect.is_clear]
        return Direction(
            summary=render_line(self._phrase, "offline/direction", _summary(view, finished, explore)),
            patterns=[self._pattern(effect) for effect in effects[:MAX_PATTERNS]],
            guidance=_advise(choices, picks, effects),
            build_on=_choose_parents(finished, picks),
            explore=explore,
        )

    def _pattern(self, effect: Effect) -> str:
        data = {
            "dimension": effect.dimension,
            "option": effect.option,
            "effect": effect.direction,
            "difference": effect.difference,
            "support": effect.with_n,
        }
        return render_line(self._phrase, "offline/pattern", data)


def find_promising(
    choices: Choices, outlook: Outlook, finished: Sequence[TrialView], rng: random.Random
) -> list[Pick]:
    """Return up to `PICKS` new architectures, highest expected gain first, from around the best trials and anywhere."""
    parents = [t.values for t in sorted(finished, key=lambda t: (-accuracy(t), t.number))[:PARENTS]]
    pool: list[Values] = [near for parent in parents for near in choices.neighbours(parent)][: POOL // 2]
    while len(pool) < POOL:
        pool.append(choices.crossover(rng.choice(parents), rng.choice(parents), rng))
        pool.append(choices.redraw(rng.choice(parents), 2, rng))
        pool.append(choices.redraw(parents[0], len(choices.options), rng))
    return outlook.climb(outlook.score(pool), PICKS)


def _explore_first(view: NavigatorView, finished: Sequence[TrialView]) -> float:
    """While data is scarce everything is new ground, but for a known prior, whose surroundings come first."""
    return 1.0 if view.space.prior is None or not finished else EXPLORE_BESIDE_PRIOR


def _explore_share(view: NavigatorView) -> float:
    """Anneal with the budget; rise with idle rounds and with the share of duplicates since the last turn."""
    left = 1.0 - view.mission.trials_done / max(view.mission.trials_budget, 1)
    share = EXPLORE_FLOOR + (EXPLORE_AT_START - EXPLORE_FLOOR) * max(left, 0.0)
    duplicates = view.refused.get("duplicate", 0)
    share += PER_IDLE_ROUND * view.rounds_without_gain
    share += FOR_DUPLICATES * duplicates / max(duplicates + len(view.new), 1)
    return round(min(share, EXPLORE_CEILING), 3)


def _advise(choices: Choices, picks: Sequence[Pick], effects: Sequence[Effect]) -> list[Guidance]:
    """Prefer the options that promising architectures share; avoid what they lack and what clearly hurts."""
    if not picks:
        return []
    top = max(pick.gain for pick in picks) or 1.0
    hurting = {(e.position, e.option) for e in effects if e.direction == "hurts"}
    guidance = []
    for position, (name, options) in enumerate(zip(choices.dimensions, choices.options, strict=True)):
        share = dict.fromkeys(options, 0.0)
        for pick in picks:
            if pick.values[position] != INACTIVE:
                share[pick.values[position]] += pick.gain / top
        ranked = sorted(options, key=lambda option: -share[option])
        ranked = [option for option in ranked if share[option] >= RELEVANT * share[ranked[0]]]
        avoid = [option for option in options if option not in ranked and (position, option) in hurting]
        if len(ranked) < len(options):
            guidance.append(Guidance(dimension=name, prefer=ranked[:MAX_PREFER], avoid=avoid[:16]))
    return guidance[:64]


def _choose_parents(finished: Sequence[TrialView], picks: Sequence[Pick]) -> list[int]:
    """Return the best trial, then good trials near to promising architectures, then good unlike ones."""
    ranked = sorted(finished, key=lambda t: (-accuracy(t), t.number))
    good = ranked[: max(MAX_BUILD_ON, len(ranked) // 4)]
    chosen = good[:1]
    for pick in picks:
        if len(chosen) == MAX_BUILD_ON - 2:
            break
        near = min(good, key=lambda t: distance(t.values, pick.values))  # of equally near ones the best
        if near not in chosen:
            chosen.append(near)
    while len(chosen) < min(MAX_BUILD_ON, len(good)):
        chosen.append(_most_different(good, chosen))
    return [trial.number for trial in chosen]


def _most_different(good: Sequence[TrialView], chosen: Sequence[TrialView]) -> TrialView:
    rest, held = [trial for trial in good if trial not in chosen], [trial.values for trial in chosen]
    return max(rest, key=lambda t: (min(distance(t.values, h) for h in held), accuracy(t), -t.number))


def _summary(view: NavigatorView, finished: Sequence[TrialView], explore: float) -> Mapping[str, Any]:
    best = view.top[0] if view.top else max(finished, key=accuracy, default=None)
    return {
        "trials": view.mission.trials_done,
        "best_code": best.code if best else None,
        "best_accuracy": best.val_accuracy if best else None,
        "explore": explore,
        "stagnation": view.rounds_without_gain,
    }
