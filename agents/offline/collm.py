"""The twins of `collm-nas`: a Navigator that advises options, and a Generator that samples by its advice."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from navarch.agents.collm import StrategyView
from navarch.agents.offline.moves import Choices, Values, Weights
from navarch.agents.offline.navigator import OfflineNavigator
from navarch.agents.offline.outlook import Traits
from navarch.agents.offline.phrase import Phrase, render_line
from navarch.agents.replies import Guidance, Heading, Proposal, Proposals, Strategy
from navarch.agents.views import NavigatorView

PREFERRED = 8.0  # weight of the first preferred option; halved for each next one; 1 without advice
AVOIDED = 0.15
TRIES = 50  # draws for one place of the batch


class OfflineCollmNavigator:
    """The combined workflow's twin over the same view; of its direction the strategy is kept."""

    def __init__(self, phrase: Phrase, traits: Traits) -> None:
        """Take the renderer of the twin's sentences, and what the space says of architectures."""
        self._phrase = phrase
        self._navigator = OfflineNavigator(phrase, traits)

    def act(self, view: NavigatorView, rng: random.Random) -> Strategy:
        """Return the strategy of the next round."""
        direction = self._navigator.act(view, rng)
        best = view.top[0] if view.top else None
        facts = {
            "trials": view.mission.trials_done,
            "best_code": best.code if best else None,
            "best_accuracy": best.val_accuracy if best else None,
        }
        return Strategy(
            summary=render_line(self._phrase, "offline/strategy", facts),
            patterns=direction.patterns,
            directions=[self._heading(guidance) for guidance in direction.guidance],
        )

    def _heading(self, guidance: Guidance) -> Heading:
        facts = guidance.model_dump()
        return Heading(**facts, advice=render_line(self._phrase, "offline/heading", facts))


class OfflineCollmGenerator:
    """Samples each dimension by the strategy; it has no history, so it cannot know what was tried before."""

    def __init__(self, phrase: Phrase) -> None:
        """Take the renderer of the twin's sentences."""
        self._phrase = phrase

    def act(self, view: StrategyView, rng: random.Random) -> Proposals:
        """Return `view.count` different proposals, fewer only when the space has hardly more."""
        choices = Choices.of(view.space)
        weights = _weigh(choices, view.strategy)
        refused = {problem.architecture for problem in view.refused}
        made: dict[str, Values] = {}
        for draw in range(TRIES * view.count):
            values = choices.sample(
                rng, weights if draw < TRIES * view.count // 2 else choices.even_weights()
            )
            if choices.code(values) not in refused:
                made.setdefault(choices.code(values), values)
            if len(made) == view.count:
                break
        kept = list(made.values()) or [choices.sample(rng, choices.even_weights())]
        return Proposals(proposals=[self._proposal(choices, values) for values in kept])

    def _proposal(self, choices: Choices, values: Values) -> Proposal:
        why = render_line(self._phrase, "offline/why", {"kind": "sample", "parents": [], "edits": 0})
        return Proposal(architecture=dict(zip(choices.dimensions, values, strict=True)), why=why)


def _weigh(choices: Choices, strategy: Mapping[str, Any]) -> Weights:
    """Return a weight for each option from the strategy's preferences."""
    headings: Sequence[Mapping[str, Any]] = strategy.get("directions", ())
    said = {heading["dimension"]: heading for heading in headings}
    return tuple(
        tuple(_weight(option, said.get(dimension, {})) for option in options)
        for dimension, options in zip(choices.dimensions, choices.options, strict=True)
    )


def _weight(option: str, heading: Mapping[str, Any]) -> float:
    preferred: list[str] = heading.get("prefer", [])
    if option in preferred:
        return max(PREFERRED * 0.5 ** preferred.index(option), 1.0)
    return AVOIDED if option in heading.get("avoid", []) else 1.0
