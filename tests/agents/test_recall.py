"""Recall builds the four views from what is stored, the same ones before and after a kill."""

import itertools
import json

import pytest

from navarch.agents.offline.outlook import Traits, fit_to
from navarch.agents.recall import Recall
from navarch.agents.surrogate import _fit
from navarch.evaluation import Fidelity, get_task
from navarch.graph.history import remember_canonical, remember_path_counts
from navarch.memory import Memory, NewProposal, NewTrial, ProposalUpdate
from navarch.spaces import get_space

RUN = "demo"
SMALL = Fidelity(6, {"width": 4, "cells": 1})
DIRECTION = {"summary": "s", "patterns": [], "guidance": [], "build_on": [2, 1, 77, 2], "explore": 0.2}
COST = {"seconds": 1.0, "train_seconds": 1.0, "peak_memory_mb": 1.0, "device": "cpu", "epochs": 1}


class Story:
    """A run, told round by round."""

    def __init__(self, path):
        self.space = get_space("nas-bench-201")
        self.task = get_task("digits")
        self.memory = Memory.open(path)
        self.memory.create_run(
            run_id=RUN,
            workflow="navarch",
            space=self.space.name,
            task=self.task.name,
            task_digest=self.task.digest,
            evaluator="train",
            seed=0,
            settings={},
            version="0",
        )

    def recall(self, **changes):
        settings = {
            "target": 99.0,
            "max_params": None,
            "max_macs": None,
            "trials_budget": 24,
            "fidelity": SMALL,
            "proposals_per_call": 16,
            "trials_per_round": 4,
        }
        return Recall(self.memory, self.space, self.task, RUN, **{**settings, **changes})

    def propose(self, round, attempt, codes, status="valid"):
        """Store proposals and what the validator made of them."""
        items = [
            NewProposal(position=position, origin="generator", raw=json.dumps(code), why="w")
            for position, code in enumerate(codes)
        ]
        rows = self.memory.add_proposals(RUN, round, attempt, items)
        self.memory.judge_proposals(RUN, [self.judged(row, status) for row in rows])
        return self.memory.proposals(RUN, round, attempt)

    def judged(self, row, status):
        arch = self.space.parse(json.loads(row.raw))
        return ProposalUpdate(
            row.proposal_id,
            status,
            architecture=self.space.to_dict(arch),
            code=self.space.code(arch),
            digest=self.space.digest(arch),
        )

    def finish(self, round, results):
        """Store finished trials: code -> accuracy, None for a failed one."""
        cost = {"classes": 10, "in_channels": 1, "resolution": 28}
        new = []
        for code in results:
            arch = self.space.parse(code)
            price = self.space.cost(arch, **cost)
            new.append(
                NewTrial(
                    space=self.space.name,
                    architecture=self.space.to_dict(arch),
                    code=code,
                    genotype=self.space.genotype(arch),
                    digest=self.space.digest(arch),
                    task=self.task.name,
                    task_digest=self.task.digest,
                    fidelity={"epochs": 6, "skeleton": {}},
                    seed=0,
                    params=price.params,
                    macs=price.macs,
                )
            )
        rows = self.memory.add_trials(RUN, round, new)
        for row, accuracy in zip(rows, results.values(), strict=True):
            self.memory.start_trial(row.trial_id)
            failed = accuracy is None
            self.memory.finish_trial(
                row.trial_id,
                state="failed" if failed else "complete",
                reason="oom" if failed else None,
                detail="",
                objectives={} if failed else {"val_accuracy": accuracy},
                curve=[],
                cost=COST,
            )
            self.memory.set_feedback(row.trial_id, {"trial": row.number})

    def play(self, round, results, direction=None):
        self.memory.open_round(RUN, round)
        if direction is not None:
            self.memory.set_direction(RUN, round, direction)
        self.finish(round, results)
        self.memory.close_round(RUN, round, new_trials=len(results), best=None)


