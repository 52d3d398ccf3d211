"""The twins of the papers' workflows: they see their views alone, and use what these say."""

import random
from collections import Counter

import pytest

from navarch.agents.collm import StrategyView
from navarch.agents.seki import EvolutionView, InspirationView, PatternsView
from navarch.agents.views import ProblemView

CEDAR_FLOOR = {"dimension": "floor", "advice": "a", "prefer": ["cedar"], "avoid": ["oak"]}


def follow(toy, directions, *, count=20, refused=(), seed=0):
    strategy = {"summary": "s", "patterns": [], "directions": directions} if directions is not None else {}
    view = StrategyView(toy.space, strategy, count, tuple(refused))
    proposals = toy.act("collm-nas/generator", view, seed).proposals
    return [tuple(proposal.architecture.values()) for proposal in proposals]


def test_a_batch_follows_the_strategy_and_holds_no_architecture_twice(toy):
    batch = follow(toy, [CEDAR_FLOOR])
    assert len(batch) == len(set(batch)) == 20
    floors = Counter(values[0] for values in batch)
    assert floors["cedar"] > 10
    assert floors["oak"] <= 2
    assert len({values[1] for values in batch}) == 4


def test_without_a_strategy_the_batch_is_spread_evenly(toy):
    batch = follow(toy, None, count=60)
    assert all(count > 5 for count in Counter(values[0] for values in batch).values())


def test_a_refused_proposal_is_not_made_again(toy):
    batch = follow(toy, [CEDAR_FLOOR], seed=3)
    refused = [ProblemView(toy.code(values), "duplicate", ()) for values in batch]
    assert not set(batch) & set(follow(toy, [CEDAR_FLOOR], refused=refused, seed=3))


def test_the_navigators_strategy_names_what_the_trials_favour(toy):
    trials = toy.random_trials(40)
    strategy = toy.act("collm-nas/navigator", toy.navigator_view(trials))
    assert strategy.directions
    for heading in strategy.directions:
        assert heading.prefer[0] != "oak"
        assert all(
            option in heading.advice for option in (heading.dimension, *heading.prefer, *heading.avoid)
        )
    assert toy.act("collm-nas/navigator", toy.navigator_view()).directions == []


def evolve(toy, current, refused=(), seed=0):
    view = EvolutionView(toy.mission(), toy.space, current, tuple(refused))
    reply = toy.act("seki/self-evolution", view, seed)
    return reply.strategies, tuple(reply.architecture.values())


@pytest.mark.parametrize("seed", range(10))
def test_self_evolution_changes_one_or_two_dimensions_and_says_which(toy, seed):
    current = toy.random_trials(1)[0]
    strategies, values = evolve(toy, current, seed=seed)
    changed = [name for name, old, new in zip(NAMES, current.values, values, strict=True) if old != new]
    assert 1 <= len(changed) == len(strategies) <= 2
    assert all(f"dimension={name}" in text for name, text in zip(changed, strategies, strict=True))
    refused = [ProblemView(toy.code(values), "duplicate", ())]
    assert evolve(toy, current, refused, seed=seed)[1] != values


NAMES = ("floor", "wall", "roof", "door", "sill")


def test_self_evolution_begins_somewhere_where_nothing_is_measured(toy):
    strategies, values = evolve(toy, None)
    assert len(strategies) == len(values) == 5


def test_patterns_name_the_options_that_most_of_the_drawn_share(toy):
    drawn = (
        toy.trial(1, ("cedar", "ash", "oak", "oak", "oak")),
        toy.trial(2, ("cedar", "beech", "ash", "oak", "ash")),
        toy.trial(3, ("cedar", "cedar", "beech", "ash", "beech")),
    )
    found = toy.act("seki/patterns", PatternsView(toy.mission(), toy.space, drawn)).patterns
    assert "dimension=floor option=cedar count=3 of=3" in found[0]
    assert "dimension=door option=oak count=2 of=3" in found[1]
    assert len(toy.act("seki/patterns", PatternsView(toy.mission(), toy.space, ())).patterns) == 1


def test_inspiration_mixes_the_drawn_and_repeats_none_of_them(toy):
    drawn = tuple(
        toy.trial(n, ("cedar", "ash", "oak", "oak", option)) for n, option in enumerate(("ash", "oak"), 1)
    )
    view = InspirationView(toy.mission(), toy.space, drawn, ("p",), ())
    made = [tuple(toy.act("seki/inspiration", view, seed).architecture.values()) for seed in range(100)]
    assert not {trial.values for trial in drawn} & set(made)
    assert Counter(values[0] for values in made)["cedar"] > 35


@pytest.mark.parametrize(
    "name", ["collm-nas/navigator", "seki/self-evolution", "seki/patterns", "seki/inspiration"]
)
def test_the_same_view_and_random_state_give_the_same_reply(toy, name):
    trials = tuple(toy.random_trials(12))
    views = {
        "collm-nas/navigator": toy.navigator_view(list(trials)),
        "seki/self-evolution": EvolutionView(toy.mission(), toy.space, trials[0], ()),
        "seki/patterns": PatternsView(toy.mission(), toy.space, trials),
        "seki/inspiration": InspirationView(toy.mission(), toy.space, trials, (), ()),
    }
    replies = [toy.twins[name].act(views[name], random.Random(7)) for _ in range(2)]
    assert replies[0] == replies[1]
