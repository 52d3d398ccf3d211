"""From bytes to the floats that a network reads."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

LEVELS = 256


@dataclass(frozen=True, slots=True)
class Scaling:
    """Turn bytes into floats with mean and deviation of each channel of the training images, in channels_last order.

    mean, deviation: (1, channels, 1, 1) float32. side: pixels that the images are enlarged or reduced to; None as is.
    """

    mean: Tensor
    deviation: Tensor
    side: int | None = None

    @classmethod
    def of(cls, images: Tensor, side: int | None = None) -> "Scaling":
        """Measure images; counts of bytes are exact, so the result does not depend on the machine."""
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
        return Scaling(self.mean.to(device), self.deviation.to(device), self.side)

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 images for a batch of bytes."""
        scaled = images.to(torch.float32).sub_(self.mean).div_(self.deviation)
        if self.side is not None and scaled.shape[-1] != self.side:
            scaled = functional.interpolate(
                scaled, size=(self.side, self.side), mode="bilinear", antialias=True, align_corners=False
            )
        return scaled.contiguous(memory_format=torch.channels_last)
