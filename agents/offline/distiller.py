"""The Distiller's twin: states the strongest effect not yet stated, retires lessons that the data refute."""

import random
from collections.abc import Sequence

from navarch.agents.offline.moves import Choices
from navarch.agents.offline.phrase import Phrase, render_line
from navarch.agents.offline.statistics import Effect, accuracy, completed, option_effects
from navarch.agents.replies import Lesson, Lessons
from navarch.agents.views import DistillerView, LessonView, TrialView

MAX_EVIDENCE = 16  # trial numbers on either side
REFUTED = 0.5  # standard errors in the stated direction below which a lesson no longer holds


class OfflineDistiller:
    """Keeps at most one new lesson a round, with the trials that speak for it and against it."""

    def __init__(self, phrase: Phrase) -> None:
        """Take the renderer of the twin's sentences."""
        self._phrase = phrase

    def act(self, view: DistillerView, rng: random.Random) -> Lessons:
        """Return the new lesson, if any stands out, and the numbers of lessons to retire."""
        choices = Choices.of(view.space)
        trials = [t for t in completed(view.history, view.new) if choices.contains(t.values)]
        effects = option_effects(choices, trials)
        retire = [lesson.number for lesson in view.lessons if _is_refuted(lesson, effects)][:MAX_EVIDENCE]
        stated = {(lesson.dimension, lesson.option) for lesson in view.lessons if lesson.number not in retire}
        for effect in effects:
            if effect.is_clear and (effect.dimension, effect.option) not in stated:
                lesson = self._lesson(effect, trials)
                if lesson is not None:
                    return Lessons(lessons=[lesson], retire=retire)
        return Lessons(lessons=[], retire=retire)

    def _lesson(self, effect: Effect, trials: Sequence[TrialView]) -> Lesson | None:
        supports, contradicts = _evidence(effect, trials)
        if not supports:
            return None
        data = {
            "dimension": effect.dimension,
            "option": effect.option,
            "effect": effect.direction,
            "difference": effect.difference,
            "with_n": effect.with_n,
            "without_n": effect.without_n,
        }
        return Lesson(
            statement=render_line(self._phrase, "offline/lesson", data),
            dimension=effect.dimension,
            option=effect.option,
            effect="helps" if effect.difference > 0 else "hurts",
            supports=supports,
            contradicts=contradicts,
        )


def _evidence(effect: Effect, trials: Sequence[TrialView]) -> tuple[list[int], list[int]]:
    """Return the trials with the option on the stated side of the others' mean, and those on the other side.

    The clearest come first, `MAX_EVIDENCE` on each side.
    """
    outside = [accuracy(t) for t in trials if t.values[effect.position] != effect.option]
    middle = sum(outside) / len(outside)
    sign = 1.0 if effect.difference > 0 else -1.0
    inside = [t for t in trials if t.values[effect.position] == effect.option]
    ranked = sorted(inside, key=lambda t: (-sign * (accuracy(t) - middle), t.number))
    supports = [t.number for t in ranked if sign * (accuracy(t) - middle) > 0]
    contradicts = [t.number for t in reversed(ranked) if sign * (accuracy(t) - middle) <= 0]
    return sorted(supports[:MAX_EVIDENCE]), sorted(contradicts[:MAX_EVIDENCE])


def _is_refuted(lesson: LessonView, effects: Sequence[Effect]) -> bool:
    """Tell whether enough data now say that the option has no such effect."""
    for effect in effects:
        if (effect.dimension, effect.option) == (lesson.dimension, lesson.option):
            sign = {"helps": 1.0, "hurts": -1.0}.get(lesson.effect)
            return sign is not None and sign * effect.strength < REFUTED
    return False
