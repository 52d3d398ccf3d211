"""A search space under neutral names, so that a model cannot answer from what it remembers of a benchmark.

Dimensions are permuted and renamed, options permuted and renamed, and every word about them is replaced by the
neutral ones of `neutral.toml`. Options that share name and meaning keep sharing a name, so that what is learnt
of an option in one dimension can still be carried to another. Costs, networks, digests and published encodings
are those of the real architecture.
"""

import random
import string
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from navarch.spaces.constraints import Constraint, Distinct, Forbidden
from navarch.spaces.declaration import Declaration
from navarch.spaces.sketch import Sketch
from navarch.spaces.space import SearchSpace
from navarch.spaces.spec import INACTIVE, Architecture, Condition, Cost, Dimension, Option
from navarch.spaces.toml_table import TomlTable

if TYPE_CHECKING:
    import torch

_WORDS = Path(__file__).parent / "neutral.toml"
_CODES = string.digits + string.ascii_uppercase + string.ascii_lowercase


@dataclass(frozen=True, slots=True)
class _Words:
    """What is said of a space whose meaning is hidden."""

    title: str
    summary: str
    dimension: str
    option: str
    constraint: str


@cache
def _words() -> _Words:
    table = TomlTable(str(_WORDS), tomllib.loads(_WORDS.read_text(encoding="utf-8")))
    words = _Words(*(table.text(key) for key in _Words.__slots__))
    table.finish()
    return words


@dataclass(frozen=True, slots=True)
class _Names:
    """The neutral names.

    order: real positions of the dimensions, as they are shown. options: neutral by real name, for each real
    dimension by name. all_options: every neutral name, sorted.
    """

    order: tuple[int, ...]
    dimensions: Mapping[str, str]
    options: Mapping[str, Mapping[str, str]]
    all_options: tuple[str, ...]

    @classmethod
    def draw(cls, space: SearchSpace, seed: int) -> "_Names":
        rng = random.Random(f"obfuscate/{seed}")
        order = list(range(len(space.dimensions)))
        rng.shuffle(order)
        digits = len(str(len(order)))
        dimensions = {
            space.names[position]: f"d{number:0{digits}d}" for number, position in enumerate(order, 1)
        }
        meant = list(dict.fromkeys((o.name, o.meaning) for d in space.dimensions for o in d.options))
        rng.shuffle(meant)
        digits = len(str(len(meant)))
        neutral = {option: f"x{number:0{digits}d}" for number, option in enumerate(meant, 1)}
        options = {d.name: {o.name: neutral[o.name, o.meaning] for o in d.options} for d in space.dimensions}
        return cls(tuple(order), dimensions, options, tuple(sorted(neutral.values())))


