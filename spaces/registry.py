"""The search spaces by name: those that Navarch ships, those that other packages offer, and users' TOML files."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from navarch import NavarchError
from navarch.spaces.declaration import load_declaration
from navarch.spaces.declared import DeclaredSpace
from navarch.spaces.problems import shorten
from navarch.spaces.space import SearchSpace

CATALOGUE = Path(__file__).parent / "catalogue"
ENTRY_POINTS = "navarch.spaces"  # the group of a package that offers a space: NAME = "module:make_space"

# name: (module, function or class, catalogue file); it is called with the declaration in the file and the name
_SPACES: dict[str, tuple[str, str, str]] = {
    "autoformer-base": ("navarch.spaces.autoformer", "AutoFormer", "autoformer-base"),
    "autoformer-small": ("navarch.spaces.autoformer", "AutoFormer", "autoformer-small"),
    "autoformer-tiny": ("navarch.spaces.autoformer", "AutoFormer", "autoformer-tiny"),
    "autoformer-tiny-r3": ("navarch.spaces.autoformer", "AutoFormer", "autoformer-tiny-r3"),
    "darts": ("navarch.spaces.darts", "Darts", "darts"),
    "nas-bench-201": ("navarch.spaces.nas_bench_201", "NasBench201", "nas-bench-201"),
    "nas-bench-macro": ("navarch.spaces.nas_bench_macro", "NasBenchMacro", "nas-bench-macro"),
    "nats-size": ("navarch.spaces.nats_size", "NatsSize", "nats-size"),
    "ofa-mobilenetv3": ("navarch.spaces.ofa", "OfaMobileNetV3", "ofa-mobilenetv3"),
    "ofa-mobilenetv3-w1.2": ("navarch.spaces.ofa", "make_wide", "ofa-mobilenetv3"),
    "spos-shufflenetv2": ("navarch.spaces.spos", "SposShuffleNetV2", "spos-shufflenetv2"),
    "transnas-macro": ("navarch.spaces.transnas", "TransNasMacro", "transnas-macro"),
    "transnas-micro": ("navarch.spaces.transnas", "TransNasMicro", "transnas-micro"),
}


def space_names() -> tuple[str, ...]:
    """Return the names of all search spaces, sorted, those of other packages among them."""
    return tuple(sorted({*_SPACES, *entry_points(group=ENTRY_POINTS).names}))


def get_space(name: str) -> SearchSpace:
    """Return a search space by name, or from the path of a TOML file; by name the same object every time.

    Raises: NavarchError for unknown names, and for files that are no declaration.
    """
    if name in _SPACES:
        return _make_shipped(name)
    if name.endswith(".toml"):
        return _declare(Path(name))
    if name in space_names():
        return _load_offered(name)
    known = ", ".join(space_names())
    raise NavarchError(
        f"unknown search space {shorten(name)}: known are {known}; a file with a declaration ends in .toml"
    )


def _declare(path: Path) -> DeclaredSpace:
    """Return the space that a file declares, once it is sure that architectures can be drawn from it."""
    declaration = load_declaration(path)
    try:
        space = DeclaredSpace(declaration)
        size = space.size
        space.prior  # noqa: B018  (reads it, to refuse a wrong one here)
    except NavarchError as error:
        raise NavarchError(f"{path}: {error}") from None
    if space.name in space_names():
        raise NavarchError(
            f"{path}: the name {space.name!r} is that of another search space: choose a new one"
        )
    if size == 0:
        raise NavarchError(f"{path}: the constraints leave no architecture: loosen one of them")
    return space


@cache
def _make_shipped(name: str) -> SearchSpace:
    module, maker, file = _SPACES[name]
    make: Callable[[object], SearchSpace] = getattr(import_module(module), maker)
    return make(load_declaration(CATALOGUE / f"{file}.toml"))


@cache
def _load_offered(name: str) -> SearchSpace:
    """Return the space that another package offers under a name."""
    found = entry_points(group=ENTRY_POINTS, name=name)
    point = next(iter(found))
    try:
        space = point.load()()
    except Exception as error:
        raise NavarchError(
            f"the search space {name!r} of {point.value!r} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(space, SearchSpace) or space.name != name:
        raise NavarchError(
            f"the entry point {name!r} ({point.value}) must return a SearchSpace of this name, not {shorten(space)}"
        )
    return space
