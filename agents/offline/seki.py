"""The twins of `seki`: random edits of the current architecture; what drawn trials share; new mixtures of them."""

import random
from collections import Counter
from collections.abc import Sequence

from navarch.agents.offline.moves import Choices, Values, Weights
from navarch.agents.offline.phrase import Phrase, render_line
from navarch.agents.replies import Evolution, Patterns, Proposal
from navarch.agents.seki import EvolutionView, InspirationView, PatternsView
from navarch.agents.views import TrialView
from navarch.spaces import INACTIVE

TWO_EDITS = 0.5  # chance that a step changes a second dimension
MAX_PATTERNS = 8
UNSEEN = 0.5  # weight of an option that no drawn trial has, where each trial that has it weighs 1
TRIES = 50


class OfflineEvolver:
    """Changes one or two dimensions of the current architecture: one score says no more about where to go."""

    def __init__(self, phrase: Phrase) -> None:
        """Take the renderer of the twin's sentences."""
        self._phrase = phrase

    def act(self, view: EvolutionView, rng: random.Random) -> Evolution:
        """Return the changes as strategies, and the changed architecture."""
        choices = Choices.of(view.space)
        refused = {problem.architecture for problem in view.refused}
        before = view.current.values if view.current is not None else None
        values = _step(choices, before, rng)
        for _ in range(TRIES):
            if choices.code(values) not in refused and values != before:
                break
            values = _step(choices, before, rng)
        changes = _differences(choices, before, values)
        return Evolution(
            strategies=[
                render_line(self._phrase, "offline/change", dict(zip(_CHANGE, change, strict=True)))
                for change in changes[:MAX_PATTERNS]
            ],
            architecture=dict(zip(choices.dimensions, values, strict=True)),
        )


_CHANGE = ("dimension", "before", "after")


def _step(choices: Choices, before: Values | None, rng: random.Random) -> Values:
    if before is None or not choices.contains(before):
        return choices.sample(rng, choices.even_weights())
    edits = 2 if rng.random() < TWO_EDITS else 1
    return choices.mutate(before, edits, rng, choices.even_weights())


def _differences(choices: Choices, before: Values | None, after: Values) -> list[tuple[str, str | None, str]]:
    """Return (dimension, option before, option after) of what differs; without a before, of everything."""
    olds: Sequence[str | None] = before if before is not None else [None] * len(after)
    found = [(n, old, new) for n, old, new in zip(choices.dimensions, olds, after, strict=True) if old != new]
    return found or [(choices.dimensions[0], after[0], after[0])]


class OfflinePatterns:
    """Names the options that most of the drawn trials share."""

    def __init__(self, phrase: Phrase) -> None:
        """Take the renderer of the twin's sentences."""
        self._phrase = phrase

    def act(self, view: PatternsView, rng: random.Random) -> Patterns:
        """Return a sentence for each shared option, the most common first."""
        choices = Choices.of(view.space)
        drawn = [trial.values for trial in view.drawn if choices.contains(trial.values)]
        shared: list[tuple[int, str | None, str | None]] = []
        for position, dimension in enumerate(choices.dimensions):
            counts = Counter(values[position] for values in drawn if values[position] != INACTIVE)
            shared += [(count, dimension, option) for option, count in counts.most_common(1)]
        shared.sort(key=lambda found: -found[0])
        lines = [
            self._line(dimension, option, count, len(drawn))
            for count, dimension, option in (shared or [(0, None, None)])[:MAX_PATTERNS]
        ]
        return Patterns(patterns=lines)

    def _line(self, dimension: str | None, option: str | None, count: int, of: int) -> str:
        facts = {"dimension": dimension, "option": option, "count": count, "of": of}
        return render_line(self._phrase, "offline/common", facts)


class OfflineInspired:
    """Draws each option as often as the drawn trials have it, and now and then another one."""

    def __init__(self, phrase: Phrase) -> None:
        """Take the renderer of the twin's sentences."""
        self._phrase = phrase

    def act(self, view: InspirationView, rng: random.Random) -> Proposal:
        """Return one architecture that is none of the drawn or refused ones, if such a one is found."""
        choices = Choices.of(view.space)
        drawn = [trial for trial in view.drawn if choices.contains(trial.values)]
        known = {trial.code for trial in drawn} | {problem.architecture for problem in view.refused}
        weights = _mixture(choices, drawn)
        values = choices.sample(rng, weights)
        for _ in range(TRIES):
            if choices.code(values) not in known:
                break
            values = choices.sample(rng, weights)
        parents = [trial.number for trial in drawn]
        why = render_line(self._phrase, "offline/why", {"kind": "crossover", "parents": parents, "edits": 0})
        return Proposal(architecture=dict(zip(choices.dimensions, values, strict=True)), why=why)


def _mixture(choices: Choices, drawn: Sequence[TrialView]) -> Weights:
    return tuple(
        tuple(UNSEEN + sum(trial.values[position] == option for trial in drawn) for option in options)
        for position, options in enumerate(choices.options)
    )
