"""Images to change: real photographs where they are, and made ones."""

import io
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
KINDS = ("made", "grey", "photographs")


def pictures(kind, count=12):
    """Return (count, channels, 32, 32) bytes; skips where the photographs are not here."""
    if kind == "photographs":
        return photographs(count)
    chance = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 1 if kind == "grey" else 3, 6, 6, generator=chance)
    smooth = torch.nn.functional.interpolate(coarse, size=32, mode="bicubic", align_corners=False)
    noisy = 255 * smooth + 12 * torch.randn(smooth.shape, generator=chance)
    return noisy.round().clamp(0, 255).to(torch.uint8)


@cache
def photographs(count):
    file = SHARED / "cifar10_jpeg.npz"
    if not file.is_file():
        pytest.skip(f"{file.name} is not here")
    with np.load(file) as archive:
        stream, offsets = archive["train_jpeg"], archive["train_offsets"][: count + 1]
    found = [
        np.asarray(Image.open(io.BytesIO(stream[start:end].tobytes())).convert("RGB"))
        for start, end in pairwise(offsets)
    ]
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).contiguous()


def to_pil(image):
    """Return one image of a batch as PIL has it."""
    pixels = image.permute(1, 2, 0).numpy()
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def from_pil(image):
    """Return (channels, height, width) bytes."""
    pixels = torch.from_numpy(np.asarray(image).copy())
    return pixels.unsqueeze(0) if pixels.ndim == 2 else pixels.permute(2, 0, 1)


def apart(ours, theirs):
    """Return by how many levels two images of bytes differ: (height * width * channels,)."""
    return (ours.int() - theirs.int()).abs().flatten()