FIRST = {"333133": 80.0, "111111": 40.0, "333333": None, "222222": 70.0}
SECOND = {"333132": 85.0, "323133": 84.0}
ALL_CODES = ["".join(digits) for digits in itertools.product("12340", repeat=6)][:1000]


@pytest.fixture
def story(tmp_path):
    story = Story(tmp_path / "navarch.db")
    yield story
    story.memory.close()


@pytest.fixture
def told(story):
    story.play(1, FIRST, DIRECTION)
    story.play(2, SECOND, DIRECTION)
    return story


def test_an_empty_memory_gives_empty_views(story):
    story.memory.open_round(RUN, 1)
    recall = story.recall()
    seen = recall.navigator(1)
    assert (seen.new, seen.top, seen.history, seen.lessons, seen.rounds_without_gain) == ((), (), (), (), 0)
    asked = recall.generator(1, 0)
    assert (asked.build_on, asked.avoid, asked.refused, asked.count) == ((), (), (), 16)
    candidates = story.propose(1, 0, ["333133", "111111"])
    judged = recall.critic(1, candidates)
    assert [c.estimate for c in judged.candidates] == [None, None]
    assert [c.nearest for c in judged.candidates] == [None, None]
    assert recall.distiller(1).new == ()


def test_the_mission_tells_what_is_left(told):
    mission = told.recall().navigator(3).mission
    assert (mission.round, mission.trials_done, mission.trials_budget) == (3, 6, 24)
    assert (mission.target, mission.epochs, mission.metric) == (99.0, 6, "accuracy")
    assert (mission.classes, mission.in_channels) == (told.task.classes, told.task.in_channels)


def test_the_navigator_sees_new_top_and_history(told):
    view = told.recall().navigator(3)
    assert [t.number for t in view.new] == [5, 6]
    assert [t.number for t in view.top] == [5, 6, 1, 4, 2]
    assert [t.number for t in view.history] == [1, 2, 3, 4, 5, 6]
    assert view.history[2].state == "failed"
    assert view.history[2].val_accuracy is None
    assert view.history[0].values == told.space.parse("333133").values


def test_feedback_stands_with_the_new_and_not_in_the_history(told):
    view = told.recall().navigator(3)
    assert [t.feedback for t in view.new] == [{"trial": 5}, {"trial": 6}]
    assert {t.feedback is None for t in view.history} == {True}


def test_limits_decide_what_is_best(told):
    small = told.space.cost(told.space.parse("222222"), classes=10, in_channels=1, resolution=28).params
    view = told.recall(max_params=small).navigator(3)
    assert [t.code for t in view.top] == ["222222", "111111"]
    assert view.rounds_without_gain == 1


def test_rounds_without_gain_are_counted_from_the_last_gain(told):
    assert told.recall().navigator(3).rounds_without_gain == 0
    told.play(3, {"444444": 20.0}, DIRECTION)
    told.play(4, {"000000": None}, DIRECTION)
    assert told.recall().navigator(5).rounds_without_gain == 2


def test_refusals_of_the_last_round_are_counted(told):
    told.propose(2, 0, ["333133", "111111"], "duplicate")
    told.propose(2, 1, ["333132"], "vetoed")
    assert told.recall().navigator(3).refused == {"invalid": 0, "duplicate": 2, "vetoed": 1}
    assert told.recall().navigator(2).refused == {"invalid": 0, "duplicate": 0, "vetoed": 0}


def test_the_generator_gets_the_trials_that_the_direction_names(told):
    told.memory.open_round(RUN, 3)
    told.memory.set_direction(RUN, 3, DIRECTION)
    view = told.recall().generator(3, 0)
    assert [t.number for t in view.build_on] == [2, 1]
    assert view.direction == DIRECTION
    assert set(view.avoid) == {*FIRST, *SECOND}


def test_without_a_direction_the_generator_builds_on_the_best(told):
    told.memory.open_round(RUN, 3)
    view = told.recall().generator(3, 0)
    assert [t.number for t in view.build_on] == [5, 6, 1]
    assert view.direction == {}
    assert told.recall().critic(3, told.propose(3, 0, ["333111"])).direction == {}


