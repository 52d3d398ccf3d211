"""From bytes to the floats that a network reads."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from navarch.evaluation.recipe import Input

LEVELS = 256


def resize(images: Tensor, side: int) -> Tensor:
    """Return float images of a side in pixels, bilinear with antialiasing; where they have it, as they are."""
    if images.shape[-1] == side:
        return images
    return functional.interpolate(
        images, size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )


@dataclass(frozen=True, slots=True)
class Scaling:
    """Turn bytes into floats with mean and deviation of each channel of the training images, in channels_last order.

    mean, deviation: (1, channels, 1, 1) float32. side: pixels that the images are enlarged or reduced to; None as is.
    reverses: three channels are read in the order blue, green, red. centre: share of the side that is read, at the
    middle, and enlarged to the whole side.
    """

    mean: Tensor
    deviation: Tensor
    side: int | None = None
    reverses: bool = False
    centre: float = 1.0

    @classmethod
    def of(cls, images: Tensor, side: int | None = None, kind: Input = "normalized") -> "Scaling":
        """Measure images; counts of bytes are exact, so the result does not depend on the machine.

        kind: "bgr" keeps 0 to 255 and reads colours as blue, green, red; nothing is measured then.
        """
        if kind == "bgr":
            shape = (1, images.shape[1], 1, 1)
            return cls(torch.zeros(shape), torch.ones(shape), side, reverses=images.shape[1] == 3)
        values = torch.arange(LEVELS, dtype=torch.float64)
        means, deviations = [], []
        for channel in range(images.shape[1]):
            counts = torch.bincount(images[:, channel].flatten(), minlength=LEVELS).cpu()
            total = int(counts.sum())
            mean = float((counts * values).sum()) / total
            square = float((counts * values * values).sum()) / total
            means.append(mean)
            deviations.append(max(square - mean * mean, 1e-12) ** 0.5)
        shape = (1, -1, 1, 1)
        return cls(torch.tensor(means).view(shape), torch.tensor(deviations).view(shape), side)

    def on(self, device: torch.device) -> "Scaling":
        """Return the same with its numbers on a device."""
        return replace(self, mean=self.mean.to(device), deviation=self.deviation.to(device))

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 images for a batch of bytes."""
        whole = images.shape[-1]
        kept = round(whole * self.centre)
        margin = (whole - kept) // 2
        read = images[:, :, margin : margin + kept, margin : margin + kept] if kept < whole else images
        read = read.flip(1) if self.reverses else read
        scaled = resize(read.to(torch.float32).sub_(self.mean).div_(self.deviation), self.side or whole)
        return scaled.contiguous(memory_format=torch.channels_last)
