"""A toy search space with a known answer, and views of it: what the twins' tests are made of."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from navarch.agents.offline import make_twins
from navarch.agents.views import (
    CandidateView,
    CriticView,
    DistillerView,
    GeneratorView,
    LessonView,
    Mission,
    NavigatorView,
    SpaceView,
    TrialView,
)

OPTIONS = ("ash", "beech", "cedar", "oak")
DIMENSIONS = ("floor", "wall", "roof", "door", "sill")
DIRECTION = {"summary": "s", "patterns": [], "guidance": [], "build_on": [], "explore": 0.25}


def phrase(name, data):
    """Render like a prompt file would, visibly."""
    return f"{name} " + " ".join(f"{key}={value}" for key, value in data.items())


@dataclass
class Toy:
    """Makes views; `score` is the hidden objective: cedar is good, oak is bad, floor should equal roof."""

    limits: dict[str, int | None] = field(default_factory=lambda: {"max_params": None, "max_macs": None})
    budget: int = 40

    def __post_init__(self):
        self.twins = make_twins(phrase)
        options = [{"name": name, "code": name[0], "meaning": ""} for name in OPTIONS]
        dimensions = tuple(
            {"name": name, "meaning": "", "options": options, "when": []} for name in DIMENSIONS
        )
        example = ("ash", "beech", "cedar", "oak", "ash")
        self.space = SpaceView("", dimensions, (), len(OPTIONS) ** len(DIMENSIONS), "abcoa", example)

    def code(self, values):
        return "".join(value[0] for value in values)

    def score(self, values):
        worth = {"ash": 0.0, "beech": 2.0, "cedar": 4.0, "oak": -6.0}
        return 60.0 + sum(worth[value] for value in values) + (5.0 if values[0] == values[2] else 0.0)

    def cost(self, values):
        return 100 + 50 * values.count("cedar")

    def trial(self, number, values, accuracy="score", round=1):
        accuracy = self.score(values) if accuracy == "score" else accuracy
        state, reason = ("complete", None) if accuracy is not None else ("failed", "oom")
        cost = self.cost(values)
        return TrialView(
            number, round, self.code(values), values, state, reason, "", accuracy, cost, cost, None
        )

    def random_trials(self, count, seed=0):
        rng = random.Random(seed)
        found = {}
        while len(found) < count:
            found.setdefault(tuple(rng.choice(OPTIONS) for _ in DIMENSIONS), None)
        return [self.trial(number, values) for number, values in enumerate(found, start=1)]

    def mission(self, done=0, round=1):
        limits = (self.limits["max_params"], self.limits["max_macs"])
        return Mission("accuracy", 10, 32, 3, 1000, 8, None, *limits, round, done, self.budget)

    def top(self, trials):
        done = [trial for trial in trials if trial.val_accuracy is not None]
        return tuple(sorted(done, key=lambda trial: -trial.val_accuracy)[:10])

    def navigator_view(self, trials=(), *, duplicates=0, idle=0, lessons=()):
        refused = {"invalid": 0, "duplicate": duplicates, "vetoed": 0}
        return NavigatorView(
            self.mission(len(trials)),
            self.space,
            tuple(trials[-4:]),
            self.top(trials),
            tuple(trials),
            tuple(lessons),
            refused,
            idle,
        )

    def generator_view(
        self, *, build_on=(), avoid=(), count=8, direction=None, lessons=(), refused=(), history=()
    ):
        direction = {**DIRECTION, **(direction or {})}
        return GeneratorView(
            self.mission(),
            self.space,
            direction,
            tuple(lessons),
            tuple(build_on),
            tuple(avoid),
            count,
            tuple(refused),
            tuple(history),
        )

    def critic_view(self, candidates, *, top=(), keep=2, history=()):
        mission, shown = self.mission(), (tuple(top), tuple(candidates), keep, tuple(history))
        return CriticView(mission, self.space, DIRECTION, (), *shown)

    def candidate(self, index, values, estimate=None, uncertainty=None, nearest_distance=None):
        return CandidateView(
            index, self.code(values), values, 0, 0, "", estimate, uncertainty, None, nearest_distance
        )

    def distiller_view(self, trials, lessons=()):
        return DistillerView(
            self.mission(len(trials)), self.space, tuple(trials[-4:]), tuple(trials), tuple(lessons)
        )

    def lesson(self, number, dimension, option, effect):
        return LessonView(number, "stated before", dimension, option, effect, (1,), ())

    def act(self, role: str, view: Any, seed: int = 0):
        return self.twins[role].act(view, random.Random(seed))


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def limited_toy():
    return Toy(limits={"max_params": 200, "max_macs": None})
