"""What stands on the way from input to output: by hand, against all paths written out, and under other names."""

import random

import pytest

from navarch.spaces import get_space
from navarch.spaces.obfuscated import ObfuscatedSpace
from navarch.spaces.paths import mean_path

NAMES = (
    "nas-bench-201",
    "transnas-micro",
    "transnas-macro",
    "nas-bench-macro",
    "nats-size",
    "darts",
    "ofa-mobilenetv3",
)
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


def draw(space, count):
    rng = random.Random(3)
    return [space.sample(rng) for _ in range(count)]


def walk(values, node=0):
    """Yield the operations on every path from a node to the output of a cell of four nodes."""
    if node == 3:
        yield ()
    for (source, target), operation in zip(EDGES, values, strict=True):
        if source == node and operation != "none":
            yield from ((operation, *rest) for rest in walk(values, target))


def test_the_mean_is_over_paths_not_over_edges():
    edges = [(0, 1, 0), (0, 2, 1), (1, 2, 2)]  # 0 -> 1 -> 2 and 0 -> 2
    assert mean_path(edges, 3, (0,), (2,)) == (0.5, 0.5, 0.5)
    assert mean_path([*edges, (2, 3, 0)], 3, (0,), (3,)) == (1.5, 0.5, 0.5)


def test_what_no_path_reaches_does_not_count():
    assert mean_path([(1, 2, 0), (0, 3, 1)], 2, (0,), (3,)) == (0.0, 1.0)
    assert mean_path([(0, 1, 0)], 2, (0,), (3,)) == (0.0, 0.0)


@pytest.mark.parametrize("name", ["nas-bench-201", "transnas-micro"])
def test_a_cell_counts_what_all_its_paths_written_out_hold(name):
    space = get_space(name)
    for cell in draw(space, 200):
        paths = list(walk(cell.values))
        expected = [
            sum(path.count(operation) for path in paths) / max(len(paths), 1)
            for operation in space.dimensions[0].names
        ]
        assert space.path_counts(cell) == pytest.approx(expected)


def test_a_chain_counts_the_options_in_use():
    space = get_space("nas-bench-macro")
    chain = space.parse("00122221")
    counts = dict(zip(space.dimensions[0].names, space.path_counts(chain), strict=True))
    assert counts == {"identity": 2.0, "mbconv_k3_t3": 2.0, "mbconv_k5_t6": 4.0}
    assert sum(get_space("ofa-mobilenetv3").path_counts(draw(get_space("ofa-mobilenetv3"), 1)[0])) < 45


@pytest.mark.parametrize("name", NAMES)
def test_equal_architectures_share_it_under_any_names(name):
    space = get_space(name)
    hidden = ObfuscatedSpace(space, 7)
    for arch in draw(space, 50):
        counts = space.path_counts(arch)
        assert space.path_counts(space.canonical(arch)) == pytest.approx(counts)
        assert hidden.path_counts(hidden.hide(arch)) == counts
