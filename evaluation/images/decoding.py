"""From encoded images (JPEG, PNG) to bytes of one square size."""

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from navarch.evaluation.images.kept import ImagesError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

MAX_SIDE = 1024
CUT = 0.875  # of the shorter side: the square that is measured on ImageNet, 224 pixels of 256
EVERY = 5000  # images between two signs of life


def decode_images(
    encoded: Sequence[bytes | memoryview | Path],
    where: str,
    *,
    side: int | None = None,
    tell: Callable[[int], None] = lambda count: None,
) -> "Tensor":
    """Return (n, 3, side, side) uint8, whatever the images' colours are.

    encoded: bytes or paths. side: bring images of any size to it: the shorter side to side / 0.875, and the centre cut
    out; None: they must be square and of one size. tell: is told now and then how many are decoded.
    Raises: ImagesError for the first that is broken or of another size.
    """
    import torch

    if not encoded:
        raise ImagesError(f"{where} has no images.")
    stack: Any = None
    for place, image in enumerate(encoded):
        name = repr(str(image)) if isinstance(image, Path) else f"image {place} of {where}"
        pixels = _decode(image, name, side)
        height, width, _ = pixels.shape
        if height != width or (stack is not None and height != stack.shape[-1]):
            wanted = f"{stack.shape[-1]} x {stack.shape[-1]}" if stack is not None else "a square"
            how = " (navarch data import FOLDER --side PIXELS --name NAME)" if isinstance(image, Path) else ""
            raise ImagesError(
                f"{name} has {width} x {height} pixels, not {wanted}: bring all images to one square size first{how}."
            )
        if stack is None:
            stack = np.empty((len(encoded), 3, height, width), np.uint8)
        stack[place] = pixels.transpose(2, 0, 1)
        if (place + 1) % EVERY == 0:
            tell(place + 1)
    return torch.from_numpy(stack)


def _decode(image: bytes | memoryview | Path, name: str, side: int | None) -> Any:
    """Return (height, width, 3) bytes. Raises: ImagesError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(image if isinstance(image, Path) else io.BytesIO(image)) as opened:
            colours = opened.convert("RGB")
            return np.asarray(colours if side is None else _cut_centre(colours, side))
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImagesError(f"{name} cannot be decoded ({_short(error)}): it is damaged.") from None


def _cut_centre(image: "Image", side: int) -> "Image":
    """Return the square in the middle, as torchvision's Resize and CenterCrop cut it."""
    from PIL.Image import Resampling

    shorter = math.ceil(side / CUT)
    width, height = (shorter * length // min(image.size) for length in image.size)
    left, top = round((width - side) / 2), round((height - side) / 2)
    resized = image.resize((width, height), Resampling.BILINEAR)
    return resized.crop((left, top, left + side, top + side))


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
