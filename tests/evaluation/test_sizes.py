"""The size known before a network is built is the size of what would be built, and nothing above a limit is built.

RELIABILITY F11, over every space: random architectures and the largest and smallest, at ordinary and extreme sizes.
"""

import random
from dataclasses import replace
from functools import cache

import pytest
from metering import build_on_meta
from slices import slices

from navarch import NavarchError
from navarch.evaluation import Fidelity, Job, Limits, TrainEvaluator, cost_on, get_task, static_check
from navarch.spaces import get_space, space_names

FACTORS = (0, 1, 1, 1, 2, 4)  # of the published sizes; 0: every size is 1
LIMIT = 1_000_000
TASKS = tuple(
    replace(get_task("digits"), classes=classes, in_channels=channels, resolution=side)
    for classes, channels, side in ((10, 1, 12), (2, 3, 32), (1000, 3, 224), (120, 4, 65))
)


@cache
def extremes(name):
    """Return the smallest and the largest architecture that greedy steps from the first sample reach."""
    space = get_space(name)
    found = []
    for sign in (-1, 1):
        here = space.sample(random.Random(0))
        while True:
            best = max(space.neighbours(here), key=lambda arch: sign * size_of(space, arch))
            if sign * size_of(space, best) <= sign * size_of(space, here):
                break
            here = best
        found.append(here)
    return found


def size_of(space, architecture):
    return space.cost(architecture, classes=10).params


def draw(rng, name):
    """Return an architecture, a task and a skeleton, any of which may be extreme."""
    space = get_space(name)
    architecture = rng.choice([*extremes(name), *(space.sample(rng) for _ in range(6))])
    factor = rng.choice(FACTORS)
    sizes = {size: max(1, value * factor) for size, value in space.skeleton.items()}
    return space, architecture, rng.choice(TASKS), Fidelity(1, sizes)


def built_size(space, architecture, task, fidelity):
    network = build_on_meta(
        space,
        architecture,
        classes=task.classes,
        in_channels=task.in_channels,
        resolution=space.input_side(architecture, task.resolution),
        skeleton=fidelity.skeleton or None,
    )
    return sum(parameter.numel() for parameter in network.parameters())


def check(part, count):
    """Compare `count` draws, in turn of every space; sizes that a space refuses are refused both times."""
    rng, names = random.Random(part), [name for name in space_names() if not name.endswith(".toml")]
    compared = passed = 0
    for number in range(count):
        drawn = draw(rng, names[number % len(names)])
        try:
            estimate = cost_on(drawn[2], drawn[0], drawn[1], drawn[3]).params
        except NavarchError:
            with pytest.raises(NavarchError):
                built_size(*drawn)
            continue
        built = built_size(*drawn)
        assert abs(estimate - built) <= 0.01 * built, drawn
        is_refused = static_check(*drawn, Limits(max_params=LIMIT, max_macs=None)) is not None
        assert is_refused == (built > LIMIT), drawn
        compared, passed = compared + 1, passed + (not is_refused)
    assert compared > 0.7 * count
    assert 0.1 * compared < passed < 0.9 * compared


@pytest.mark.slow
def test_the_size_estimate_is_that_of_the_built_network():
    check(0, 13)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", slices(20))
def test_the_size_estimate_is_that_of_a_thousand_built_networks(part):
    check(1 + part, 1_000)


def test_nothing_above_a_limit_reaches_a_process():
    with TrainEvaluator(TASKS[0], limits=Limits(max_params=LIMIT), device="cpu") as evaluator:
        rng, outcomes = random.Random(0), []
        jobs = [
            Job(str(number), space.sample(rng), Fidelity(1, {"width": 512, "cells": 8}), 0)
            for number, space in enumerate([get_space("nas-bench-201")] * 1_000)
        ]
        over = [
            job
            for job in jobs
            if cost_on(TASKS[0], get_space(job.architecture.space), job.architecture, job.fidelity).params
            > LIMIT
        ]
        evaluator.evaluate_many(
            over,
            on_start=lambda job: None,
            on_outcome=lambda job, outcome: outcomes.append(outcome.reason),
            should_stop=lambda: False,
        )
        assert outcomes == ["invalid"] * len(over)
        assert len(over) > 900
        assert evaluator.server_pid is None
