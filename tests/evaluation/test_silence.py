"""Trials that are slow but alive, and trials that fell silent (RELIABILITY F10)."""

import time

import pytest
from repeating import times

SILENT_S = 2.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def listening(make_rig):
    """A rig whose trials have to give signs of life."""
    rig = make_rig(silent_s=SILENT_S)
    rig.run()  # the server starts with the first trial
    return rig


@times(1, 10)
def test_a_trial_that_is_slow_but_alive_is_kept(listening):
    begun = time.monotonic()
    outcome = listening.run("slow:40")  # 80 batches and more
    assert time.monotonic() - begun > 1.5 * SILENT_S
    assert (outcome.state, outcome.detail, outcome.cost.attempts) == ("complete", "", 1)


@times(1, 10)
def test_a_trial_that_fell_silent_is_run_again_once_and_says_so(listening, tmp_path):
    begun = time.monotonic()
    outcome = listening.run(f"silent_until:{tmp_path / 'note'}", seed=3)
    assert (outcome.state, outcome.cost.attempts) == ("complete", 2)
    assert outcome.detail.startswith("run again after ")
    assert outcome.detail.endswith(" s, as it had fallen silent")
    assert SILENT_S < outcome.cost.seconds < time.monotonic() - begun
    alone = listening.run(seed=3)
    assert (outcome.objectives, outcome.curve) == (alone.objectives, alone.curve)


@times(1, 10)
def test_a_trial_that_falls_silent_twice_fails_as_timeout_long_before_its_deadline(listening, processes):
    begun = time.monotonic()
    outcome = listening.run("silent")
    assert (outcome.state, outcome.reason, outcome.cost.attempts) == ("failed", "timeout", 2)
    assert "silent for 2 s, once again" in outcome.detail
    assert 2 * SILENT_S < time.monotonic() - begun < 60.0
    assert processes.children(listening.evaluator.server_pid) == []


def test_a_retried_trial_is_started_once_for_whoever_watches(listening, tmp_path):
    listening.evaluator._fault = f"silent_until:{tmp_path / 'note'}"
    told = []
    listening.evaluator.evaluate_many(
        listening.jobs(1),
        on_start=lambda job: told.append("start"),
        on_outcome=lambda job, outcome: told.append(outcome.state),
        should_stop=lambda: False,
    )
    assert told == ["start", "complete"]


def test_the_deadline_holds_for_a_trial_that_gives_signs_of_life(listening):
    outcome = listening.run("slow:40", timeout_s=1.0)
    assert (outcome.reason, outcome.cost.attempts) == ("timeout", 1)
    assert "time limit of 1 s" in outcome.detail
