"""The search spaces of AutoFormer: one dimension per block, published encodings, exact cost, network, drawing.

Source: AutoFormer (Chen et al., ICCV 2021). The catalogue declares four: T, S and B as the supernets are
configured, and T with MLP ratio 3 as well, which holds the published AutoFormer-T.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from navarch import NavarchError
from navarch.spaces.autoformer.cost import (
    Sizes,
    hidden_width,
    network_cost,
    official_complexity,
    require_patch,
)
from navarch.spaces.autoformer.encoding import LETTERS, read_published, to_subnet, write_published
from navarch.spaces.declaration import Declaration
from navarch.spaces.sketch import StageTable
from navarch.spaces.space import SearchSpace, require_positive
from navarch.spaces.spec import Architecture, Condition, Cost, Dimension

if TYPE_CHECKING:
    import torch

_DECLARED = ("embed_dim", "depth", "mlp_ratio", "heads")
_COLUMNS = ("block", "operation", "heads", "attention width", "MLP ratio", "hidden width", "output")


class AutoFormer(SearchSpace):
    """Vision transformers of one width, with heads and MLP ratio chosen for every block."""

    def __init__(self, declaration: Declaration) -> None:
        """Take a declaration of embed_dim, depth, mlp_ratio and heads, the last two for any block."""
        super().__init__(replace(declaration, dimensions=per_block(declaration)))
        self.siblings = tuple(name for name in LETTERS if name != self.name)

    def genotype(self, arch: Architecture) -> str:
        """Return the published dictionary of depth, mlp_ratio, num_heads and embed_dim as compact JSON."""
        self._indices(arch)
        return write_published(to_subnet(arch.values))

    def cost(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> Cost:
        """Return the exact parameters, and multiply-accumulates with the matrix products of attention.

        resolution: at least one patch; rows and columns of pixels beyond the last whole patch are not read.
        """
        self._indices(arch)
        return network_cost(to_subnet(arch.values), self._fixed(classes, in_channels, resolution, skeleton))

    def other_costs(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> dict[str, int | float]:
        """Return `official_complexity`, the count in which the papers state FLOPs."""
        self._indices(arch)
        sizes = self._fixed(classes, in_channels, resolution, skeleton)
        return {"official_complexity": official_complexity(to_subnet(arch.values), sizes)}

    def build(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> "torch.nn.Module":
        """Return the network: (batch, in_channels, height, width) float -> (batch, classes) logits.

        It reads images of as many whole patches per side as `resolution` has, because every patch has a learned
        position. Its attribute `drop_path` is 0 until it is set.
        """
        from navarch.spaces.autoformer.network import Network

        self._indices(arch)
        return Network(to_subnet(arch.values), self._fixed(classes, in_channels, resolution, skeleton))

    def sketch(self, arch: Architecture) -> tuple[StageTable, ...]:
        """Return one table with a row for every block, and those for what comes before and after."""
        self._indices(arch)
        subnet = to_subnet(arch.values)
        sizes = self._fixed(self.input.classes, self.input.channels, None, None)
        patch, width = sizes.patch, subnet.embed_dim
        tokens = f"{sizes.patches + 1} x {width}"
        rows = [
            ("patches", f"{patch}x{patch} convolution, stride {patch}, class token", "", "", "", "", tokens)
        ]
        for block, (heads, ratio) in enumerate(zip(subnet.num_heads, subnet.mlp_ratio, strict=True), 1):
            attention, hidden = heads * sizes.head_dim, hidden_width(width, ratio)
            chosen = (str(heads), str(attention), str(ratio), str(hidden))
            rows.append((str(block), "attention, MLP", *chosen, tokens))
        rows.append(("classifier", "mean of the patch tokens, linear", "", "", "", "", str(sizes.classes)))
        return (StageTable(self.title, _COLUMNS, tuple(rows)),)

    def _read_published(self, raw: str | Mapping[object, object] | Sequence[object]) -> Sequence[str] | None:
        return read_published(raw, self.name, self.dimensions)

    def _fixed(
        self, classes: int, in_channels: int, resolution: int | None, skeleton: Mapping[str, int] | None
    ) -> Sizes:
        require_positive(classes=classes, in_channels=in_channels)
        sizes = Sizes(classes, in_channels, self._resolution(resolution), **self._sizes(skeleton))
        require_patch(sizes.resolution, sizes.patch)
        return sizes


def per_block(declaration: Declaration) -> tuple[Dimension, ...]:
    """Return embed_dim, depth, mlp_ratio_1, heads_1, mlp_ratio_2, ... up to the largest depth.

    Those of a block that not every depth has are in use only where the depth reaches it.
    Raises: NavarchError where other dimensions are declared.
    """
    names = tuple(dimension.name for dimension in declaration.dimensions)
    if names != _DECLARED:
        raise NavarchError(
            f"{declaration.name} must declare the dimensions {', '.join(_DECLARED)}, not {', '.join(names)}"
        )
    embed_dim, depth, *chosen = declaration.dimensions
    depths = [int(name) for name in depth.names]
    return (
        embed_dim,
        depth,
        *(_place(dimension, block, depths) for block in range(1, max(depths) + 1) for dimension in chosen),
    )


def _place(dimension: Dimension, block: int, depths: Sequence[int]) -> Dimension:
    """Return the dimension of one block."""
    reaching = tuple(str(depth) for depth in depths if depth >= block)
    return Dimension(
        f"{dimension.name}_{block}",
        f"{dimension.meaning}, in block {block}",
        dimension.options,
        () if len(reaching) == len(depths) else (Condition("depth", reaching),),
    )
