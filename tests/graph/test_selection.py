"""Which candidates are evaluated, given the Critic's verdicts."""

import random

from hypothesis import given
from hypothesis import strategies as st

from navarch.agents.replies import Verdict
from navarch.graph.selection import choose


def verdict(candidate, decision="accept", score=0.5):
    return Verdict(candidate=candidate, decision=decision, score=score, reason="r")


def test_accepted_candidates_go_by_score_and_ties_by_order():
    verdicts = [verdict(1, score=0.2), verdict(2, score=0.9), verdict(3, score=0.9)]
    assert choose(verdicts, 3, 3, 0.0, random.Random(0)) == ([1, 2, 0], set())


def test_vetoed_candidates_come_last_and_unjudged_ones_between():
    verdicts = [verdict(1, "veto", 1.0), verdict(2, score=0.1)]
    assert choose(verdicts, 3, 3, 0.0, random.Random(0))[0] == [2, 1, 0]


def test_verdicts_on_candidates_that_were_not_shown_are_ignored():
    assert choose([verdict(9)], 2, 2, 0.0, random.Random(0))[0] == [0, 1]


@given(
    st.lists(st.tuples(st.integers(1, 64), st.booleans(), st.floats(0, 1)), max_size=80),
    st.integers(0, 64),
    st.integers(0, 64),
    st.floats(0, 1),
    st.integers(),
)
def test_the_choice_is_always_as_many_distinct_candidates_as_there_can_be(given, count, keep, share, seed):
    verdicts = [verdict(n, "veto" if vetoed else "accept", score) for n, vetoed, score in given]
    chosen, free = choose(verdicts, count, keep, share, random.Random(seed))
    assert len(chosen) == len(set(chosen)) == min(keep, count)
    assert all(0 <= index < count for index in chosen)
    assert free <= set(chosen)


def test_the_share_past_the_critic_is_met_on_average():
    rng = random.Random(1)
    verdicts = [verdict(n) for n in range(1, 17)]
    drawn = sum(len(choose(verdicts, 16, 4, 0.25, rng)[1]) for _ in range(2000))
    assert 0.22 < drawn / 8000 < 0.28
