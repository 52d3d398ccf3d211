"""Pairs of images mixed into one: mixup, CutMix, and their loss.

Sources: Zhang et al., ICLR 2018; Yun et al., ICCV 2019; with both, one of them for each batch, half the batches each,
and the last image of a batch is the partner of the first, as DeiT and AutoFormer do.
"""

import torch
from torch import Tensor
from torch.nn import functional

SWITCH = 0.5  # chance of CutMix where mixup is possible too


def mix(images: Tensor, mixup: float, cutmix: float, chance: torch.Generator) -> tuple[Tensor, float]:
    """Return images mixed with the batch turned around, and the share that they keep of themselves.

    images: (batch, channels, height, width) float. mixup, cutmix: both parameters of the beta distribution of the
    share; 0 is never. A window of CutMix that reaches over the border counts with what of it lies inside.
    """
    is_cut = cutmix > 0
    if is_cut and mixup > 0:
        is_cut = torch.rand((), generator=chance).item() < SWITCH
    share = _draw_beta(cutmix if is_cut else mixup, chance)
    partners = images.flip(0)
    if not is_cut:
        return torch.lerp(partners, images, share), share
    height, width = images.shape[-2:]
    ratio = (1.0 - share) ** 0.5
    rows, columns = _window(height, ratio, chance), _window(width, ratio, chance)
    mixed = images.clone()
    mixed[:, :, rows, columns] = partners[:, :, rows, columns]
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    return mixed, 1.0 - area / (height * width)


def mixed_loss(logits: Tensor, labels: Tensor, share: float, smoothing: float) -> Tensor:
    """Return the mean cross-entropy to the smoothed labels of a batch and of its partners, by their share."""
    own = functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    if share == 1.0:
        return own
    theirs = functional.cross_entropy(logits, labels.flip(0), label_smoothing=smoothing)
    return share * own + (1.0 - share) * theirs


def main_labels(labels: Tensor, share: float) -> Tensor:
    """Return the labels of the images that make up the larger part of each mixed image."""
    return labels if share >= 0.5 else labels.flip(0)


def _draw_beta(parameter: float, chance: torch.Generator) -> float:
    own, theirs = torch._standard_gamma(
        torch.full((2,), parameter, dtype=torch.float64), generator=chance
    ).tolist()
    return float(own / (own + theirs))


def _window(side: int, ratio: float, chance: torch.Generator) -> slice:
    centre = int(torch.randint(side, (), generator=chance))
    half = int(side * ratio) // 2
    return slice(max(0, centre - half), min(side, centre + half))
