"""The Distiller's twin states effects with their evidence, and retires what no longer holds."""

import pytest


def test_nothing_is_learnt_from_nothing(toy):
    reply = toy.act("distiller", toy.distiller_view([]))
    assert not reply.lessons
    assert not reply.retire


def test_a_strong_effect_becomes_a_lesson_with_its_trials(toy):
    trials = toy.random_trials(40)
    (lesson,) = toy.act("distiller", toy.distiller_view(trials)).lessons
    by_number = {trial.number: trial for trial in trials}
    position = ("floor", "wall", "roof", "door", "sill").index(lesson.dimension)
    assert (lesson.option, lesson.effect) in {("oak", "hurts"), ("cedar", "helps")}
    assert all(by_number[n].values[position] == lesson.option for n in lesson.supports + lesson.contradicts)
    assert not set(lesson.supports) & set(lesson.contradicts)
    outside = [t.val_accuracy for t in trials if t.values[position] != lesson.option]
    sign = 1 if lesson.effect == "helps" else -1
    assert all(sign * (by_number[n].val_accuracy - sum(outside) / len(outside)) > 0 for n in lesson.supports)


def test_the_next_lesson_is_another_one(toy):
    trials = toy.random_trials(60)
    stated, lessons = set(), []
    for number in range(1, 4):
        (lesson,) = toy.act("distiller", toy.distiller_view(trials, lessons)).lessons
        assert (lesson.dimension, lesson.option) not in stated
        stated.add((lesson.dimension, lesson.option))
        lessons.append(toy.lesson(number, lesson.dimension, lesson.option, lesson.effect))


def test_noise_gives_no_lesson(toy):
    trials = [toy.trial(t.number, t.values, 50.0) for t in toy.random_trials(30)]
    assert not toy.act("distiller", toy.distiller_view(trials)).lessons


def test_few_trials_give_no_lesson(toy):
    assert not toy.act("distiller", toy.distiller_view(toy.random_trials(4))).lessons


def test_a_refuted_lesson_is_retired(toy):
    wrong, right = toy.lesson(1, "wall", "oak", "helps"), toy.lesson(2, "wall", "oak", "hurts")
    reply = toy.act("distiller", toy.distiller_view(toy.random_trials(60), [wrong, right]))
    assert reply.retire == [1]


@pytest.mark.parametrize("effect", ["helps", "hurts", "unclear"])
def test_a_lesson_without_enough_data_stays(toy, effect):
    trials = [toy.trial(n, ("ash",) * 5) for n in range(1, 9)]
    assert not toy.act("distiller", toy.distiller_view(trials, [toy.lesson(1, "wall", "oak", effect)])).retire


def test_a_lesson_about_no_option_is_left_alone(toy):
    general = toy.lesson(1, None, None, "helps")
    assert not toy.act("distiller", toy.distiller_view(toy.random_trials(40), [general])).retire


def test_evidence_is_capped(toy):
    (lesson,) = toy.act("distiller", toy.distiller_view(toy.random_trials(400))).lessons
    assert len(lesson.supports) == 16
    assert len(lesson.contradicts) <= 16


def test_failed_trials_are_no_evidence(toy):
    trials = [*toy.random_trials(40), toy.trial(41, ("oak",) * 5, None)]
    (lesson,) = toy.act("distiller", toy.distiller_view(trials)).lessons
    assert 41 not in lesson.supports + lesson.contradicts
