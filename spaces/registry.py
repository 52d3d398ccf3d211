"""The search spaces that Navarch ships, by name."""

from functools import cache
from pathlib import Path

from navarch import NavarchError
from navarch.spaces.declaration import load_declaration
from navarch.spaces.nas_bench_201 import NasBench201
from navarch.spaces.problems import shorten
from navarch.spaces.space import SearchSpace

_CATALOGUE = Path(__file__).parent / "catalogue"
_SPACES: dict[str, type[SearchSpace]] = {"nas-bench-201": NasBench201}


def space_names() -> tuple[str, ...]:
    """Return the names of all search spaces, sorted."""
    return tuple(sorted(_SPACES))


@cache
def get_space(name: str) -> SearchSpace:
    """Return a search space, the same object every time. Raises: NavarchError for unknown names."""
    if name not in _SPACES:
        raise NavarchError(f"unknown search space {shorten(name)}: known are {', '.join(space_names())}")
    return _SPACES[name](load_declaration(_CATALOGUE / f"{name}.toml"))
