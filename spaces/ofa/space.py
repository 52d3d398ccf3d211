"""The search space of Once-for-All with MobileNetV3 blocks: published encoding, exact cost, network, drawing.

Source: Once-for-All (Cai et al., ICLR 2020). The supernet comes in two widths, each a space of its own. Depth,
kernel and expansion of the blocks are searched together with the resolution of the images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING

from navarch.spaces.declaration import Declaration
from navarch.spaces.ofa.chain import find_widths, first_block, stage_blocks
from navarch.spaces.ofa.cost import chain_cost
from navarch.spaces.ofa.encoding import PUBLISHED_WIDTHS, find_record, read_record, write_record
from navarch.spaces.ofa.table import tabulate
from navarch.spaces.sketch import Sketch
from navarch.spaces.space import SearchSpace, require_positive
from navarch.spaces.spec import Architecture, Cost

if TYPE_CHECKING:
    import torch

_WIDE = "ofa-mobilenetv3-w1.2"


class OfaMobileNetV3(SearchSpace):
    """7371^5 chains of 10 to 20 blocks in five stages, each at five resolutions."""

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration)
        self.siblings = tuple(name for name in PUBLISHED_WIDTHS if name != self.name)

    def read_with_resolution(self, raw: object) -> tuple[Architecture, int | None]:
        """Return the architecture of a published record at 224 pixels, and the image size that the record names.

        The published networks were specialised to image sizes that the space does not offer; `parse` refuses
        those, this takes 32 to 1024 pixels: `cost` with this resolution is the published one. In any other
        encoding, as in a record without an image size, the size is None.
        Raises: InvalidArchitecture as `parse` does.
        """
        record = find_record(raw)
        if record is None:
            return super().read_with_resolution(raw)
        values, image_size = read_record(
            record, self.dimensions, width_percent=self.skeleton["width_percent"], takes_any_size=True
        )
        return Architecture(self.name, values), image_size

    def input_side(self, arch: Architecture, side: int) -> int:
        """Return the resolution that the architecture chooses."""
        self._indices(arch)
        return int(arch.values[0])

    def genotype(self, arch: Architecture) -> str:
        """Return the published encoding as JSON: ks and e of 20 entries, 0 where not in use, d of 5, and r."""
        self._indices(arch)
        return write_record(arch.values)

    def cost(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> Cost:
        """Return the exact parameters and multiply-accumulates.

        resolution: None for the architecture's own.
        """
        self._indices(arch)
        require_positive(classes=classes, in_channels=in_channels)
        return chain_cost(
            arch.values,
            width_percent=self._sizes(skeleton)["width_percent"],
            classes=classes,
            in_channels=in_channels,
            resolution=int(arch.values[0]) if resolution is None else self._resolution(resolution),
        )

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

        It takes images of any size, so neither `resolution` nor that of the architecture changes it.
        """
        from navarch.spaces.ofa.network import Network

        self._indices(arch)
        require_positive(classes=classes, in_channels=in_channels)
        self._resolution(resolution)
        widths = find_widths(self._sizes(skeleton)["width_percent"])
        blocks = [first_block(widths), *chain.from_iterable(stage_blocks(widths, arch.values))]
        return Network(widths, blocks, classes=classes, in_channels=in_channels)

    def sketch(self, arch: Architecture) -> tuple[Sketch, ...]:
        """Return the whole network as a table with a row for every block, at the architecture's resolution."""
        self._indices(arch)
        return (tabulate(arch.values, self.skeleton["width_percent"], self.input.classes),)

    def _read_published(self, raw: str | Mapping[object, object] | Sequence[object]) -> Sequence[str] | None:
        record = find_record(raw)
        if record is None:
            return None
        width_percent = self.skeleton["width_percent"]
        return read_record(record, self.dimensions, width_percent=width_percent).values


def make_wide(declaration: Declaration) -> OfaMobileNetV3:
    """Return the space that is 1.2 times as wide, from the declaration of the other, whose words it shares."""
    sizes = {"width_percent": PUBLISHED_WIDTHS[_WIDE]}
    title = f"{declaration.title}, 1.2 times as wide"
    return OfaMobileNetV3(replace(declaration, name=_WIDE, title=title, skeleton=MappingProxyType(sizes)))
