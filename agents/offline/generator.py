"""The Generator's twin: mutations and crossovers of the trials to build on, and guidance-weighted samples."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from navarch.agents.offline.moves import Choices, Values, Weights, distance
from navarch.agents.offline.outlook import Outlook, Traits, is_used_up, look_out
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
TWO_EDITS = 0.5  # chance that a mutation makes a second edit; never beside a prior
TRIES = 30  # draws for one place before the batch is filled up in another way
NEAR_DRAFTS = 128  # neighbours of the trials to build on that are looked at
DIRECTED_DRAFTS = 32  # mutations, crossovers and samples that follow the direction
FREE_DRAFTS = 96  # uniform samples
SPARE = 32  # drafts beyond those that are wanted, for those that are taken
SPREAD = 8  # samples compared for one place while the batch is space-filling


_Draft = tuple[Values, dict[str, Any]]
_Draw = Callable[[], _Draft]


@dataclass(slots=True)
class _Batch:
    """The proposals so far; knows what is taken."""

    choices: Choices
    taken: set[str]
    made: list[_Draft] = field(default_factory=list)

    def add(self, values: Values, why: dict[str, Any]) -> bool:
        """Add a proposal unless it is taken."""
        code = self.choices.code(values)
        if code in self.taken:
            return False
        self.taken.add(code)
        self.made.append((values, why))
        return True

    def draw(self, draws: Sequence[_Draw]) -> None:
        """Add what each draw gives, another try where it is taken."""
        for draw in draws:
            for _ in range(TRIES):
                if self.add(*draw()):
                    break


class OfflineGenerator:
    """Proposes a batch of distinct architectures, none of them to be avoided while others are left."""

    def __init__(self, phrase: Phrase, traits: Traits) -> None:
        """Take the renderer of the twin's sentences, and what the space says of architectures."""
        self._phrase = phrase
        self._traits = traits

    def act(self, view: GeneratorView, rng: random.Random) -> Proposals:
        """Return `view.count` proposals, fewer only when the space has no more."""
        choices = Choices.of(view.space)
        batch = _Batch(choices, {*view.avoid, *(refused.architecture for refused in view.refused)})
        parents = [trial for trial in view.build_on if choices.contains(trial.values)]
        weights = _weigh_options(choices, view)
        trials = [trial for trial in view.history if choices.contains(trial.values)]
        prior = view.space.prior
        outlook = look_out(choices, self._traits, view.mission, trials, prior) if parents else None
        n_free = _count_free(view)
        # Until the prior is measured it is named: the Critic may have been passed over.
        if prior is not None and outlook is None:
            batch.add(prior, _why("prior"))
        draws = _Draws(choices, parents, weights, rng, two_edits=TWO_EDITS if prior is None else 0.0)
        if outlook is not None:
            self._screen(view, batch, draws, outlook, view.count - n_free)
        else:
            batch.draw(draws.directed(view.count - n_free))
        batch.draw([draws.spread] * min(n_free, view.count - len(batch.made)))
        _fill(batch, view.count, rng)
        return Proposals(proposals=[self._proposal(choices, *made) for made in batch.made])

    def _screen(
        self, view: GeneratorView, batch: "_Batch", draws: "_Draws", outlook: Outlook, count: int
    ) -> None:
        """Draft many, better the best of them by single edits, and keep those with most to gain.

        Where nothing is left to gain, half of the places go to uniform samples within the limits; the Critic tries
        the least known.
        """
        choices = batch.choices
        near = chain.from_iterable(choices.neighbours(trial.values) for trial in draws.parents)
        drafts = list(islice(near, NEAR_DRAFTS))
        drafts += [draw()[0] for draw in draws.directed(DIRECTED_DRAFTS)]
        anywhere = draws.anywhere(FREE_DRAFTS)
        picks = outlook.climb(outlook.score([*drafts, *anywhere]), count + SPARE)
        if view.space.prior is None and is_used_up(pick.gain for pick in picks):
            for values in outlook.keep_affordable(anywhere)[: count // 2]:
                batch.add(values, _why("anywhere"))
        for pick in picks:
            if len(batch.made) < count:
                batch.add(pick.values, _describe(pick.values, draws.parents))

    def _proposal(self, choices: Choices, values: Values, why: dict[str, Any]) -> Proposal:
        text = render_line(self._phrase, "offline/why", why)
        return Proposal(architecture=dict(zip(choices.dimensions, values, strict=True)), why=text)


class _Draws:
    """The moves that drafts are made by; without trials to build on they are space-filling."""

    def __init__(
        self,
        choices: Choices,
        parents: Sequence[TrialView],
        weights: Weights,
        rng: random.Random,
        *,
        two_edits: float,
    ) -> None:
        self.choices = choices
        self.parents = parents
        self._weights = weights
        self._rng = rng
        self._two_edits = two_edits
        self._even = choices.even_weights()
        self._ranks = [PARENT_DECAY**rank for rank in range(len(parents))]
        self._apart: list[Values] = []

    def directed(self, count: int) -> list[_Draw]:
        """Divide a batch among the moves that follow the direction."""
        if not self.parents:
            return [self.spread] * count
        n_mutations = round(MUTATIONS * count)
        n_crossovers = round(CROSSOVERS * count) if len(self.parents) > 1 else 0
        n_weighted = count - n_mutations - n_crossovers
        return [self._mutate] * n_mutations + [self._cross] * n_crossovers + [self._sample] * n_weighted

    def anywhere(self, count: int) -> list[Values]:
        """Return uniform samples."""
        return [self.choices.structure.sample(self._rng) for _ in range(count)]

    def spread(self) -> _Draft:
        """Return the sample farthest from those before it."""
        n_samples = SPREAD if self._apart else 1
        samples = [self.choices.sample(self._rng, self._even) for _ in range(n_samples)]
        values = min(samples, key=lambda v: sum(0.25 ** distance(v, other) for other in self._apart))
        self._apart.append(values)
        return values, _why("sample")

    def _mutate(self) -> _Draft:
        parent = self._rng.choices(self.parents, weights=self._ranks)[0]
        edits = 2 if self._rng.random() < self._two_edits else 1
        values = self.choices.mutate(parent.values, edits, self._rng, self._weights)
        return values, _why("mutation", [parent.number], distance(values, parent.values))

    def _cross(self) -> _Draft:
        a, b = self._rng.choices(self.parents, weights=self._ranks, k=2)
        values = self.choices.crossover(a.values, b.values, self._rng)
        return values, _why("crossover", sorted({a.number, b.number}), distance(values, a.values))

    def _sample(self) -> _Draft:
        return self.choices.sample(self._rng, self._weights), _why("sample")


def _count_free(view: GeneratorView) -> int:
    """Return how many of the proposals go to new ground."""
    return round(float(view.direction.get("explore", EXPLORE_UNDIRECTED)) * view.count)


def _describe(values: Values, parents: Sequence[TrialView]) -> dict[str, Any]:
    """Say how a proposal came about: as changes of the nearest trial to build on."""
    near = min(parents, key=lambda trial: (distance(trial.values, values), trial.number))
    return _why("mutation", [near.number], distance(near.values, values))


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


def _fill(batch: _Batch, count: int, rng: random.Random) -> None:
    """Fill up with neighbours of the batch, then with plain samples; never leave it empty."""
    even = batch.choices.even_weights()
    for values, _ in list(batch.made):
        for near in batch.choices.neighbours(values):
            if len(batch.made) >= count:
                return
            batch.add(near, _why("fill", (), 1))
    for _ in range(TRIES * count):
        if len(batch.made) >= count:
            return
        batch.add(batch.choices.sample(rng, even), _why("fill"))
    if not batch.made:
        batch.made.append((batch.choices.sample(rng, even), _why("fill")))


def _why(kind: str, parents: Sequence[int] = (), edits: int = 0) -> dict[str, Any]:
    return {"kind": kind, "parents": list(parents), "edits": edits}
