"""The Generator's twin proposes distinct batches that follow the direction."""

import math
import random
import statistics
from collections import Counter
from dataclasses import replace

import pytest

from navarch.agents.offline import Traits, make_twins
from navarch.agents.views import ProblemView


def phrase(name, data):
    return name


def values_of(proposals):
    return [tuple(proposal.architecture.values()) for proposal in proposals.proposals]


def test_an_empty_memory_gives_a_varied_batch(toy):
    batch = values_of(toy.act("generator", toy.generator_view(count=16, direction={"explore": 1.0})))
    assert len(set(batch)) == 16
    apart = [sum(x != y for x, y in zip(a, b, strict=True)) for a in batch for b in batch if a < b]
    uniform = random.Random(0)
    plain = [tuple(uniform.choice(("ash", "beech", "cedar", "oak")) for _ in range(5)) for _ in range(200)]
    expected = [sum(x != y for x, y in zip(a, b, strict=True)) for a in plain for b in plain if a < b]
    assert sum(apart) / len(apart) > sum(expected) / len(expected)


def test_without_a_direction_it_explores_as_if_told_to(toy):
    undirected = replace(toy.generator_view(build_on=toy.random_trials(3)), direction={})
    exploring = replace(undirected, direction={"explore": 1.0})
    assert toy.act("generator", undirected) == toy.act("generator", exploring)


def test_each_proposal_names_every_dimension(toy):
    reply = toy.act("generator", toy.generator_view())
    assert all(list(p.architecture) == ["floor", "wall", "roof", "door", "sill"] for p in reply.proposals)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_to_avoid_is_proposed_again(toy, seed):
    trials = toy.random_trials(40)
    avoid = [trial.code for trial in trials]
    view = toy.generator_view(build_on=trials[:4], avoid=avoid, count=16)
    codes = [toy.code(values) for values in values_of(toy.act("generator", view, seed))]
    assert len(codes) == len(set(codes)) == 16
    assert not set(codes) & set(avoid)


def test_what_was_refused_is_not_proposed_again(toy):
    parents = toy.random_trials(3)
    first = toy.act("generator", toy.generator_view(build_on=parents))
    refused = [ProblemView(toy.code(values), "duplicate", ()) for values in values_of(first)]
    again = toy.act("generator", toy.generator_view(build_on=parents, refused=refused))
    assert not set(values_of(first)) & set(values_of(again))


def test_an_option_that_refusals_name_becomes_rarer(toy):
    parents = toy.random_trials(3)
    problem = {"code": "rule", "dimension": "floor", "value": "oak", "allowed": []}
    refused = [ProblemView("?", "invalid", (problem,))]
    plain, warned = Counter(), Counter()
    for seed in range(40):
        for count, extra in ((plain, ()), (warned, refused)):
            view = toy.generator_view(build_on=parents, refused=extra, direction={"explore": 0.0})
            count.update(values[0] for values in values_of(toy.act("generator", view, seed)))
    assert warned["oak"] < 0.8 * plain["oak"]


def test_guidance_and_lessons_move_the_batch(toy):
    parents = [toy.trial(1, ("ash",) * 5), toy.trial(2, ("beech",) * 5)]
    guidance = [{"dimension": "roof", "prefer": ["cedar"], "avoid": ["oak"]}]
    lessons = [toy.lesson(1, "door", "cedar", "helps"), toy.lesson(2, "door", "oak", "hurts")]
    roofs, doors = Counter(), Counter()
    for seed in range(30):
        direction = {"explore": 0.0, "guidance": guidance}
        view = toy.generator_view(build_on=parents, direction=direction, lessons=lessons, count=12)
        batch = values_of(toy.act("generator", view, seed))
        roofs.update(values[2] for values in batch)
        doors.update(values[3] for values in batch)
    assert roofs["cedar"] > 4 * roofs["oak"]
    assert doors["cedar"] > doors["oak"]


def test_without_exploration_most_proposals_stay_near_their_parents(toy):
    parents = [toy.trial(7, ("ash",) * 5)]
    view = toy.generator_view(build_on=parents, direction={"explore": 0.0}, count=10)
    reply = toy.act("generator", view)
    near = [sum(v != "ash" for v in values) <= 2 for values in values_of(reply)]
    assert sum(near) >= 6
    assert any("kind=mutation parents=[7]" in proposal.why for proposal in reply.proposals)


def test_unknown_names_in_guidance_and_lessons_are_harmless(toy):
    guidance = [{"dimension": "chimney", "prefer": ["brick"], "avoid": ["oak"]}]
    lessons = [toy.lesson(1, None, None, "helps"), toy.lesson(2, "roof", "straw", "hurts")]
    view = toy.generator_view(
        build_on=toy.random_trials(2), direction={"guidance": guidance}, lessons=lessons
    )
    assert len(toy.act("generator", view).proposals) == 8