class ObfuscatedSpace(SearchSpace):
    """A space that hides another; `reveal` and `hide` translate its architectures exactly."""

    def __init__(self, inner: SearchSpace, seed: int) -> None:
        """Hide `inner` under the names that the seed draws."""
        self._inner = inner
        self._hidden = _Names.draw(inner, seed)
        hidden = tuple(self._hidden.options[name] for name in inner.names)
        self._to_neutral = tuple({**names, INACTIVE: INACTIVE} for names in hidden)
        self._to_real = tuple(
            {neutral: real for real, neutral in names.items()} for names in self._to_neutral
        )
        super().__init__(_hide_declaration(inner, self._hidden, seed))

    @property
    def origin(self) -> SearchSpace:
        """The space that is hidden."""
        return self._inner

    @property
    def size(self) -> int:
        """How many architectures the hidden space has."""
        return self._inner.size

    @cached_property
    def prior(self) -> Architecture | None:
        """The prior of the hidden space under its neutral names."""
        return None if self._inner.prior is None else self.hide(self._inner.prior)

    def reveal(self, arch: Architecture) -> Architecture:
        """Return the real architecture."""
        self._indices(arch)
        values = [""] * len(arch.values)
        for value, position in zip(arch.values, self._hidden.order, strict=True):
            values[position] = self._to_real[position][value]
        return Architecture(self._inner.name, tuple(values))

    def hide(self, arch: Architecture) -> Architecture:
        """Return a real architecture under its neutral names."""
        self._inner._indices(arch)
        order = self._hidden.order
        return Architecture(self.name, tuple(self._to_neutral[p][arch.values[p]] for p in order))

    def genotype(self, arch: Architecture) -> str:
        """Return the published encoding of the real architecture."""
        return self._inner.genotype(self.reveal(arch))

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the real canonical form under its neutral names."""
        return self.hide(self._inner.canonical(self.reveal(arch)))

    def digest(self, arch: Architecture) -> str:
        """Return the digest of the real architecture."""
        return self._inner.digest(self.reveal(arch))

    def diversity_label(self, arch: Architecture) -> str:
        """Return the label of the real architecture."""
        return self._inner.diversity_label(self.reveal(arch))

    def path_counts(self, arch: Architecture) -> tuple[float, ...]:
        """Return the counts of the real architecture."""
        return self._inner.path_counts(self.reveal(arch))

    def input_side(self, arch: Architecture, side: int) -> int:
        """Return the side of the images that the real network reads."""
        return self._inner.input_side(self.reveal(arch), side)

    def neighbours(self, arch: Architecture) -> tuple[Architecture, ...]:
        """Return the neighbours of the real architecture, by their order in the real space."""
        return tuple(self.hide(near) for near in self._inner.neighbours(self.reveal(arch)))

    def cost(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> Cost:
        """Return the cost of the real architecture."""
        real = self.reveal(arch)
        return self._inner.cost(
            real, classes=classes, in_channels=in_channels, resolution=resolution, skeleton=skeleton
        )

    def other_costs(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> dict[str, int | float]:
        """Return the further costs of the real architecture."""
        real = self.reveal(arch)
        return self._inner.other_costs(
            real, classes=classes, in_channels=in_channels, resolution=resolution, skeleton=skeleton
        )

    def build(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> "torch.nn.Module":
        """Return the real network."""
        real = self.reveal(arch)
        return self._inner.build(
            real, classes=classes, in_channels=in_channels, resolution=resolution, skeleton=skeleton
        )

    def sketch(self, arch: Architecture) -> tuple[Sketch, ...]:
        """Return the drawing of the real architecture."""
        return self._inner.sketch(self.reveal(arch))


def _hide_declaration(inner: SearchSpace, names: _Names, seed: int) -> Declaration:
    words = _words()
    return replace(
        inner.declaration,
        name=f"{inner.name}.obfuscated-{seed}",
        title=words.title,
        summary=words.summary,
        rules=(),
        prior=None,
        dimensions=tuple(_hide_dimension(inner.dimensions[p], names, words) for p in names.order),
        constraints=tuple(_hide_constraint(c, names, words) for c in inner.structure.constraints),
    )


def _hide_dimension(dimension: Dimension, names: _Names, words: _Words) -> Dimension:
    neutral = _hide_all(dimension.names, dimension.name, names)
    ranks = names.all_options
    codes = [_CODES[ranks.index(name)] for name in neutral] if len(ranks) <= len(_CODES) else _CODES
    return Dimension(
        names.dimensions[dimension.name],
        words.dimension,
        tuple(Option(name, code, words.option) for name, code in zip(neutral, codes, strict=False)),
        tuple(
            Condition(names.dimensions[c.dimension], _hide_all(c.options, c.dimension, names))
            for c in dimension.when
        ),
    )


def _hide_all(options: Sequence[str], dimension: str, names: _Names) -> tuple[str, ...]:
    """Return the neutral names of those options that a dimension offers, sorted."""
    offered = names.options[dimension]
    return tuple(sorted(offered[option] for option in options if option in offered))


def _hide_constraint(constraint: Constraint, names: _Names, words: _Words) -> Constraint:
    if isinstance(constraint, Forbidden):
        pairs = ((names.dimensions[name], names.options[name][option]) for name, option in constraint.choices)
        return Forbidden(tuple(sorted(pairs)), words.constraint)
    dimensions = tuple(sorted(names.dimensions[name] for name in constraint.dimensions))
    if isinstance(constraint, Distinct):
        return Distinct(dimensions, words.constraint)
    counted = {n for name in constraint.dimensions for n in _hide_all(constraint.options, name, names)}
    return replace(constraint, dimensions=dimensions, options=tuple(sorted(counted)), why=words.constraint)
