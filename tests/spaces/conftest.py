"""Fixtures of the search space tests: the shipped spaces, and a small one that is made for the tests."""

import itertools

import pytest

from navarch.spaces import Architecture, Cost, SearchSpace, get_space
from navarch.spaces.declaration import load_declaration

TOY = """
name = "toy"
title = "A toy"
summary = "Two choices."

[skeleton]
width = 4

[options]
size = [
    { name = "small", code = "s", meaning = "little" },
    { name = "large", code = "l", meaning = "much" },
]

[[dimensions]]
name = "first"
meaning = "the first choice"
options = "size"

[[dimensions]]
name = "second"
meaning = "the second choice"
options = [
    { name = "3", code = "3", meaning = "three" },
    { name = "5", code = "5", meaning = "five" },
    { name = "7", code = "7", meaning = "seven" },
]
"""


class ToySpace(SearchSpace):
    def cost(self, arch, *, classes, in_channels=3, resolution=None, skeleton=None):
        return Cost(self._sizes(skeleton)["width"], 1)

    def build(self, arch, *, classes, in_channels=3, resolution=None, skeleton=None):
        raise NotImplementedError


@pytest.fixture(scope="session")
def nb201():
    return get_space("nas-bench-201")


@pytest.fixture(scope="session")
def all_cells(nb201):
    names = nb201.dimensions[0].names
    return [Architecture(nb201.name, values) for values in itertools.product(names, repeat=6)]


@pytest.fixture
def toy_toml():
    return TOY


@pytest.fixture
def toy(tmp_path):
    path = tmp_path / "toy.toml"
    path.write_text(TOY)
    return ToySpace(load_declaration(path))


@pytest.fixture
def one_thread():
    """Compute small networks with one thread; several would mostly wait for one another."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def only_counted_layers(monkeypatch):
    """Leave out what is slow on the meta device, keeps shapes and is not counted: norms, activations, first values."""
    from torch import nn

    for layer in (nn.BatchNorm2d, nn.LayerNorm, nn.ReLU, nn.Hardswish, nn.Hardsigmoid):
        monkeypatch.setattr(layer, "forward", lambda self, x: x)
    monkeypatch.setattr(nn.functional, "gelu", lambda x: x)
    for name in ("kaiming_uniform_", "uniform_", "ones_", "zeros_", "trunc_normal_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *args, **options: tensor)
