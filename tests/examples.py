"""How many examples a property is tried with: as many as its test asks for, and a share of them in `make check`."""

from hypothesis import settings


def examples(number):
    """Return a decorator: the test draws `number` examples, and fewer where the profile of the suite draws fewer."""
    return settings(max_examples=max(1, number * settings.default.max_examples // 100))
