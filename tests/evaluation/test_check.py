import random

import pytest

from navarch.evaluation import Fidelity, Limits, OverLimit, static_check

DEFAULT = Fidelity(1, {"width": 16, "cells": 5})


def test_an_ordinary_architecture_passes(space, digits):
    assert static_check(space, space.parse("333333"), digits, DEFAULT, Limits(), memory_mb=1024) is None


@pytest.mark.parametrize("size", [{"width": 10**9, "cells": 1}, {"width": 16, "cells": 10**9}])
def test_an_absurd_size_is_refused_at_once(space, digits, size):
    over = static_check(space, space.parse("333333"), digits, Fidelity(1, size), Limits())
    assert isinstance(over, OverLimit)
    assert "above the limit" in str(over)


def test_the_limits_of_the_user_hold_exactly(space, digits):
    architecture = space.parse("333132")
    cost = space.cost(architecture, classes=10, in_channels=1, resolution=digits.resolution)

    def check(**limits):
        return static_check(space, architecture, digits, DEFAULT, Limits(**limits))

    assert check(max_params=cost.params, max_macs=cost.macs) is None
    assert check(max_params=cost.params - 1).quantity == "params"
    assert check(max_macs=cost.macs - 1).quantity == "macs"


def test_parameters_that_cannot_fit_the_memory_are_refused(space, digits):
    fidelity = Fidelity(1, {"width": 512, "cells": 1})
    over = static_check(space, space.parse("333333"), digits, fidelity, Limits(None, None), memory_mb=100)
    assert over is not None
    assert over.quantity == "memory"


def test_nothing_above_a_limit_passes(space, digits):
    stream = random.Random(0)
    limits = Limits(max_params=800_000, max_macs=10**9)
    for _ in range(300):
        architecture = space.sample(stream)
        cost = space.cost(architecture, classes=10, in_channels=1, resolution=digits.resolution)
        refused = static_check(space, architecture, digits, DEFAULT, limits) is not None
        assert refused == (cost.params > 800_000 or cost.macs > 10**9)
