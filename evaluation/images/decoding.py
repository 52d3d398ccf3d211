"""From encoded images (JPEG, PNG) to bytes of one square size, a few at a time."""

import io
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from navarch.evaluation.images.kept import ImagesError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

MAX_SIDE = 1024
CUT = 0.875  # of the shorter side: the square that is measured on ImageNet, 224 pixels of 256
EVERY = 5000  # images between two signs of life
PIECE_BYTES = 32 * 2**20  # of decoded images that are held at once


class EncodedImages:
    """Images that are decoded when they are walked through: pieces (some, 3, side, side) uint8, whatever their colours.

    Like a tensor of all of them it has a length and a shape, and indices take some of them out.
    """

    def __init__(
        self,
        encoded: Sequence[bytes | memoryview | str],
        where: str,
        *,
        side: int | None = None,
        tell: Callable[[int], None] = lambda count: None,
    ) -> None:
        """Decode nothing yet.

        encoded: bytes, or paths as text. side: bring images of any size to it: the shorter side to side / 0.875, and
        the centre cut out; None: they must be square and of one size. tell: is told now and then how many are decoded.
        Raises: ImagesError where there is none; and, while they are decoded, for the first that is broken or of
        another size.
        """
        if not encoded:
            raise ImagesError(f"{where} has no images.")
        self._encoded, self._where, self._wanted, self._tell = encoded, where, side, tell

    def __len__(self) -> int:
        return len(self._encoded)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Return what the shape of the tensor of all would be. Raises: ImagesError."""
        return len(self), 3, self.side, self.side

    @cached_property
    def side(self) -> int:
        """Pixels of a side: those wanted, else those of the first image. Raises: ImagesError."""
        return self._wanted or len(self._decode(0, None))

    def __getitem__(self, chosen: "Tensor") -> "EncodedImages":
        some = [self._encoded[number] for number in chosen.tolist()]
        return EncodedImages(some, self._where, side=self._wanted, tell=self._tell)

    def __iter__(self) -> Iterator["Tensor"]:
        import torch

        side = self.side
        step = max(1, PIECE_BYTES // (3 * side * side))
        for start in range(0, len(self), step):
            piece = np.empty((min(step, len(self) - start), 3, side, side), np.uint8)
            for place in range(start, start + len(piece)):
                piece[place - start] = self._decode(place, side).transpose(2, 0, 1)
                if (place + 1) % EVERY == 0:
                    self._tell(place + 1)
            yield torch.from_numpy(piece)

    def _decode(self, place: int, side: int | None) -> Any:
        """Return (side, side, 3) bytes of an image; of any side where none is given. Raises: ImagesError."""
        image = self._encoded[place]
        name = repr(image) if isinstance(image, str) else f"image {place} of {self._where}"
        pixels = _decode(image, name, self._wanted)
        height, width, _ = pixels.shape
        if height != width or (side is not None and height != side):
            wanted = "a square" if side is None else f"{side} x {side}"
            how = " (navarch data import FOLDER --side PIXELS --name NAME)" if isinstance(image, str) else ""
            raise ImagesError(
                f"{name} has {width} x {height} pixels, not {wanted}: bring all images to one square size first{how}."
            )
        return pixels


def _decode(image: bytes | memoryview | str, name: str, side: int | None) -> Any:
    """Return (height, width, 3) bytes. Raises: ImagesError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(image if isinstance(image, str) else io.BytesIO(image)) as opened:
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
