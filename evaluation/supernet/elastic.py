"""The supernet of Once-for-All: elastic kernels, depths and widths in one set of weights.

Source: Once-for-All (Cai et al., ICLR 2020), section 3.2. A smaller kernel is the centre of the larger one, transformed
by a matrix that each layer learns and all its channels share; a narrower block uses the first of its inner channels,
which are sorted by importance before widths are trained; a shallower stage uses its first blocks.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from navarch.evaluation.supernet.net import Frame
from navarch.evaluation.supernet.sliced import SlicedSupernet
from navarch.spaces import Architecture
from navarch.spaces.ofa.chain import MAX_DEPTH, STAGES, Block, find_widths, read_choices, stage_block

_DEPTHWISE = ".depthwise.0.weight"
_KERNELS = (7, 5, 3)  # each is made from the one before it


class ElasticSupernet(SlicedSupernet):
    """The largest network, and for every searched block the matrices of its smaller kernels."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        for block in range(1, 1 + MAX_DEPTH * len(STAGES)):
            for kernel in _KERNELS[1:]:
                self.share(_matrix(block, kernel), torch.eye(kernel**2))

    def locate(self, name: str, architecture: Architecture) -> str:
        """Return the name in the network in which every stage has four blocks."""
        if not name.startswith("blocks."):
            return name
        _, number, rest = name.split(".", 2)
        left = int(number) - 1  # the block before the stages is in all networks
        for stage, choices in enumerate(read_choices(architecture.values)):
            if left < 0:
                break
            if left < len(choices):
                return f"blocks.{1 + MAX_DEPTH * stage + left}.{rest}"
            left -= len(choices)
        return name

    def slice(self, name: str, shape: torch.Size) -> Tensor:
        """Return the first channels, and of a depthwise convolution the kernel of the size that is asked."""
        if not name.endswith(_DEPTHWISE) or name.startswith("blocks.0."):
            return super().slice(name, shape)
        weight = self.read(name)[: shape[0]]
        for kernel in _KERNELS[1:]:
            if kernel < shape[-1]:
                break
            edge = (weight.shape[-1] - kernel) // 2
            centre = weight[..., edge : edge + kernel, edge : edge + kernel]
            matrix = self.read(_matrix(int(name.split(".")[1]), kernel))
            weight = functional.linear(centre.flatten(1), matrix).view(shape[0], 1, kernel, kernel)
        return weight

    @torch.no_grad()
    def sort_channels(self, expansions: Sequence[int]) -> None:
        """Put the inner channels of every block in the order of their importance, the greatest first.

        expansions: those that are trained already; a channel stays among those that the same of them use, so that no
        network with one of these expansions changes. Importance: the sum of the magnitudes of what reads a channel.
        """
        sizes = {**self.frame.space.skeleton, **self.frame.skeleton}
        widths = find_widths(sizes["width_percent"])
        for stage in range(len(STAGES)):
            for place in range(MAX_DEPTH):
                blocks = [stage_block(widths, stage, place, 7, expansion) for expansion in sorted(expansions)]
                self._sort_block(f"blocks.{1 + MAX_DEPTH * stage + place}.layers", blocks)

    def _sort_block(self, name: str, blocks: Sequence[Block]) -> None:
        """Sort a block. blocks: it at every trained expansion, the narrowest first."""
        read = self.read(f"{name}.project.0.weight")
        order = _order(read.abs().sum((0, 2, 3)), [block.c_mid for block in blocks])
        rows = ["expand.0.weight", "expand.1.weight", "expand.1.bias"]
        rows += ["depthwise.0.weight", "depthwise.1.weight", "depthwise.1.bias"]
        columns = ["project.0.weight"]
        if blocks[0].has_squeeze:
            rows += ["squeeze.weigh.3.weight", "squeeze.weigh.3.bias"]
            columns += ["squeeze.weigh.1.weight"]
        self._permute(name, rows, columns, order)
        if blocks[0].has_squeeze:
            inner = self.read(f"{name}.squeeze.weigh.3.weight").abs().sum((0, 2, 3))
            order = _order(inner, [block.c_squeeze for block in blocks])
            rows = ["squeeze.weigh.1.weight", "squeeze.weigh.1.bias"]
            self._permute(name, rows, ["squeeze.weigh.3.weight"], order)

    def _permute(self, name: str, rows: Sequence[str], columns: Sequence[str], order: Tensor) -> None:
        for part in rows:
            shared = self.read(f"{name}.{part}")
            shared.copy_(shared[order].clone())
        for part in columns:
            shared = self.read(f"{name}.{part}")
            shared.copy_(shared[:, order].clone())


def _matrix(block: int, kernel: int) -> str:
    return f"blocks.{block}.to_{kernel}x{kernel}"


def _order(importance: Tensor, ends: Sequence[int]) -> Tensor:
    """Return the channels, the most important first within each stretch that ends at one of `ends`."""
    places = [0, *ends, len(importance)]
    return torch.cat(
        [
            start + importance[start:end].argsort(descending=True, stable=True)
            for start, end in pairwise(places)
        ]
    )
