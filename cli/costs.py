"""What an architecture costs for an input that flags set, as plain data."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from navarch import NavarchError

if TYPE_CHECKING:
    from navarch.cli.architectures import Reading
    from navarch.spaces import SearchSpace

_LARGEST_FLAG = 1_000_000


class _Sizes(TypedDict):
    """What `SearchSpace.cost` is told of the input and of the sizes around the searched part."""

    classes: int
    in_channels: int
    resolution: int | None
    skeleton: dict[str, int] | None


@dataclass(frozen=True, slots=True)
class Setting:
    """The flags that say which input a network reads and how large it is; None for what is published.

    skeleton: (name, size) pairs.
    """

    classes: int | None = None
    side: int | None = None
    channels: int | None = None
    skeleton: tuple[tuple[str, int], ...] = ()

    @classmethod
    def checked(
        cls, classes: int | None, side: int | None, channels: int | None, skeleton: Sequence[str] = ()
    ) -> "Setting":
        """Return the flags; skeleton: NAME=SIZE texts. Raises: NavarchError for one out of range."""
        for flag, value in (("--classes", classes), ("--input", side), ("--channels", channels)):
            if value is not None and not 1 <= value <= _LARGEST_FLAG:
                raise NavarchError(f"{flag} must be from 1 to {_LARGEST_FLAG:,}, not {value:,}")
        return cls(classes, side, channels, tuple(_read_size(text) for text in skeleton))

    def sizes(self, space: "SearchSpace", own_side: int | None) -> _Sizes:
        """Return the input of an architecture that names `own_side` itself, or None."""
        return {
            "classes": self.classes or space.input.classes,
            "in_channels": self.channels or space.input.channels,
            "resolution": self.side or own_side,
            "skeleton": dict(self.skeleton) or None,
        }

    def probe(self, space: "SearchSpace") -> None:
        """Refuse, before anything is read, an input that no network of the space takes. Raises: NavarchError."""
        space.cost(space.sample(random.Random(0)), **self.sizes(space, None))


def costs_of(reading: "Reading", setting: Setting) -> dict[str, Any]:
    """Return parameters, MACs, further costs by name, canonical form and digest, as plain data.

    `resolution` is there where the line sets an image size that is no choice of the space.
    """
    space, arch, own_side = reading
    sizes = setting.sizes(space, own_side)
    exact = space.cost(arch, **sizes)
    return {
        **({"resolution": own_side} if own_side is not None and setting.side is None else {}),
        "params": exact.params,
        "macs": exact.macs,
        "canonical": space.genotype(space.canonical(arch)),
        "digest": space.digest(arch),
        **space.other_costs(arch, **sizes),
    }


def facts_of(reading: "Reading", setting: Setting) -> dict[str, Any]:
    """Return everything that `show ARCH` says, as plain data."""
    space, arch, own_side = reading
    sizes, costs = setting.sizes(space, own_side), costs_of(reading, setting)
    known = ("resolution", "params", "macs", "canonical", "digest")
    return {
        "space": space.name,
        "architecture": space.to_dict(arch),
        "code": space.code(arch),
        "genotype": space.genotype(arch),
        "canonical_code": space.code(space.canonical(arch)),
        **{key: costs[key] for key in ("canonical", "digest")},
        "input": {
            "classes": sizes["classes"],
            "in_channels": sizes["in_channels"],
            "resolution": sizes["resolution"] or space.input_side(arch, space.input.resolution),
        },
        **{key: costs[key] for key in ("params", "macs")},
        "other_costs": {key: value for key, value in costs.items() if key not in known},
        "neighbours": [space.code(near) for near in space.neighbours(arch)],
    }


def _read_size(text: str) -> tuple[str, int]:
    name, separator, size = text.partition("=")
    if not separator or not size.isdecimal() or not 1 <= int(size[:9]) <= _LARGEST_FLAG:
        raise NavarchError(
            f"--skeleton {text!r}: write NAME=SIZE with a size from 1 to {_LARGEST_FLAG:,}, such as --skeleton width=16"
        )
    return name, int(size[:9])
