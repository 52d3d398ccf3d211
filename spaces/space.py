"""A search space: what follows from its declaration alone, and the four things that a subclass adds.

From the dimensions, their activity and constraints come the validator, the schema, the data of the prompt
section, sampling, neighbours, crossover, features, distance and digest. A subclass adds which architectures are
equal (`canonical`), the paths of a graph (`path_counts`), the published encoding (`genotype`, `_read_published`),
the cost (`cost`), the network (`build`) and the drawing (`sketch`).
"""

import hashlib
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from navarch import NavarchError
from navarch.spaces.bounded import draw_within
from navarch.spaces.declaration import Declaration
from navarch.spaces.description import describe_structure, make_schema
from navarch.spaces.paths import Operations
from navarch.spaces.problems import InvalidArchitecture, shorten
from navarch.spaces.reader import Reader
from navarch.spaces.sketch import Sketch, StageTable
from navarch.spaces.spec import INACTIVE, Architecture, Cost
from navarch.spaces.structure import Structure

if TYPE_CHECKING:
    import torch

_DIGEST_CHARACTERS = 16


class SearchSpace(ABC):
    """A declared search space, and what a searcher, a validator, a prompt and an evaluator need of it."""

    siblings: tuple[str, ...] = ()  # spaces that hold published architectures which this one may refuse

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.name = declaration.name
        self.title = declaration.title
        self.summary = declaration.summary
        self.dimensions = declaration.dimensions
        self.rules = declaration.rules
        self.skeleton = declaration.skeleton
        self.input = declaration.input
        self.structure = Structure(declaration.dimensions, declaration.constraints)
        self.names = self.structure.names
        self._positions = tuple(
            {**{name: i for i, name in enumerate(options)}, **({INACTIVE: -1} if dimension.when else {})}
            for options, dimension in zip(self.structure.options, self.dimensions, strict=True)
        )
        self._operations = Operations(self.dimensions)
        self._reader = Reader(self.structure, self._read_published)

    @property
    def size(self) -> int:
        """How many architectures there are, as published."""
        return self.structure.size

    @cached_property
    def prior(self) -> Architecture | None:
        """Return where the declaration says that a search may start. Raises: NavarchError for a wrong one."""
        raw = self.declaration.prior
        try:
            return None if raw is None else self.parse(raw)
        except InvalidArchitecture as error:
            raise NavarchError(f"prior {shorten(raw)} of {self.name!r} is no architecture: {error}") from None

    @property
    def origin(self) -> "SearchSpace":
        """The space whose architectures these really are: itself, unless it hides another."""
        return self

    def reveal(self, arch: Architecture) -> Architecture:
        """Return the architecture of `origin` that this one really is."""
        return arch

    # --- Reading and writing ---

    def parse(self, raw: object) -> Architecture:
        """Return the architecture that an object, a list or a text stands for.

        raw: an object {dimension: option}, a list of options in the order of the dimensions (options by name
        or code), the compact code ("333132"), or the published encoding. A dimension that is not in use is left
        out of the object, or INACTIVE.
        Raises: InvalidArchitecture with every problem found, and nothing else whatever `raw` is. The work is
        bounded.
        """
        return Architecture(self.name, self._reader.read(raw))

    def read_with_resolution(self, raw: object) -> tuple[Architecture, int | None]:
        """Return what `parse` returns, and the side of the image where the encoding names one of its own."""
        return self.parse(raw), None

    def to_dict(self, arch: Architecture) -> dict[str, str]:
        """Return the option name of every dimension; the form that the schema describes and `parse` reads."""
        self._indices(arch)
        return dict(zip(self.names, arch.values, strict=True))

    def code(self, arch: Architecture) -> str:
        """Return the compact code: one character per dimension, INACTIVE where one is not in use."""
        pairs = zip(self.dimensions, self._indices(arch), strict=True)
        return "".join(dimension.options[i].code if i >= 0 else INACTIVE for dimension, i in pairs)

    def genotype(self, arch: Architecture) -> str:
        """Return the published encoding; the compact code where a space has no other."""
        return self.code(arch)

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the representative of the architectures that the space's rule makes equal.

        They compute the same function; not every pair that does need be seen.
        """
        self._indices(arch)
        return arch

    def digest(self, arch: Architecture) -> str:
        """Return 16 hex digits that equal architectures share: sha256 over space and canonical values."""
        text = json.dumps([self.name, *self.canonical(arch).values], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]

    def diversity_label(self, arch: Architecture) -> str:
        """Return the label of a looser, published equality: to report diversity, never to reuse a result."""
        return self.digest(arch)

    def sample(self, rng: random.Random) -> Architecture:
        """Return an architecture of which every dimension in use is drawn uniformly, those it depends on first."""
        return Architecture(self.name, self.structure.sample(rng))

    def sample_within(
        self,
        rng: random.Random,
        measure: Callable[[Architecture], float],
        low: float,
        high: float,
    ) -> Architecture:
        """Return an architecture whose measure lies in [low, high]. Raises: NavarchError; see `bounded.py`."""
        return draw_within(self, rng, measure, low, high)

    def neighbours(self, arch: Architecture) -> tuple[Architecture, ...]:
        """Return every architecture one edit away, by dimension and then by option.

        What an edit brings into use takes its first option; edits that break a constraint are left out.
        """
        self._indices(arch)
        return tuple(Architecture(self.name, near) for near in self.structure.neighbours(arch.values))

    def crossover(self, a: Architecture, b: Architecture, rng: random.Random) -> Architecture:
        """Return a child that takes each dimension from either parent with equal chance."""
        self._indices(a)
        self._indices(b)
        return Architecture(self.name, self.structure.crossover(a.values, b.values, rng))

    def features(self, arch: Architecture) -> tuple[float, ...]:
        """Return the one-hot encoding of the canonical form; all 0 for a dimension that is not in use."""
        pairs = zip(self.structure.options, self._indices(self.canonical(arch)), strict=True)
        return tuple(float(k == chosen) for options, chosen in pairs for k in range(len(options)))

    def path_counts(self, arch: Architecture) -> tuple[float, ...]:
        """Return how often each operation stands on a path, in the mean; here all dimensions in use form one."""
        return self._operations.count(self._indices(arch))

    def distance(self, a: Architecture, b: Architecture) -> int:
        """Return in how many dimensions two architectures differ, as they are written."""
        return sum(x != y for x, y in zip(self._indices(a), self._indices(b), strict=True))

    def json_schema(self) -> dict[str, object]:
        """Return the JSON schema of `to_dict`: a required enum of option names per dimension, no prose.

        A dimension that is not always in use may be INACTIVE; strict servers want every member required.
        """
        return make_schema(self.dimensions)

    def describe(self) -> dict[str, object]:
        """Return the declaration as plain data for prompts, without the name and title of the space."""
        return {
            "summary": self.summary,
            **describe_structure(self.structure),
            "rules": list(self.rules),
            "size": self.size,
            "example": list(self._example()),
            "code_example": self.code(Architecture(self.name, self._example())),
        }

    # --- Costing and building ---

    def input_side(self, arch: Architecture, side: int) -> int:
        """Return the side of the images that the network reads: the given one, unless the architecture chooses it."""
        return side

    @abstractmethod
    def cost(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> Cost:
        """Return the exact cost of the network that `build` makes, without building it.

        resolution: height and width of the square input, in pixels; None for the published one. skeleton: sizes
        that replace published ones.
        """

    def other_costs(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> dict[str, int | float]:
        """Return further costs by name, such as a count that a paper prints under another convention."""
        return {}

    @abstractmethod
    def build(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> "torch.nn.Module":
        """Return the network, freshly initialised.

        x: (batch, in_channels, height, width) float -> (batch, classes) logits. resolution: the side of the images
        that it will read, where the network depends on it; None for the published one. skeleton: sizes that
        replace published ones.
        """

    def sketch(self, arch: Architecture) -> tuple[Sketch, ...]:
        """Return what a drawing of the architecture shows."""
        rows = tuple(pair for pair in self.to_dict(arch).items() if pair[1] != INACTIVE)
        return (StageTable(self.title, ("dimension", "option"), rows),)

    # --- For subclasses ---

    def _read_published(self, raw: str | Mapping[object, object] | Sequence[object]) -> Sequence[str] | None:
        """Return the option names of something in the published encoding; None where it is in another.

        raw: a text of bounded length, an object or a list. Raises: InvalidArchitecture where it means to be in the
        encoding and is wrong.
        """
        return None

    def _resolution(self, resolution: int | None) -> int:
        """Return the side of the input in pixels. Raises: NavarchError for bad ones."""
        if resolution is None:
            return self.input.resolution
        require_positive(resolution=resolution)
        return resolution

    def _sizes(self, skeleton: Mapping[str, int] | None, resolution: int | None = None) -> dict[str, int]:
        """Return the published sizes, replaced where given. Raises: NavarchError for unknown or bad ones."""
        large = self.declaration.large_skeleton
        is_large = large is not None and self._resolution(resolution) >= large.from_resolution
        sizes = dict(large.sizes if large is not None and is_large else self.skeleton)
        for key, value in (skeleton or {}).items():
            if key not in sizes:
                known = ", ".join(sizes) or "none"
                raise NavarchError(
                    f"{self.name} has no size {shorten(key)} in its skeleton: known sizes are {known}"
                )
            sizes[key] = value
        require_positive(**sizes)
        return sizes

    def _indices(self, arch: Architecture) -> tuple[int, ...]:
        """Return the position of every value. Raises: NavarchError for an architecture of another space."""
        if arch.space != self.name:
            raise NavarchError(
                f"an architecture of {shorten(arch.space)} was given to the search space {self.name!r}"
            )
        try:
            return tuple([at[value] for at, value in zip(self._positions, arch.values, strict=True)])
        except (KeyError, TypeError, ValueError):
            raise NavarchError(
                f"{shorten(arch.values)} does not hold one option name for every dimension of {self.name!r}: "
                "make architectures with parse"
            ) from None

    def _example(self) -> tuple[str, ...]:
        """Return a legal architecture that shows many options."""
        plain = tuple(options[i % len(options)] for i, options in enumerate(self.structure.options))
        return plain if self.structure.is_legal(plain) else self.structure.sample(random.Random(0))


def require_positive(**sizes: int) -> None:
    """Refuse sizes that are no integers of at least 1. Raises: NavarchError."""
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise NavarchError(f"{name} must be an integer of at least 1, not {shorten(size)}")
