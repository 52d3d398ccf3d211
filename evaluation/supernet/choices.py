"""Supernets of choices: every option of every position has weights of its own (NAS-Bench-201, SPOS).

Source: Single Path One-Shot (Guo et al., ECCV 2020); for NAS-Bench-201, the weight sharing of its section on algorithms
with it. As there, what is chosen has normalisations without scale and shift: those of one path would not fit another.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from navarch.evaluation.supernet.net import Frame, Supernet
from navarch.spaces import Architecture, SearchSpace


@dataclass(frozen=True)
class Layout:
    """Say where the choices of a space stand in the names of its networks' parameters.

    position: finds the dimension that a name depends on, its name or its number. all_plain: whether the normalisations
    outside of the choices have no scale and shift either.
    """

    position: re.Pattern[str]
    all_plain: bool


LAYOUTS = {
    "nas-bench-201": Layout(re.compile(r"blocks\.\d+\.edges\.(\w+)\."), all_plain=False),
    "spos-shufflenetv2": Layout(re.compile(r"blocks\.(\d+)\."), all_plain=True),
}


class ChoiceSupernet(Supernet):
    """Weights of every option at every position, and those that all architectures have in common."""

    def __init__(self, frame: Frame) -> None:
        """Draw the weights from torch's global generator, as those of stand-alone networks are."""
        super().__init__(frame)
        layout = LAYOUTS[frame.space.name]
        self._names: dict[str, _Owner] = {}  # of every shared parameter
        for option in frame.space.dimensions[0].names:
            alike = Architecture(frame.space.name, (option,) * len(frame.space.dimensions))
            for name, value in _learned(frame.build(alike), layout).items():
                found = layout.position.match(name)
                owner = _Owner(name, _position(frame.space, found[1]) if found else None, option)
                key = name if found is None else f"{name}@{option}"
                if key not in self._names:
                    self._names[key] = owner
                    self.share(key, value)

    def take(self, architecture: Architecture, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
        """Return the weights of the options of an architecture, and the common ones."""
        values = architecture.values
        return {
            owner.name: self.read(key)
            for key, owner in self._names.items()
            if owner.position is None or values[owner.position] == owner.option
        }


class _Owner(NamedTuple):
    """Whose a shared parameter is: its name in a stand-alone network, and the option of a position, if of one."""

    name: str
    position: int | None
    option: str


def _position(space: SearchSpace, place: str) -> int:
    return int(place) if place.isdecimal() else space.names.index(place)


def _learned(network: nn.Module, layout: Layout) -> dict[str, Tensor]:
    """Return the parameters of a network that a supernet shares."""
    plain = tuple(
        f"{name}."
        for name, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d) and (layout.all_plain or layout.position.match(f"{name}."))
    )
    return {name: value for name, value in network.named_parameters() if not name.startswith(plain)}
