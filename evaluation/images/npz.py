"""Images from an `.npz` file: arrays of pixels, encoded images (JPEG, PNG), or rows of numbers.

Pixels are x_train, y_train (or x, y), and x_val, x_test with their y likewise, uint8, (n, height, width), with channels
last or first. Encoded images are train_jpeg, one stream of bytes, with train_offsets, n + 1 places where images begin
and end, and y_train. Rows of numbers (n, features) are scaled to bytes by the smallest and largest training value and
written line by line into the smallest square that holds them. `classes` or `names` may name the classes. Read by the
driver alone, never by a worker; no pickle is loaded.
"""

import math
import zipfile
import zlib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from navarch.evaluation.images.checked import RawSplit
from navarch.evaluation.images.decoding import MAX_SIDE, EncodedImages
from navarch.evaluation.images.kept import ImagesError, Split

if TYPE_CHECKING:
    from torch import Tensor

    from navarch.evaluation.images.kept import Pixels

NAMES = ("classes", "class_names", "names", "wnids")
# TypeError: a single array (.npy); RuntimeError: an encrypted member, or one packed in a way that Python does not know
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: Path) -> tuple[dict[Split, RawSplit], tuple[str, ...]]:
    """Return the splits that a file has, and the names of its classes if it has them. Raises: ImagesError."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except _UNREADABLE as error:
        raise ImagesError(
            f"{str(path)!r} cannot be read as .npz ({error}): it is damaged or of another format; copy it again."
        ) from None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise ImagesError(f"{str(path)!r} has a member {name!r} that is no array: leave it out.")
    reader = _Reader(str(path), arrays)
    splits: dict[Split, RawSplit] = {}
    for split in ("train", "val", "test"):
        raw = reader.split(split)
        if raw is not None:
            splits[split] = raw
    names = next((arrays[name] for name in NAMES if name in arrays and arrays[name].ndim == 1), None)
    return splits, () if names is None else tuple(str(name) for name in names.tolist())


class _Reader:
    """Read the arrays of one file."""

    def __init__(self, path: str, arrays: Mapping[str, Any]) -> None:
        self.path, self.arrays = path, arrays
        self.range: tuple[float, float] | None = (
            None  # of the training rows, where the file has rows of numbers
        )

    def split(self, split: Split) -> RawSplit | None:
        """Return a split, or None where the file has none of that name. Raises: ImagesError."""
        import torch

        arrays = self.arrays
        suffix = f"_{split}"
        if split == "train" and "x" in arrays:
            suffix = ""
        labels_name = f"y{suffix}"
        if f"{split}_jpeg" in arrays:
            pixels: Pixels = self._encoded(split)
        elif f"x{suffix}" in arrays:
            pixels = self._pixels(f"x{suffix}")
        else:
            return None
        labels = arrays.get(labels_name)
        if labels is None or labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise ImagesError(
                f"{self.path!r} has no labels {labels_name!r} for its {split} images: "
                "one whole number for each image is needed."
            )
        return RawSplit(pixels, torch.from_numpy(labels.astype(np.int64)))

    def _pixels(self, name: str) -> "Tensor":
        import torch

        array = self.arrays[name]
        if array.ndim == 2:
            return self._rows(name, array)
        if array.dtype != np.uint8 or array.ndim not in (3, 4):
            raise ImagesError(
                f"{self.path!r}: the array {name!r} is {array.dtype} of shape {array.shape}; needed are bytes (uint8) "
                "of shape (n, height, width), with channels last or first, or numbers of shape (n, features)."
            )
        images = torch.from_numpy(array)
        if images.ndim == 3:
            images = images.unsqueeze(1)
        elif images.shape[-1] in (1, 3) and images.shape[1] not in (1, 3):
            images = images.permute(0, 3, 1, 2)
        _, channels, height, width = images.shape
        if channels not in (1, 3) or height != width or not 1 <= height <= MAX_SIDE:
            raise ImagesError(
                f"{self.path!r}: the array {name!r} of shape {array.shape} is no square images of 1 or 3 channels "
                f"and 1 to {MAX_SIDE} pixels a side."
            )
        return images.contiguous()

    def _rows(self, name: str, array: Any) -> "Tensor":
        import torch

        if array.dtype.kind not in "iuf" or not np.isfinite(array).all() or not array.size:
            raise ImagesError(f"{self.path!r}: the array {name!r} must be finite numbers, (n, features).")
        if self.range is None:  # the training rows are read first
            self.range = (float(array.min()), float(array.max()))
        low, high = self.range
        scaled = (array.astype(np.float64) - low) * (255.0 / max(high - low, 1e-12))
        values = torch.from_numpy(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
        side = math.isqrt(array.shape[1] - 1) + 1
        return torch.nn.functional.pad(values, (0, side * side - array.shape[1])).view(-1, 1, side, side)

    def _encoded(self, split: Split) -> EncodedImages:
        stream, offsets = self.arrays[f"{split}_jpeg"], self.arrays.get(f"{split}_offsets")
        is_sound = (
            stream.ndim == 1
            and stream.dtype == np.uint8
            and offsets is not None
            and offsets.ndim == 1
            and offsets.dtype.kind in "iu"
            and len(offsets) > 1
            and int(offsets[0]) == 0
            and int(offsets[-1]) == len(stream)
            and bool((np.diff(offsets.astype(np.int64)) > 0).all())
        )
        if offsets is None or not is_sound:
            raise ImagesError(
                f"{self.path!r}: {split}_jpeg and {split}_offsets do not fit: offsets must rise from 0 to the "
                f"{len(stream)} bytes of the images, one more than there are images."
            )
        raw = memoryview(stream)
        images = [raw[start:end] for start, end in pairwise(offsets.tolist())]
        return EncodedImages(images, f"{self.path!r}, {split}_jpeg")
