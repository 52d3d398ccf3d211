"""The macro-level search space of TransNAS-Bench-101: published string, exact cost and network of its outlines.

Source: TransNAS-Bench-101 (Duan et al., CVPR 2021).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from navarch.spaces.sketch import Sketch, StageTable
from navarch.spaces.space import SearchSpace, require_positive
from navarch.spaces.spec import INACTIVE, Architecture, Cost
from navarch.spaces.transnas.cost import Encoder, chain, classifier, further_costs
from navarch.spaces.transnas.encoding import read_macro, write_macro
from navarch.spaces.transnas.outline import STRIDED

if TYPE_CHECKING:
    import torch


_COLUMNS = ("stage", "operation", "blocks", "stride", "channels", "output")


class TransNasMacro(SearchSpace):
    """3,256 chains of four to six modules of residual blocks."""

    def genotype(self, arch: Architecture) -> str:
        """Return the published string, 64-<a digit for each module>-basic."""
        return write_macro(self._digits(arch))

    def cost(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> Cost:
        """Return the exact parameters and multiply-accumulates of the classifier."""
        require_positive(classes=classes)
        return classifier(self._encoder(arch, in_channels, resolution, skeleton), classes)

    def other_costs(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> dict[str, int | float]:
        """Return the cost without the head, and the parameters of the network for jigsaws."""
        require_positive(classes=classes)
        return further_costs(self._encoder(arch, in_channels, resolution, skeleton))

    def build(
        self,
        arch: Architecture,
        *,
        classes: int,
        in_channels: int = 3,
        resolution: int | None = None,
        skeleton: Mapping[str, int] | None = None,
    ) -> "torch.nn.Module":
        """Return the network: (batch, in_channels, height, width) float -> (batch, classes) logits."""
        from navarch.spaces.transnas.network import make_macro

        digits = self._digits(arch)
        sizes = self._sizes(skeleton, resolution)
        require_positive(classes=classes, in_channels=in_channels)
        return make_macro(digits, classes=classes, in_channels=in_channels, **sizes)

    def sketch(self, arch: Architecture) -> tuple[Sketch, ...]:
        """Return one row for the stem, each module and the head, at the published input."""
        digits, image = self._digits(arch), self.input
        sizes = {"in_channels": image.channels, "resolution": image.resolution, **self.skeleton}
        stages = [chain(digits[:done], **sizes) for done in range(len(digits) + 1)]
        rows = [("stem", "two 3x3 convolutions", "", "4", *_show_output(stages[0]))]
        modules = zip(self.names[1:], arch.values[1:], digits, stages[1:], strict=False)
        for name, operation, digit, stage in modules:
            stride = "2" if digit in STRIDED else "1"
            rows.append((name, operation, str(sizes["cells"]), stride, *_show_output(stage)))
        rows.append(("head", "average over all positions, linear layer", "", "", str(image.classes), ""))
        return (StageTable("network", _COLUMNS, tuple(rows)),)

    def _encoder(
        self,
        arch: Architecture,
        in_channels: int,
        resolution: int | None,
        skeleton: Mapping[str, int] | None,
    ) -> Encoder:
        require_positive(in_channels=in_channels)
        sizes = self._sizes(skeleton, resolution)
        size = self._resolution(resolution)
        return chain(self._digits(arch), in_channels=in_channels, resolution=size, **sizes)

    def _digits(self, arch: Architecture) -> str:
        """Return the digit of every module in use."""
        return self.code(arch)[1:].rstrip(INACTIVE)

    def _read_published(self, raw: str | Mapping[object, object] | Sequence[object]) -> Sequence[str] | None:
        if isinstance(raw, str) and "-" in raw and not self._is_compact(raw):
            return read_macro(raw, self.dimensions)
        return None

    def _is_compact(self, text: str) -> bool:
        """Return whether a text with dashes looks like a compact code, which has them in place of unused modules."""
        always_used = sum(not dimension.when for dimension in self.dimensions)
        return len(text) == len(self.dimensions) and INACTIVE not in text[:always_used]


def _show_output(encoder: Encoder) -> tuple[str, str]:
    """Return channels and resolution as a drawing shows them."""
    return str(encoder.channels), f"{encoder.size}x{encoder.size}"
