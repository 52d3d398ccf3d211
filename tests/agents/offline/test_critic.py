"""The Critic's twin ranks by expected improvement and vetoes with restraint."""

from dataclasses import replace

import numpy as np
import pytest

from navarch.agents.offline.critic import put_unknown_first, rank_batch
from navarch.agents.offline.outlook import is_used_up
from navarch.agents.surrogate import expected_improvement, fit

BEST = ("cedar",) * 5


@pytest.fixture
def top(toy):
    return [toy.trial(1, BEST, 90.0)]


def test_the_candidate_with_most_to_gain_scores_highest(toy, top):
    candidates = [
        toy.candidate(1, ("ash",) * 5, 80.0, 1.0),
        toy.candidate(2, ("oak",) * 5, 91.0, 1.0),
        toy.candidate(3, ("beech",) * 5, 89.0, 1.0),
    ]
    scores = {v.candidate: v.score for v in toy.act("critic", toy.critic_view(candidates, top=top)).verdicts}
    assert scores[2] > scores[3] > scores[1]


def test_it_judges_without_a_direction(toy, top):
    view = toy.critic_view([toy.candidate(1, ("ash",) * 5, 80.0, 1.0)], top=top)
    assert toy.act("critic", replace(view, direction={})) == toy.act("critic", view)


def test_uncertainty_counts_for_a_candidate(toy, top):
    candidates = [toy.candidate(1, ("ash",) * 5, 88.0, 0.1), toy.candidate(2, ("oak",) * 5, 88.0, 3.0)]
    first, second = toy.act("critic", toy.critic_view(candidates, top=top)).verdicts
    assert second.score > first.score


def test_a_likely_copy_of_a_ranked_candidate_comes_later(toy, top):
    candidates = [
        toy.candidate(1, ("ash", "ash", "ash", "ash", "ash"), 91.0, 1.0),
        toy.candidate(2, ("ash", "ash", "ash", "ash", "oak"), 90.95, 1.0),
        toy.candidate(3, ("oak", "oak", "oak", "oak", "oak"), 90.8, 1.0),
    ]
    scores = {v.candidate: v.score for v in toy.act("critic", toy.critic_view(candidates, top=top)).verdicts}
    assert scores[1] > scores[3] > scores[2]


def test_the_hopeless_are_vetoed_but_never_below_what_is_kept(toy, top):
    candidates = [toy.candidate(n, (o,) * 5, 60.0 + n, 1.0) for n, o in enumerate(("ash", "oak", "beech"), 1)]
    verdicts = toy.act("critic", toy.critic_view(candidates, top=top, keep=2)).verdicts
    assert [v.decision for v in verdicts] == ["veto", "accept", "accept"]


def test_a_candidate_that_could_be_best_is_not_vetoed(toy, top):
    candidates = [toy.candidate(n, (o,) * 5, 89.0, 2.0) for n, o in enumerate(("ash", "oak", "beech"), 1)]
    verdicts = toy.act("critic", toy.critic_view(candidates, top=top, keep=1)).verdicts
    assert {v.decision for v in verdicts} == {"accept"}


def test_without_estimates_all_are_accepted_and_ranked_apart(toy):
    candidates = [
        toy.candidate(1, ("ash", "ash", "ash", "ash", "ash")),
        toy.candidate(2, ("ash", "ash", "ash", "ash", "oak")),
        toy.candidate(3, ("oak", "oak", "oak", "oak", "oak")),
    ]
    verdicts = toy.act("critic", toy.critic_view(candidates)).verdicts
    assert {v.decision for v in verdicts} == {"accept"}
    assert len({v.score for v in verdicts}) == 3
    assert verdicts[2].score > verdicts[1].score


def test_each_candidate_has_one_verdict_in_the_order_shown(toy, top):
    candidates = [toy.candidate(n, t.values, 85.0, 1.0) for n, t in enumerate(toy.random_trials(16), 1)]
    verdicts = toy.act("critic", toy.critic_view(candidates, top=top)).verdicts
    assert [v.candidate for v in verdicts] == list(range(1, 17))
    assert all(0.0 < v.score <= 1.0 for v in verdicts)


def test_the_reason_comes_from_the_phrase_with_the_figures(toy, top):
    verdict = toy.act(
        "critic", toy.critic_view([toy.candidate(1, ("ash",) * 5, 88.0, 0.5)], top=top)
    ).verdicts[0]
    assert (
        verdict.reason
        == "offline/verdict decision=accept estimate=88.0 uncertainty=0.5 best=90.0 least_known=False"
    )


