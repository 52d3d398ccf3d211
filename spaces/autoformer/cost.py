"""What an AutoFormer transformer costs, in closed form, from plain numbers.

The numbers need not be options of a declared space, so that widest and supernet networks can be counted too.
Source: AutoFormer (Chen et al., ICCV 2021) and its reference code.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from navarch import NavarchError
from navarch.spaces.arithmetic import conv_cost, linear_cost, norm_cost
from navarch.spaces.spec import Cost


class Sizes(NamedTuple):
    """What is fixed around the searched numbers.

    resolution: side of the square image in pixels. patch: side of a patch in pixels. head_dim: width of an
    attention head, whatever the embedding. max_distance: patches beyond which relative positions look alike.
    """

    classes: int
    in_channels: int
    resolution: int
    patch: int
    head_dim: int
    max_distance: int

    @property
    def patches(self) -> int:
        """How many whole patches the image holds; what is left over at its right and lower edge is not read."""
        return int(self.resolution // self.patch) ** 2


class Subnet(NamedTuple):
    """The searched numbers; `num_heads` and `mlp_ratio` have one entry per block, the first nearest the image."""

    embed_dim: int
    num_heads: tuple[int, ...]
    mlp_ratio: tuple[float, ...]


def hidden_width(embed_dim: int, ratio: float) -> int:
    """Return the width of the hidden layer of a block's MLP."""
    return int(embed_dim * ratio)


def require_patch(resolution: int, patch: int) -> None:
    """Refuse an image that does not hold a single patch. Raises: NavarchError."""
    if resolution < patch:
        raise NavarchError(f"resolution must be at least one patch of {patch} pixels, not {resolution}")


def network_cost(subnet: Subnet, sizes: Sizes) -> Cost:
    """Return parameters, and multiply-accumulates of all convolutions, linear layers and matrix products.

    Matrix products are those of attention: queries with keys, weights with values, and the same two with the
    embeddings of relative positions.
    """
    total = _frame_cost(subnet.embed_dim, sizes)
    params, macs = total.params, total.macs
    for heads, ratio in _blocks(subnet):
        block = block_cost(subnet.embed_dim, heads, ratio, sizes)
        params += block.params
        macs += block.macs
    return Cost(params, macs)


@lru_cache(maxsize=4_096)
def block_cost(embed_dim: int, heads: int, ratio: float, sizes: Sizes) -> Cost:
    """Return the cost of one block."""
    tokens, width = sizes.patches + 1, heads * sizes.head_dim
    hidden = hidden_width(embed_dim, ratio)
    layers = [(embed_dim, 3 * width), (width, embed_dim), (embed_dim, hidden), (hidden, embed_dim)]
    # keys and values have a vertical and a horizontal table each, one row per distance and one for the class token
    tables = 4 * (2 * sizes.max_distance + 2) * sizes.head_dim
    total = norm_cost(embed_dim).times(2) + Cost(tables, 4 * tokens**2 * width)
    for n_in, n_out in layers:
        total += conv_cost(n_in, n_out, 1, tokens, bias=True)  # a linear layer applied to every token
    return total


@lru_cache(maxsize=256)
def _frame_cost(embed_dim: int, sizes: Sizes) -> Cost:
    """Return the cost of all but the blocks: patch embedding, class token, positions, last norm, classifier."""
    patches = sizes.patches
    embedding = conv_cost(sizes.in_channels, embed_dim, sizes.patch, patches, bias=True)
    tokens = Cost((1 + patches + 1) * embed_dim, 0)
    return embedding + tokens + norm_cost(embed_dim) + linear_cost(embed_dim, sizes.classes)


def official_complexity(subnet: Subnet, sizes: Sizes) -> int | float:
    """Return the count of the reference code, in which the papers state FLOPs.

    It is near the multiply-accumulates but not equal: blocks have one token too many, normalisation is counted, the
    products with embeddings of relative positions are not counted in full, and the classifier reads every token.
    Other sizes than the published ones take the place of theirs. An odd number of tokens can leave a half; the
    result is a float then.
    """
    patches, embed_dim, distance = sizes.patches, subnet.embed_dim, sizes.max_distance
    tokens = patches + 2  # the reference code adds the class token twice
    pixels = sizes.in_channels * sizes.patch**2
    once = embed_dim + patches * pixels * embed_dim + (patches + 1) * embed_dim * sizes.classes
    halves = (patches + 1) * embed_dim
    for heads, ratio in _blocks(subnet):
        width = heads * sizes.head_dim
        once += 2 * tokens * embed_dim + 4 * tokens * width * embed_dim
        once += 2 * tokens**2 * width + 2 * distance * tokens**2
        once += 2 * tokens * embed_dim * hidden_width(embed_dim, ratio)
        halves += tokens**2 + tokens * width
    return once + halves // 2 if halves % 2 == 0 else once + halves / 2


def _blocks(subnet: Subnet) -> Iterable[tuple[int, float]]:
    return zip(subnet.num_heads, subnet.mlp_ratio, strict=True)