def test_an_exhausted_space_still_gives_a_reply(toy):
    small = replace(toy.space, dimensions=toy.space.dimensions[:1])
    trials = [
        replace(toy.trial(n, (o,) * 5), values=(o,), code=o[0]) for n, o in enumerate(("ash", "oak"), 1)
    ]
    view = replace(toy.generator_view(build_on=trials, avoid=["a", "b", "c", "o"]), space=small)
    assert len(toy.act("generator", view).proposals) == 1


def test_a_small_space_gives_what_it_has_left(toy):
    small = replace(toy.space, dimensions=toy.space.dimensions[:1])
    view = replace(toy.generator_view(avoid=["a"]), space=small)
    assert sorted(values_of(toy.act("generator", view))) == [("beech",), ("cedar",), ("oak",)]


def test_the_same_view_and_random_state_give_the_same_batch(toy):
    view = toy.generator_view(build_on=toy.random_trials(5))
    assert toy.act("generator", view, seed=9) == toy.act("generator", view, seed=9)
    assert toy.act("generator", view, seed=9) != toy.act("generator", view, seed=10)


def test_with_a_history_it_proposes_what_should_be_better(toy):
    trials = toy.random_trials(30)
    top = toy.top(trials)
    plain, screened = [], []
    for seed in range(5):
        for found, history in ((plain, ()), (screened, trials)):
            view = toy.generator_view(build_on=top[:4], history=history, direction={"explore": 0.0})
            found += [toy.score(values) for values in values_of(toy.act("generator", view, seed))]
    assert statistics.mean(screened) > statistics.mean(plain) + 3


def test_what_equals_a_known_architecture_is_not_proposed(toy):
    def canonical(values):  # the door does not matter
        return (*values[:3], "-", values[4])

    twin = make_twins(phrase, Traits(canonical))["generator"]
    trials = toy.random_trials(30)
    view = toy.generator_view(
        build_on=trials[:4], history=trials, avoid=[t.code for t in trials], direction={"explore": 0.0}
    )
    batch = [canonical(values) for values in values_of(twin.act(view, random.Random(0)))]
    assert len(set(batch)) == len(batch) == 8
    assert not set(batch) & {canonical(trial.values) for trial in trials}


def test_a_known_prior_comes_first_and_only_at_the_start(toy):
    prior = ("beech",) * 5
    toy.space = replace(toy.space, prior=prior)
    assert values_of(toy.act("generator", toy.generator_view()))[0] == prior
    trials = [replace(toy.random_trials(1)[0], code="bbbbb", values=prior), *toy.random_trials(8)[1:]]
    later = toy.generator_view(build_on=trials[:2], history=trials, direction={"explore": 0.0})
    assert values_of(toy.act("generator", later))[0] != prior


def test_a_known_prior_is_named_until_it_is_measured(toy):
    prior = ("beech",) * 5
    toy.space = replace(toy.space, prior=prior)
    trials = [trial for trial in toy.random_trials(3) if trial.values != prior][:1]
    past_the_critic = toy.generator_view(build_on=trials, history=trials, avoid=[t.code for t in trials])
    assert values_of(toy.act("generator", past_the_critic))[0] == prior
    measured = toy.generator_view(build_on=trials, history=trials, avoid=[trials[0].code, "bbbbb"])
    assert prior not in values_of(toy.act("generator", measured))


@pytest.mark.parametrize(
    ("bound", "prior", "n_samples"), [(math.inf, None, 4), (0.0, None, 0), (math.inf, ("ash",) * 5, 0)]
)
def test_where_nothing_is_left_to_gain_half_of_the_batch_is_drawn_anywhere(
    toy, monkeypatch, bound, prior, n_samples
):
    monkeypatch.setattr("navarch.agents.offline.outlook.USED_UP", bound)
    toy.space = replace(toy.space, prior=prior)
    trials = toy.random_trials(30)
    view = toy.generator_view(
        build_on=toy.top(trials)[:4], count=8, direction={"explore": 0.0}, history=trials
    )
    whys = [proposal.why for proposal in toy.act("generator", view).proposals]
    assert len(whys) == 8
    assert sum("kind=anywhere" in why for why in whys) == n_samples


def test_what_is_drawn_anywhere_keeps_to_the_limits(limited_toy, monkeypatch):
    monkeypatch.setattr("navarch.agents.offline.outlook.USED_UP", math.inf)
    toy = limited_toy
    trials = toy.random_trials(60)
    view = toy.generator_view(
        build_on=toy.top(trials)[:4], count=32, direction={"explore": 0.0}, history=trials
    )
    drawn = [p for p in toy.act("generator", view).proposals if "kind=anywhere" in p.why]
    costs = [toy.cost(tuple(proposal.architecture.values())) for proposal in drawn]
    assert len(costs) == 16
    assert max(costs) <= 200