def test_a_missing_incumbent_is_no_obstacle(toy):
    candidates = [toy.candidate(1, ("ash",) * 5, 88.0, 0.5), toy.candidate(2, ("oak",) * 5, 70.0, 0.5)]
    assert len(toy.act("critic", toy.critic_view(candidates)).verdicts) == 2


def test_a_repeated_candidate_is_ranked_last_once_its_twin_is_chosen(toy):
    trials = toy.random_trials(40)
    surrogate = fit([t.values for t in trials], [t.val_accuracy for t in trials])
    best = max(trial.val_accuracy for trial in trials) - 3.0
    unseen = [t.values for t in toy.random_trials(60, seed=1) if t.values not in {k.values for k in trials}]
    gains = expected_improvement(surrogate.predict(unseen), best)
    first, second = (unseen[position] for position in np.argsort(-gains)[:2])
    assert rank_batch(surrogate, [first, first, second], best, [1.0, 1.0, 1.0]) == [0, 2, 1]
    assert rank_batch(surrogate, [first, first, second], best, [1e-6, 1e-6, 1.0])[0] == 2


def test_a_known_prior_is_evaluated_first(toy):
    prior = ("beech",) * 5
    toy.space = replace(toy.space, prior=prior)
    candidates = [toy.candidate(n, (o,) * 5) for n, o in enumerate(("ash", "oak", "beech", "cedar"), 1)]
    verdicts = toy.act("critic", toy.critic_view(candidates)).verdicts
    assert max(verdicts, key=lambda verdict: verdict.score).candidate == 3


def judged_beyond_reach(toy):
    """Judge copies of trials but for one edit, and one stranger, where no trial can reach the best."""
    trials = toy.random_trials(12)
    near = [(*trial.values[:4], "ash" if trial.values[4] != "ash" else "oak") for trial in trials[:4]]
    stranger = max(
        (t.values for t in toy.random_trials(200, seed=3)),
        key=lambda v: min(sum(a != b for a, b in zip(v, t.values, strict=True)) for t in trials),
    )
    candidates = [toy.candidate(n, v, 60.0, 1.0) for n, v in enumerate([*near, stranger], 1)]
    top = [toy.trial(1, BEST, 1000.0)]
    surrogate = fit([t.values for t in trials], [t.val_accuracy for t in trials])
    order = rank_batch(surrogate, [c.values for c in candidates], 1000.0, [1.0] * 5)
    return toy.act("critic", toy.critic_view(candidates, top=top, keep=1, history=trials)).verdicts, order


def test_where_nothing_is_left_to_gain_the_least_known_comes_first_and_is_not_vetoed(toy, monkeypatch):
    monkeypatch.setattr("navarch.agents.offline.outlook.USED_UP", float("inf"))
    verdicts, _ = judged_beyond_reach(toy)
    first = max(verdicts, key=lambda verdict: verdict.score)
    assert (first.candidate, first.decision) == (5, "accept")
    assert {v.decision for v in verdicts if v is not first} == {"veto"}
    assert [v.candidate for v in verdicts if "least_known=True" in v.reason] == [5]


def test_with_something_to_gain_or_a_prior_the_order_is_that_of_the_gains(toy, monkeypatch):
    monkeypatch.setattr("navarch.agents.offline.outlook.USED_UP", 0.0)
    verdicts, order = judged_beyond_reach(toy)
    assert max(verdicts, key=lambda verdict: verdict.score).candidate == order[0] + 1
    monkeypatch.setattr("navarch.agents.offline.outlook.USED_UP", float("inf"))
    toy.space = replace(toy.space, prior=("oak",) * 5)
    assert max(judged_beyond_reach(toy)[0], key=lambda verdict: verdict.score).candidate != 5


def test_the_least_known_is_put_before_all_others(toy):
    trials = toy.random_trials(12)
    surrogate = fit([t.values for t in trials], [t.val_accuracy for t in trials])
    known, unknown = [t.values for t in trials[:3]], ("a", "b", "c", "d", "e")
    assert put_unknown_first(surrogate, [*known, unknown], [1, 3, 0, 2]) == [3, 1, 0, 2]


def test_an_improvement_is_used_up_below_its_bound():
    assert is_used_up([0.0, 9e-4])
    assert not is_used_up([0.0, 1e-3])
    assert not is_used_up([])
