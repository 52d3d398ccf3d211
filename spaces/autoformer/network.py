"""The transformer of an AutoFormer subnet in torch, alone, without the supernet around it.

Source: AutoFormer (Chen et al., ICCV 2021) and its reference code: head width independent of the embedding,
relative positions on keys and values, mean over the patches before the classifier. Departures: an image need not
be a whole number of patches, and what is left over at its right and lower edge is not read; at every resolution the
greatest relative distance is `max_distance`, 14 patches as published for 224 pixels.
"""

import torch
from torch import nn

from navarch import NavarchError
from navarch.spaces.autoformer.cost import Sizes, Subnet, hidden_width

_STD = 0.02  # of initial weights, as in the reference code


class Network(nn.Module):
    """Patches and a class token, blocks of attention and MLP, and a linear classifier on the mean patch.

    Input (batch, in_channels, height, width) float with as many whole patches per side as `sizes.resolution` has,
    because every patch has a position of its own; output (batch, classes) logits.
    drop_path: chance, below 1, that an image skips a branch of the last block in training; it grows linearly from 0
    in the first block. 0 unless it is set.
    """

    has_one_side = True  # which a training asks that draws the images' side
    vertical: torch.Tensor
    horizontal: torch.Tensor

    def __init__(self, subnet: Subnet, sizes: Sizes) -> None:
        super().__init__()
        width = subnet.embed_dim
        self.drop_path = 0.0
        self._resolution, self._patch = sizes.resolution, sizes.patch
        self._grid = sizes.resolution // sizes.patch
        self.patch_embed = nn.Conv2d(sizes.in_channels, width, sizes.patch, stride=sizes.patch)
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, sizes.patches + 1, width))
        self.blocks = nn.ModuleList(
            Block(width, heads, hidden_width(width, ratio), sizes)
            for heads, ratio in zip(subnet.num_heads, subnet.mlp_ratio, strict=True)
        )
        self.norm = nn.LayerNorm(width, eps=1e-5)
        self.head = nn.Linear(width, sizes.classes)
        vertical, horizontal = relative_rows(self._grid, sizes.max_distance)
        self.register_buffer("vertical", vertical, persistent=False)
        self.register_buffer("horizontal", horizontal, persistent=False)
        self.apply(_initialise)
        for embedding in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(embedding, std=_STD)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of a batch of images. Raises: NavarchError for another number of patches."""
        if any(side // self._patch != self._grid for side in x.shape[-2:]):
            raise NavarchError(
                f"a network built for resolution {self._resolution} reads {self._grid} x {self._grid} patches of "
                f"{self._patch} pixels, not an image of {x.shape[-2]} x {x.shape[-1]} pixels"
            )
        patches = self.patch_embed(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], dim=1) + self.pos_embed
        for position, block in enumerate(self.blocks):
            share = position / max(len(self.blocks) - 1, 1)
            tokens = block(tokens, self.vertical, self.horizontal, drop_path=self.drop_path * share)
        logits: torch.Tensor = self.head(self.norm(tokens)[:, 1:].mean(dim=1))
        return logits


class Block(nn.Module):
    """Attention, then an MLP, each on normalised tokens and added to what it was given."""

    def __init__(self, embed_dim: int, heads: int, hidden: int, sizes: Sizes) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim, eps=1e-5)
        self.attn = Attention(embed_dim, heads, sizes)
        self.norm2 = nn.LayerNorm(embed_dim, eps=1e-5)
        self.fc1 = nn.Linear(embed_dim, hidden)
        self.fc2 = nn.Linear(hidden, embed_dim)

    def forward(
        self, x: torch.Tensor, vertical: torch.Tensor, horizontal: torch.Tensor, *, drop_path: float = 0.0
    ) -> torch.Tensor:
        """Return (batch, tokens, embed_dim), as given."""
        rate = drop_path if self.training else 0.0
        x = x + _drop_images(self.attn(self.norm1(x), vertical, horizontal), rate)
        return x + _drop_images(self.fc2(nn.functional.gelu(self.fc1(self.norm2(x)))), rate)


class Attention(nn.Module):
    """Attention whose keys and values also know where they lie, seen from the query."""

    def __init__(self, embed_dim: int, heads: int, sizes: Sizes) -> None:
        super().__init__()
        self._heads, self._scale = heads, sizes.head_dim**-0.5
        self.qkv = nn.Linear(embed_dim, 3 * heads * sizes.head_dim)
        self.rel_k = RelativePosition(sizes.head_dim, sizes.max_distance)
        self.rel_v = RelativePosition(sizes.head_dim, sizes.max_distance)
        self.proj = nn.Linear(heads * sizes.head_dim, embed_dim)

    def forward(self, x: torch.Tensor, vertical: torch.Tensor, horizontal: torch.Tensor) -> torch.Tensor:
        """Return (batch, tokens, embed_dim) for x of that shape. vertical, horizontal: see `relative_rows`."""
        batch, tokens, _ = x.shape
        # q, k, v: (batch, heads, tokens, head_dim)
        q, k, v = self.qkv(x).view(batch, tokens, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        near_k, near_v = self.rel_k(vertical, horizontal), self.rel_v(vertical, horizontal)
        logits = q @ k.transpose(-2, -1) + _multiply_by_query(q, near_k.transpose(1, 2))
        weights = (logits * self._scale).softmax(dim=-1)
        mixed = weights @ v + _multiply_by_query(weights, near_v)
        out: torch.Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, tokens, -1))
        return out


class RelativePosition(nn.Module):
    """An embedding of where one token lies from another: one table for rows and one for columns, added up."""

    def __init__(self, head_dim: int, max_distance: int) -> None:
        super().__init__()
        self.vertical = nn.Parameter(torch.empty(2 * max_distance + 2, head_dim))
        self.horizontal = nn.Parameter(torch.empty(2 * max_distance + 2, head_dim))
        for table in (self.vertical, self.horizontal):
            nn.init.trunc_normal_(table, std=_STD)

    def forward(self, vertical: torch.Tensor, horizontal: torch.Tensor) -> torch.Tensor:
        """Return (tokens, tokens, head_dim): the embedding of every key as seen from every query."""
        return self.vertical[vertical] + self.horizontal[horizontal]


def relative_rows(grid: int, max_distance: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which row of the vertical and horizontal table belongs to (query, key): (tokens, tokens) integers.

    Row 0: query or key is the class token, which is the first token. Rows 1 to 2 max_distance + 1: the key lies
    -max_distance to max_distance patches after the query; whatever lies further off counts as that far.
    """
    place = torch.arange(grid)
    distance = (place[None, :] - place[:, None]).clamp(-max_distance, max_distance) + max_distance + 1
    vertical = distance.repeat_interleave(grid, dim=0).repeat_interleave(grid, dim=1)
    horizontal = distance.repeat(grid, grid)
    return nn.functional.pad(vertical, (1, 0, 1, 0)), nn.functional.pad(horizontal, (1, 0, 1, 0))


def _multiply_by_query(x: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    """Multiply what belongs to a query, x: (batch, heads, tokens, a), by that query's matrix, (tokens, a, b)."""
    batch, heads, tokens, _ = x.shape
    product = x.permute(2, 0, 1, 3).reshape(tokens, batch * heads, -1) @ matrices
    return product.view(tokens, batch, heads, -1).permute(1, 2, 0, 3)


def _drop_images(branch: torch.Tensor, rate: float) -> torch.Tensor:
    """Return the branch, zeroed for a share of the images and scaled up for the others."""
    if rate == 0.0:
        return branch
    kept = torch.rand(len(branch), 1, 1, device=branch.device) >= rate
    return branch * kept / (1.0 - rate)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=_STD)
        nn.init.zeros_(module.bias)
