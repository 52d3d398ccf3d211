"""A supernet: one set of weights, of which every architecture of a space uses a part.

A subnet is the network that the space itself builds; its parameters are views of the shared ones (the same tensor, a
slice, a transformed kernel), so that a path through the supernet is the stand-alone network by construction, and its
gradients reach the shared weights.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from navarch import NavarchError
from navarch.spaces import Architecture, SearchSpace

_DOT = "/"  # stands for the dots of a name, which torch does not allow in a parameter's


@dataclass(frozen=True)
class Frame:
    """Say what is the same in all networks of a supernet. resolution: side of the images in pixels."""

    space: SearchSpace
    classes: int
    in_channels: int
    resolution: int
    skeleton: Mapping[str, int]

    def build(self, architecture: Architecture) -> nn.Module:
        """Return the stand-alone network of an architecture, freshly initialised."""
        return self.space.build(
            architecture,
            classes=self.classes,
            in_channels=self.in_channels,
            resolution=self.resolution,
            skeleton=self.skeleton or None,
        )


class Supernet(nn.Module, ABC):
    """Shared weights, and how each architecture takes its own from them."""

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.frame = frame
        self.shared = nn.ParameterDict()

    def forward(self, images: Tensor, architecture: Architecture) -> Tensor:
        """Return the logits of a path, normalised by the statistics of the batch itself.

        images: (batch, in_channels, height, width) float -> (batch, classes).
        """
        network = self._outline(architecture)
        network.train(self.training)
        drop_statistics(network)
        state = self.take(architecture, _shapes(network))
        for name, module in network.named_modules():
            if isinstance(module, nn.BatchNorm2d) and f"{name}.weight" not in state:
                module.weight = module.bias = None  # type: ignore[assignment]
        state.update(self.constants())
        return cast(Tensor, functional_call(network, state, (images,), strict=True))

    def inherit(self, architecture: Architecture) -> nn.Module:
        """Return the stand-alone network with copies of its weights; statistics of its normalisations are not set."""
        network = self.frame.build(architecture)
        kept = {name: value.detach().clone() for name, value in self.weights(architecture).items()}
        network.to(next(iter(kept.values())))
        network.load_state_dict({**network.state_dict(), **kept})
        return network

    def weights(self, architecture: Architecture) -> dict[str, Tensor]:
        """Return the parameters of a stand-alone network by name, as differentiable views of the shared ones.

        Scales and shifts of a normalisation are left out where the supernet has none.
        """
        return self.take(architecture, _shapes(self._outline(architecture)))

    @abstractmethod
    def take(self, architecture: Architecture, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
        """Return what `weights` does. shapes: of the parameters of the stand-alone network."""

    def _outline(self, architecture: Architecture) -> nn.Module:
        """Return the stand-alone network without storage."""
        with torch.device("meta"):
            return self.frame.build(architecture)

    def names(self) -> list[str]:
        """Return the names of the shared parameters, as `read` takes them."""
        return [name.replace(_DOT, ".") for name in self.shared]

    def read(self, name: str) -> Tensor:
        """Return a shared parameter."""
        return cast(Tensor, self.shared[name.replace(".", _DOT)])

    def share(self, name: str, value: Tensor) -> None:
        """Add a shared parameter, or replace it."""
        self.shared[name.replace(".", _DOT)] = nn.Parameter(value.detach().clone())

    def saved_weights(self) -> dict[str, Tensor]:
        """Return the shared parameters by name, as `load_weights` reads them back."""
        return {name: value.detach() for name, value in self.state_dict().items()}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take the shared parameters from a file. Raises: NavarchError where they are not those of this supernet."""
        try:
            self.load_state_dict(dict(weights))
        except RuntimeError as error:
            why = " ".join(str(error).split())
            raise NavarchError(
                f"The weights are not those of a supernet of {self.frame.space.name!r}: {why}"
            ) from None

    def constants(self) -> dict[str, Tensor]:
        """Return the constants that a network built without storage needs; most have none."""
        return {}


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: parameter.shape for name, parameter in network.named_parameters()}


def drop_statistics(network: nn.Module) -> None:
    """Let every normalisation use the statistics of the batch that it reads, and keep none."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False
            module.running_mean = module.running_var = module.num_batches_tracked = None
