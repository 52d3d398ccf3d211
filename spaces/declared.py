"""A search space that a user declares in a TOML file alone: everything but a network."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from navarch import NavarchError
from navarch.spaces.space import SearchSpace, require_positive
from navarch.spaces.spec import Architecture, Cost

if TYPE_CHECKING:
    import torch


class DeclaredSpace(SearchSpace):
    """Dimensions, options, activity and constraints; costs add up where the declaration gives them."""

    def cost(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> Cost:
        """Return the declared costs of the chosen options and the base, whatever the input; 0 where none are."""
        require_positive(classes=classes, in_channels=in_channels, resolution=self._resolution(resolution))
        self._sizes(skeleton)
        total = self.declaration.base_cost
        for dimension, index in zip(self.dimensions, self._indices(arch), strict=True):
            if index >= 0:
                total += dimension.options[index].cost
        return total

    def build(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> "torch.nn.Module":
        """Refuse. Raises: NavarchError; a declaration holds no network."""
        raise NavarchError(
            f"the search space {self.name!r} is declared in TOML and has no network to build: evaluate it with "
            "--evaluator table or callable, or give it a network through the entry point 'navarch.spaces'"
        )
