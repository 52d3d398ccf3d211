"""The four twins together, round after round on the toy space: they learn, and they repeat themselves."""

import random
import statistics
import time

from navarch.agents.surrogate import fit
from navarch.agents.views import LessonView

PER_ROUND = 4


def search(toy, seed, budget=40):
    """Return the accuracies in the order of evaluation, and the lessons' number."""
    trials, lessons = [], []
    known = set()
    for round in range(1, budget // PER_ROUND + 1):
        rng = random.Random(f"{seed}/{round}")
        direction = toy.twins["navigator"].act(toy.navigator_view(trials, lessons=lessons), rng).model_dump()
        build_on = [trials[number - 1] for number in direction["build_on"]]
        view = toy.generator_view(
            build_on=build_on, avoid=sorted(known), count=16, direction=direction, lessons=lessons
        )
        fresh = [tuple(p.architecture.values()) for p in toy.twins["generator"].act(view, rng).proposals]
        estimates = [(None, None)] * len(fresh)
        if trials:
            mean, std = fit([t.values for t in trials], [t.val_accuracy for t in trials]).predict(fresh)
            estimates = list(zip(mean.tolist(), std.tolist(), strict=True))
        candidates = [
            toy.candidate(n, v, *e) for n, (v, e) in enumerate(zip(fresh, estimates, strict=True), 1)
        ]
        critic_view = toy.critic_view(candidates, top=toy.top(trials), keep=PER_ROUND)
        ranked = sorted(toy.twins["critic"].act(critic_view, rng).verdicts, key=lambda v: -v.score)
        for verdict in ranked[:PER_ROUND]:
            values = fresh[verdict.candidate - 1]
            known.add(toy.code(values))
            trials.append(toy.trial(len(trials) + 1, values, round=round))
        for lesson in toy.twins["distiller"].act(toy.distiller_view(trials, lessons), rng).lessons:
            number = len(lessons) + 1
            facts = (lesson.statement, lesson.dimension, lesson.option, lesson.effect)
            lessons.append(LessonView(number, *facts, tuple(lesson.supports), tuple(lesson.contradicts)))
    return [trial.val_accuracy for trial in trials], lessons


def test_the_twins_beat_random_search_at_equal_trials(toy):
    ours = [max(search(toy, seed)[0]) for seed in range(4)]
    chance = [max(t.val_accuracy for t in toy.random_trials(40, seed)) for seed in range(100)]
    assert statistics.mean(ours) > statistics.mean(chance) + 3 * statistics.stdev(chance) / 2
    assert max(ours) == toy.score(("cedar",) * 5)


def test_later_trials_are_better_than_the_first(toy):
    accuracies, _ = search(toy, seed=0)
    assert statistics.mean(accuracies[-20:]) > statistics.mean(accuracies[:8]) + 5


def test_lessons_gather_and_are_true(toy):
    _, lessons = search(toy, seed=1)
    assert lessons
    assert all(
        (lesson.option, lesson.effect) not in {("oak", "helps"), ("cedar", "hurts")} for lesson in lessons
    )


def test_the_same_seed_repeats_the_search_exactly(toy):
    assert search(toy, seed=5) == search(toy, seed=5)


def test_a_hundred_trials_cost_little_of_the_processor(toy):
    start = time.process_time()
    search(toy, seed=0, budget=100)
    assert time.process_time() - start < 2.0
