"""A search space: what follows from its declaration alone, and the four things that a subclass adds.

From the dimensions come the validator, the schema, the data of the prompt section, sampling, neighbours,
crossover, features, distance and digest. A subclass adds which architectures are equal (`canonical`), the
published encoding (`genotype`, `_read_published`), the cost (`cost`) and the network (`build`).
"""

import hashlib
import json
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from navarch import NavarchError
from navarch.spaces.declaration import Declaration
from navarch.spaces.problems import shorten
from navarch.spaces.reader import Reader
from navarch.spaces.spec import Architecture, Cost

if TYPE_CHECKING:
    import torch

_DIGEST_CHARACTERS = 16


class Difference(NamedTuple):
    """One dimension in which two architectures differ, with the option of each."""

    dimension: str
    before: str
    after: str


class SearchSpace(ABC):
    """A declared search space, and what a searcher, a validator, a prompt and an evaluator need of it."""

    def __init__(self, declaration: Declaration) -> None:
        self.name = declaration.name
        self.title = declaration.title
        self.summary = declaration.summary
        self.dimensions = declaration.dimensions
        self.rules = declaration.rules
        self.skeleton = declaration.skeleton
        self.size = prod(len(dimension.options) for dimension in self.dimensions)
        self._names = tuple(dimension.names for dimension in self.dimensions)
        self._positions = tuple({name: i for i, name in enumerate(names)} for names in self._names)
        self._reader = Reader(self.dimensions, self._read_published)

    # --- Reading and writing ---

    def parse(self, raw: object) -> Architecture:
        """Return the architecture that an object, a list or a text stands for.

        raw: an object {dimension: option}, a list of options in the order of the dimensions (options by name
        or code), the compact code ("333132"), or the published encoding.
        Raises: InvalidArchitecture with every problem found, and nothing else whatever `raw` is. The work is
        bounded.
        """
        return Architecture(self.name, self._reader.read(raw))

    def to_dict(self, arch: Architecture) -> dict[str, str]:
        """Return the option name of every dimension; the form that the schema describes and `parse` reads."""
        self._indices(arch)
        return {dimension.name: value for dimension, value in zip(self.dimensions, arch.values, strict=True)}

    def code(self, arch: Architecture) -> str:
        """Return the compact code: one character per dimension."""
        pairs = zip(self.dimensions, self._indices(arch), strict=True)
        return "".join(dimension.options[i].code for dimension, i in pairs)

    def genotype(self, arch: Architecture) -> str:
        """Return the published encoding; the compact code where a space has no other."""
        return self.code(arch)

    # --- Equality ---

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the representative of all architectures that compute the same function.

        It is the architecture itself where a space has no such rule.
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

    # --- Searching ---

    def sample(self, rng: random.Random) -> Architecture:
        """Return an architecture drawn uniformly."""
        return Architecture(self.name, tuple(rng.choice(names) for names in self._names))

    def neighbours(self, arch: Architecture) -> tuple[Architecture, ...]:
        """Return every architecture that differs in one dimension, by dimension and then by option."""
        self._indices(arch)
        return tuple(
            Architecture(self.name, (*arch.values[:i], name, *arch.values[i + 1 :]))
            for i, names in enumerate(self._names)
            for name in names
            if name != arch.values[i]
        )

    def crossover(self, a: Architecture, b: Architecture, rng: random.Random) -> Architecture:
        """Return a child that takes each dimension from either parent with equal chance."""
        self._indices(a)
        self._indices(b)
        return Architecture(
            self.name, tuple(rng.choice(pair) for pair in zip(a.values, b.values, strict=True))
        )

    def features(self, arch: Architecture) -> tuple[float, ...]:
        """Return the one-hot encoding of the canonical form: one number per option of every dimension."""
        indices = self._indices(self.canonical(arch))
        return tuple(
            float(k == chosen)
            for names, chosen in zip(self._names, indices, strict=True)
            for k in range(len(names))
        )

    def distance(self, a: Architecture, b: Architecture) -> int:
        """Return in how many dimensions two architectures differ, as they are written."""
        return sum(x != y for x, y in zip(self._indices(a), self._indices(b), strict=True))

    # --- Describing ---

    def json_schema(self) -> dict[str, object]:
        """Return the JSON schema of `to_dict`: a required enum of option names per dimension, no prose."""
        return {
            "type": "object",
            "properties": {
                dimension.name: {"type": "string", "enum": list(dimension.names)}
                for dimension in self.dimensions
            },
            "required": [dimension.name for dimension in self.dimensions],
            "additionalProperties": False,
        }

    def describe(self) -> dict[str, object]:
        """Return the declaration as plain data for prompts, without the name and title of the space."""
        return {
            "summary": self.summary,
            "dimensions": [
                {
                    "name": dimension.name,
                    "meaning": dimension.meaning,
                    "options": [
                        {"name": o.name, "code": o.code, "meaning": o.meaning} for o in dimension.options
                    ],
                }
                for dimension in self.dimensions
            ],
            "rules": list(self.rules),
            "size": self.size,
            "code_example": self._code_example(),
        }

    # --- Costing and building ---

    @abstractmethod
    def cost(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int = 32,
        skeleton: Mapping[str, int] | None = None,
    ) -> Cost:
        """Return the exact cost of the network that `build` makes, without building it.

        resolution: height and width of the square input, in pixels. skeleton: sizes that replace published
        ones.
        """

    @abstractmethod
    def build(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        skeleton: Mapping[str, int] | None = None,
    ) -> "torch.nn.Module":
        """Return the network, freshly initialised.

        x: (batch, in_channels, height, width) float -> (batch, classes) logits.
        It takes any height and width. skeleton: sizes that replace published ones.
        """

    # --- For subclasses ---

    def _read_published(self, text: str) -> tuple[str, ...] | None:
        """Return the option names that a text in the published encoding holds; None for another encoding.

        text: of bounded length. Raises: InvalidArchitecture where the text means to be in the encoding and is
        wrong.
        """
        return None

    def _complete_skeleton(self, skeleton: Mapping[str, int] | None) -> dict[str, int]:
        """Return the published sizes, replaced where given. Raises: NavarchError for unknown or bad ones."""
        sizes = dict(self.skeleton)
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
            return tuple(at[value] for at, value in zip(self._positions, arch.values, strict=True))
        except (KeyError, TypeError, ValueError):
            raise NavarchError(
                f"{shorten(arch.values)} does not hold one option name for every dimension of {self.name!r}: "
                "make architectures with parse"
            ) from None

    def _code_example(self) -> str:
        """Return a code that shows as many options as possible, so that it recommends none."""
        return "".join(
            dimension.options[i % len(dimension.options)].code for i, dimension in enumerate(self.dimensions)
        )


def find_differences(a: Architecture, b: Architecture, space: SearchSpace) -> tuple[Difference, ...]:
    """Return the dimensions in which two architectures differ as they are written, in order."""
    before, after = space.to_dict(a), space.to_dict(b)
    return tuple(
        Difference(name, before[name], after[name]) for name in before if before[name] != after[name]
    )


def require_positive(**sizes: int) -> None:
    """Refuse sizes that are no integers of at least 1. Raises: NavarchError."""
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise NavarchError(f"{name} must be an integer of at least 1, not {shorten(size)}")
