"""The Generator's twin: mutations and crossovers of the trials to build on, and guidance-weighted samples."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from navarch.agents.offline.moves import Choices, Values, Weights, distance
from navarch.agents.offline.phrase import Phrase, render_line
from navarch.agents.replies import Proposal, Proposals
from navarch.agents.views import GeneratorView, TrialView

PREFERRED = 8.0  # weight of the first preferred option; halved for each next one; 1 without advice
AVOIDED = 0.15
HELPS, HURTS = 1.5, 0.7  # factors for an option that a lesson speaks of
BLAMED = 0.3  # factor for an option that a refusal names
MUTATIONS, CROSSOVERS = 0.6, 0.15  # shares of what is not free exploration; the rest are weighted samples
PARENT_DECAY = 0.7  # weight of each next trial to build on
EXPLORE_UNDIRECTED = 1.0  # the share of free exploration when there is no direction
TWO_EDITS = 0.5  # chance that a mutation makes a second edit
TRIES = 30  # draws for one place before the batch is filled up in another way
SPREAD = 8  # samples compared for one place while the batch is space-filling


@dataclass(slots=True)
class _Batch:
    """The proposals so far; knows what is taken."""

    choices: Choices
    taken: set[str]
    made: list[tuple[Values, dict[str, Any]]] = field(default_factory=list)

    def add(self, values: Values, why: dict[str, Any]) -> bool:
        """Add a proposal unless it is taken."""
        code = self.choices.code(values)
        if code in self.taken:
            return False
        self.taken.add(code)
        self.made.append((values, why))
        return True


class OfflineGenerator:
    """Proposes a batch of distinct architectures, none of them to be avoided while others are left."""

    def __init__(self, phrase: Phrase) -> None:
        """Take the renderer of the twin's sentences."""
        self._phrase = phrase

    def act(self, view: GeneratorView, rng: random.Random) -> Proposals:
        """Return `view.count` proposals, fewer only when the space has no more."""
        choices = Choices.of(view.space)
        batch = _Batch(choices, {*view.avoid, *(refused.architecture for refused in view.refused)})
        parents = [trial for trial in view.build_on if choices.contains(trial.values)]
        weights = _weigh_options(choices, view)
        for draw in _plan_draws(view, choices, parents, weights, rng):
            for _ in range(TRIES):
                if batch.add(*draw()):
                    break
        _fill(batch, view.count, rng)
        return Proposals(proposals=[self._proposal(choices, *made) for made in batch.made])

    def _proposal(self, choices: Choices, values: Values, why: dict[str, Any]) -> Proposal:
        text = render_line(self._phrase, "offline/why", why)
        return Proposal(architecture=dict(zip(choices.dimensions, values, strict=True)), why=text)


_Draw = Callable[[], tuple[Values, dict[str, Any]]]


def _plan_draws(
    view: GeneratorView, choices: Choices, parents: Sequence[TrialView], weights: Weights, rng: random.Random
) -> list[_Draw]:
    """Divide the batch among the moves; without trials to build on it is space-filling."""
    even = choices.even_weights()
    made: list[Values] = []

    def spread() -> tuple[Values, dict[str, Any]]:
        values = _sample_apart(choices, made, rng, even)
        made.append(values)
        return values, _why("sample")

    if not parents:
        return [spread] * view.count
    ranks = [PARENT_DECAY**rank for rank in range(len(parents))]

    def mutation() -> tuple[Values, dict[str, Any]]:
        parent = rng.choices(parents, weights=ranks)[0]
        edits = 2 if rng.random() < TWO_EDITS else 1
        values = choices.mutate(parent.values, edits, rng, weights)
        return values, _why("mutation", [parent.number], distance(values, parent.values))

    def cross() -> tuple[Values, dict[str, Any]]:
        a, b = rng.choices(parents, weights=ranks, k=2)
        values = choices.crossover(a.values, b.values, rng)
        return values, _why("crossover", sorted({a.number, b.number}), distance(values, a.values))

    def weighted() -> tuple[Values, dict[str, Any]]:
        return choices.sample(rng, weights), _why("sample")

    n_free = round(float(view.direction.get("explore", EXPLORE_UNDIRECTED)) * view.count)
    n_directed = view.count - n_free
    n_mutations = round(MUTATIONS * n_directed)
    n_crossovers = round(CROSSOVERS * n_directed) if len(parents) > 1 else 0
    n_weighted = n_directed - n_mutations - n_crossovers
    return [mutation] * n_mutations + [cross] * n_crossovers + [weighted] * n_weighted + [spread] * n_free


def _weigh_options(choices: Choices, view: GeneratorView) -> Weights:
    """Return a weight for each option from guidance, lessons and the options that refusals name."""
    weights = [dict.fromkeys(options, 1.0) for options in choices.options]
    position_of = {name: position for position, name in enumerate(choices.dimensions)}

    def scale(dimension: object, option: object, factor: float) -> None:
        position = position_of.get(str(dimension))
        if position is not None and option in weights[position]:
            weights[position][str(option)] *= factor

    for advice in view.direction.get("guidance", ()):
        for rank, option in enumerate(advice["prefer"]):
            scale(advice["dimension"], option, max(PREFERRED / 2**rank, 1.0))
        for option in advice["avoid"]:
            scale(advice["dimension"], option, AVOIDED)
    for lesson in view.lessons:
        if lesson.effect != "unclear":
            scale(lesson.dimension, lesson.option, HELPS if lesson.effect == "helps" else HURTS)
    blamed = {(p.get("dimension"), p.get("value")) for refused in view.refused for p in refused.problems}
    for dimension, option in sorted(blamed, key=str):
        scale(dimension, option, BLAMED)
    return tuple(tuple(by_option.values()) for by_option in weights)


def _sample_apart(choices: Choices, made: Sequence[Values], rng: random.Random, weights: Weights) -> Values:
    """Return the sample farthest from what this batch already samples."""
    samples = [choices.sample(rng, weights) for _ in range(SPREAD if made else 1)]
    return max(samples, key=lambda values: sum(0.25 ** distance(values, other) for other in made) * -1.0)


def _fill(batch: _Batch, count: int, rng: random.Random) -> None:
    """Fill up with neighbours of the batch, then with plain samples; never leave it empty."""
    even = batch.choices.even_weights()
    for values, _ in list(batch.made):
        for near in batch.choices.neighbours(values):
            if len(batch.made) < count:
                batch.add(near, _why("fill", (), 1))
    for _ in range(TRIES * count):
        if len(batch.made) >= count:
            return
        batch.add(batch.choices.sample(rng, even), _why("fill"))
    if not batch.made:
        batch.made.append((batch.choices.sample(rng, even), _why("fill")))


def _why(kind: str, parents: Sequence[int] = (), edits: int = 0) -> dict[str, Any]:
    return {"kind": kind, "parents": list(parents), "edits": edits}
