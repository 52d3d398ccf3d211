"""Numbers of things in words."""

import pytest

from navarch.graph.counting import counted


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "trial", "1 trial"),
        (0, "trial", "0 trials"),
        (2, "model call", "2 model calls"),
        (1, "reply", "1 reply"),
        (3, "reply", "3 replies"),
        (12_000, "token", "12,000 tokens"),
    ],
)
def test_one_thing_is_singular_and_all_other_numbers_are_plural(number, noun, said):
    assert counted(number, noun) == said
