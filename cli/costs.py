"""What an architecture costs for an input that flags set, as plain data."""

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from navarch import NavarchError

if TYPE_CHECKING:
    from navarch.cli.architectures import Reading
    from navarch.spaces import Architecture, SearchSpace

_LARGEST_FLAG = 1_000_000


class _Sizes(TypedDict):
    """What `SearchSpace.cost` is told of the input."""

    classes: int
    in_channels: int
    resolution: int | None


@dataclass(frozen=True, slots=True)
class Setting:
    """The flags that say which input a network reads; None for what is published."""

    classes: int | None = None
    side: int | None = None
    channels: int | None = None

    @classmethod
    def checked(cls, classes: int | None, side: int | None, channels: int | None) -> "Setting":
        """Return the flags. Raises: NavarchError for one out of range."""
        for flag, value in (("--classes", classes), ("--input", side), ("--channels", channels)):
            if value is not None and not 1 <= value <= _LARGEST_FLAG:
                raise NavarchError(f"{flag} must be from 1 to {_LARGEST_FLAG:,}, not {value:,}")
        return cls(classes, side, channels)

    def sizes(self, space: "SearchSpace", own_side: int | None) -> _Sizes:
        """Return the input of an architecture that names `own_side` itself, or None."""
        return {
            "classes": self.classes or space.input.classes,
            "in_channels": self.channels or space.input.channels,
            "resolution": self.side or own_side,
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
        "input": {**sizes, "resolution": sizes["resolution"] or _own_side(space, arch)},
        **{key: costs[key] for key in ("params", "macs")},
        "other_costs": {key: value for key, value in costs.items() if key not in known},
        "neighbours": [space.code(near) for near in space.neighbours(arch)],
    }


def _own_side(space: "SearchSpace", arch: "Architecture") -> int:
    """Return the side of the image where nobody sets one: a choice of the architecture, or the published side."""
    chosen = space.to_dict(arch).get("resolution", "")
    return int(chosen) if chosen.isdecimal() else space.input.resolution
