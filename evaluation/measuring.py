"""What a trained network makes of images: how many it labels right, and whether it looks at them at all."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from navarch.evaluation.scaling import Scaling

SAME_OUTPUT = (
    1e-5  # of a logit, and of 1: what rounding leaves between equal outputs, and no trained network does
)
VAL_BATCH = 200  # images at once without gradients; larger batches fall out of a CPU's cache


@dataclass(frozen=True, slots=True)
class Measured:
    """Hold what a network made of images: the percentage that it labels right, NaN when an output is not finite.

    is_constant: its outputs are the same for all images, within rounding: nothing of an image reaches them.
    """

    accuracy: float
    is_constant: bool


def forward(network: nn.Module, images: Tensor, *, mixed: bool) -> tuple[Tensor, Tensor | None]:
    """Return float32 logits, and those of an auxiliary head; `mixed` lets the network multiply in bfloat16."""
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=mixed):
        result: Tensor | tuple[Tensor, Tensor] = network(images)
    logits, auxiliary = (result, None) if isinstance(result, Tensor) else result
    return logits.float(), None if auxiliary is None else auxiliary.float()


def measure_outputs(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    scale: Scaling,
    *,
    mixed: bool,
    on_step: Callable[[], None] = lambda: None,
) -> Measured:
    """Measure a trained network on images, on its device; with one label alone, no outputs count as constant.

    The accuracy is NaN when an output is not finite: the largest of such outputs would still be some label.
    """
    network.eval()
    device = images.device
    hits = torch.zeros((), dtype=torch.int64, device=device)
    lows, highs = [], []
    with torch.inference_mode():
        for start in range(0, len(images), VAL_BATCH):
            on_step()
            logits, _ = forward(network, scale(images[start : start + VAL_BATCH]), mixed=mixed)
            lows.append(logits.amin(0))
            highs.append(logits.amax(0))
            hits += (logits.argmax(1) == labels[start : start + VAL_BATCH]).sum()
        low, high = torch.stack(lows).amin(0), torch.stack(highs).amax(0)
        finite = bool((low.isfinite() & high.isfinite()).all())
        same = bool((high - low <= SAME_OUTPUT * (1 + high.abs())).all())
        is_constant = finite and same and bool((labels != labels[0]).any())
    return Measured(100.0 * hits.item() / len(images) if finite else math.nan, is_constant)
