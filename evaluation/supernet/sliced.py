"""Supernets of slices: smaller architectures use the first channels and the first blocks of the largest one.

Sources: Once-for-All (Cai et al., ICLR 2020), section 3.2; AutoFormer (Chen et al., ICCV 2021), section 3.2, which
calls it weight entanglement.
"""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from navarch.evaluation.supernet.net import Frame, Supernet
from navarch.spaces import Architecture, SearchSpace


class SlicedSupernet(Supernet):
    """The weights of the largest architecture, of which every other one uses slices."""

    def __init__(self, frame: Frame) -> None:
        """Draw the weights from torch's global generator, as those of a stand-alone network are."""
        super().__init__(frame)
        network = frame.build(largest(frame.space))
        for name, value in network.named_parameters():
            self.share(name, value)
        self._constants = tuple(
            name for name, _ in network.named_buffers() if name not in network.state_dict()
        )
        for name in self._constants:
            self.register_buffer(name, network.get_buffer(name), persistent=False)

    def take(self, architecture: Architecture, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
        """Return the slices that an architecture uses."""
        return {name: self.slice(self.locate(name, architecture), shape) for name, shape in shapes.items()}

    @abstractmethod
    def locate(self, name: str, architecture: Architecture) -> str:
        """Return the name in the largest network of a parameter of another one."""

    def slice(self, name: str, shape: torch.Size) -> Tensor:
        """Return the part of a shared parameter that has this shape: the first channels."""
        return self.read(name)[tuple(slice(0, size) for size in shape)]

    def constants(self) -> dict[str, Tensor]:
        """Return the buffers that are no weights, which are the same for all architectures."""
        return {name: self.get_buffer(name) for name in self._constants}


def largest(space: SearchSpace) -> Architecture:
    """Return the architecture with the greatest option of every dimension; all options are numbers."""
    return Architecture(space.name, tuple(max(d.names, key=float) for d in space.dimensions))


class EntangledSupernet(SlicedSupernet):
    """AutoFormer: embedding, heads and MLP of every block are the first of the largest's."""

    def locate(self, name: str, architecture: Architecture) -> str:
        """Return the name itself: a block of the supernet stands where it does alone."""
        return name

    def slice(self, name: str, shape: torch.Size) -> Tensor:
        """Return the first channels; of queries, keys and values each the first heads."""
        if ".qkv." not in name:
            return super().slice(name, shape)
        shared = self.read(name)
        rows = shared.view(3, shared.shape[0] // 3, *shared.shape[1:])[:, : shape[0] // 3]
        return rows.flatten(0, 1)[tuple(slice(0, size) for size in shape)]


class PublishedEntangledSupernet(EntangledSupernet):
    """AutoFormer with the weights that its authors publish.

    There the biases of queries, keys and values are the first of the whole vector, whatever part of it they came from:
    with fewer heads, the keys use biases that the queries have with more.
    """

    def slice(self, name: str, shape: torch.Size) -> Tensor:
        """Return the first channels; of the weights of queries, keys and values each the first heads."""
        return self.read(name)[: shape[0]] if name.endswith(".qkv.bias") else super().slice(name, shape)