def test_a_retry_tells_what_was_refused_and_avoids_what_was_accepted(told):
    told.memory.open_round(RUN, 3)
    told.propose(3, 0, ["333111"])
    item = NewProposal(position=0, origin="generator", raw=json.dumps("99" * 200))
    (row,) = told.memory.add_proposals(RUN, 3, 1, [item])
    told.memory.judge_proposals(RUN, [ProposalUpdate(row.proposal_id, "invalid", problems=[{"code": "c"}])])
    told.propose(3, 2, ["444444"], "duplicate")
    recall = told.recall()
    assert recall.generator(3, 0).refused == ()
    second, third = recall.generator(3, 2), recall.generator(3, 3)
    assert [r.status for r in second.refused] == ["invalid"]
    assert second.refused[0].problems == ({"code": "c"},)
    assert len(second.refused[0].architecture) <= 300
    assert [r.status for r in third.refused] == ["invalid", "duplicate"]
    assert third.refused[1].architecture == "444444"
    assert "333111" in second.avoid
    assert "333111" not in recall.generator(3, 0).avoid


def test_the_critic_sees_estimates_costs_and_the_nearest_trial(told):
    told.memory.open_round(RUN, 3)
    candidates = told.propose(3, 0, ["333131", "111110"])
    view = told.recall().critic(3, candidates, 1)
    good, bad = view.candidates
    assert view.keep == 1
    assert (good.index, good.code, good.why) == (1, "333131", "w")
    assert good.estimate > bad.estimate
    assert good.uncertainty > 0
    assert (good.nearest, good.nearest_distance) == (1, 1)
    assert told.task.default_fidelity[told.space.name].skeleton != SMALL.skeleton
    cost = told.space.cost(
        told.space.parse("333131"),
        classes=told.task.classes,
        in_channels=told.task.in_channels,
        resolution=told.task.resolution,
        skeleton=SMALL.skeleton,  # that of the trials
    )
    assert (good.params, good.macs) == (cost.params, cost.macs)


def test_equal_functions_get_equal_estimates(told):
    told.memory.open_round(RUN, 3)
    twins = ("310321", "130312")
    assert len({told.space.digest(told.space.parse(code)) for code in twins}) == 1
    a, b = told.recall().critic(3, told.propose(3, 0, twins)).candidates
    assert (a.estimate, a.uncertainty, a.nearest_distance) == (b.estimate, b.uncertainty, b.nearest_distance)


def test_the_estimates_and_the_twins_share_one_fit_with_the_path_counts(told):
    told.memory.open_round(RUN, 3)
    candidates = told.propose(3, 0, ["333131", "111110"])
    path_counts = remember_path_counts(told.space)
    recall = told.recall(path_counts=path_counts)
    view = recall.critic(3, candidates)
    before = _fit.cache_info()
    surrogate = fit_to(Traits(remember_canonical(told.space), path_counts), view.history)
    assert _fit.cache_info().hits == before.hits + 1
    shown = [told.space.canonical(told.space.parse(c.values)).values for c in view.candidates]
    assert [c.estimate for c in view.candidates] == [
        round(m, 4) for m in surrogate.predict(shown).mean.tolist()
    ]
    assert [c.estimate for c in view.candidates] != [
        c.estimate for c in told.recall().critic(3, candidates).candidates
    ]


def test_the_critic_is_shown_no_more_than_it_can_judge(told):
    told.memory.open_round(RUN, 3)
    view = told.recall().critic(3, told.propose(3, 0, ALL_CODES[:80]))
    assert [c.index for c in view.candidates] == list(range(1, 65))


def test_the_distiller_sees_the_rounds_outcomes(told):
    view = told.recall().distiller(2)
    assert [t.number for t in view.new] == [5, 6]
    assert [t.number for t in view.history] == [1, 2, 3, 4, 5, 6]
    assert view.mission.trials_done == 6


