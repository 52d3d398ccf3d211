"""How often a fault is acted out: a few times in every suite, and to the full number under `make faults`."""

import pytest


def times(quick, full):
    """Return a decorator: the test runs `quick` times, and up to `full` times in the exhaustive suite."""
    later = [pytest.param(number, marks=pytest.mark.exhaustive) for number in range(quick, full)]

    def mark(test):
        repeated = pytest.mark.parametrize("attempt", [*range(quick), *later], indirect=True)
        return pytest.mark.usefixtures("attempt")(repeated(test))

    return mark
