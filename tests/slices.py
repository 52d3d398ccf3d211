"""Long checks in parts: CI runs the first part of each, `make exhaustive` all of them."""

import pytest


def slices(number):
    """Return the numbers of the parts for `parametrize`: the first is slow, the others are exhaustive."""
    first, *others = range(number)
    return [
        pytest.param(first, marks=pytest.mark.slow),
        *(pytest.param(part, marks=pytest.mark.exhaustive) for part in others),
    ]