def test_lessons_count_from_the_next_round_until_they_are_retired(told):
    told.memory.add_lesson(RUN, 1, "early", None, None, "unclear", [1], [])
    told.memory.add_lesson(RUN, 2, "late", "edge_0_1", "none", "hurts", [1, 2], [5])
    told.memory.retire_lesson(RUN, 1, 2)
    recall = told.recall()
    assert [lesson.statement for lesson in recall.navigator(1).lessons] == []
    assert [lesson.statement for lesson in recall.navigator(2).lessons] == ["early"]
    assert [lesson.statement for lesson in recall.distiller(2).lessons] == ["early"]
    assert [lesson.statement for lesson in recall.navigator(3).lessons] == ["late"]
    assert recall.navigator(3).lessons[0].supports == (1, 2)


def test_a_resumed_run_shows_what_was_shown_before(told):
    told.memory.open_round(RUN, 3)
    told.memory.set_direction(RUN, 3, DIRECTION)
    candidates = told.propose(3, 0, ["333131", "111110"])
    recall = told.recall()
    shown = [
        recall.navigator(3),
        recall.generator(3, 0),
        recall.generator(3, 1),
        recall.critic(3, candidates),
    ]
    told.memory.judge_proposals(
        RUN, [ProposalUpdate(candidates[1].proposal_id, "vetoed", verdict={"score": 0.1})]
    )
    told.memory.add_lesson(RUN, 3, "new", None, None, "unclear", [1], [])
    told.finish(3, {"333131": 86.0})
    for again in (recall, told.recall()):
        assert shown == [
            again.navigator(3),
            again.generator(3, 0),
            again.generator(3, 1),
            again.critic(3, candidates),
        ]


def test_earlier_rounds_are_read_once(told, monkeypatch):
    recall = told.recall()
    first = recall.navigator(3)
    monkeypatch.setattr(told.memory, "trials", None)
    assert recall.navigator(3) == first
    assert [t.number for t in recall.navigator(2).history] == [1, 2, 3, 4]


def test_a_round_that_is_over_is_read_once_for_the_distiller_and_the_next_navigator(told, monkeypatch):
    fresh, recall = told.recall(), told.recall()
    seen = recall.distiller(2)
    monkeypatch.setattr(told.memory, "trials", None)
    shown = recall.navigator(3)
    assert (shown.digest, shown.history, shown.new) == (seen.digest, seen.history, seen.new)
    monkeypatch.undo()
    assert (fresh.navigator(3), fresh.distiller(2)) == (shown, seen)


def test_a_round_without_feedback_is_not_over_and_read_afresh(told, monkeypatch):
    recall = told.recall()
    monkeypatch.setattr(told.memory, "set_feedback", lambda *_: None)
    told.finish(3, {"333131": 86.0})
    assert [t.number for t in recall.distiller(3).new] == [7]
    told.finish(3, {"111110": 30.0})
    assert [t.number for t in recall.distiller(3).new] == [7, 8]
    assert [t.number for t in recall.distiller(3).history] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_long_histories_keep_the_best_and_the_latest(story):
    cells = {story.space.digest(story.space.parse(code)): code for code in ALL_CODES}
    codes = list(cells.values())[:125]
    story.play(1, {code: 90.0 - n / 2 for n, code in enumerate(codes)}, DIRECTION)
    numbers = [t.number for t in story.recall().navigator(2).history]
    assert numbers == [*range(1, 51), *range(76, 126)]


def test_no_view_names_the_space_the_task_or_a_path(told):
    told.memory.open_round(RUN, 3)
    recall = told.recall()
    views = [recall.navigator(3), recall.generator(3, 0), recall.distiller(2)]
    views.append(recall.critic(3, told.propose(3, 0, ["333131"])))
    text = json.dumps([view.to_dict() for view in views]).lower()
    for name in (
        told.space.name,
        told.space.title,
        told.task.name,
        told.task.title,
        "bench",
        str(told.memory.path),
    ):
        assert name.lower() not in text
