"""A set of images as it is kept: one folder with the bytes of each split and a description, written last.

Reading needs the standard library and torch alone. The test split is a file of its own, which only
`load_split(..., "test")` opens.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from navarch import NavarchError

if TYPE_CHECKING:
    from torch import Tensor

Split = Literal["train", "val", "test"]
DESCRIPTION = "images.json"
SPLIT_SEED = 201  # draws validation (and test) images out of the training images where a set has none


class ImagesError(NavarchError):
    """Images cannot be read, or are not what they should be."""


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Describe kept images. counts: images of each split that the set has; digest: of all bytes and labels.

    is_cut: they are the middles of larger images, as validation reads them.
    """

    name: str
    title: str
    folder: str
    channels: int
    side: int
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    digest: str
    val_share: float  # of the training images, where the set has no validation images of its own
    is_cut: bool = False


def split_sizes(images: ImageSet, val_share: float) -> dict[Split, int]:
    """Return how many images each split holds, once what a set lacks is drawn from its training images."""
    left = total = images.counts["train"]
    sizes: dict[Split, int] = {"train": 0, "val": 0, "test": images.counts.get("test", 0)}
    if "val" in images.counts:
        sizes["val"] = images.counts["val"]
    else:
        sizes["val"] = math.ceil(total * val_share)
        left -= sizes["val"]
    sizes["train"] = left
    return sizes


def write_set(images: ImageSet, splits: Mapping[Split, "tuple[Tensor, Tensor]"]) -> ImageSet:
    """Keep a set in its folder, and return it with counts and digest filled in.

    splits: (n, channels, side, side) uint8 and labels (n,) int64 of each. Raises: OSError.
    """
    import torch

    folder = Path(images.folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / DESCRIPTION).unlink(missing_ok=True)  # killed from here on, nothing whole is left
    digest = hashlib.sha256()
    for split, (pixels, labels) in splits.items():
        for suffix, tensor in (("images", pixels), ("labels", labels)):
            raw = tensor.contiguous().flatten().view(torch.uint8).numpy().data
            digest.update(raw)
            temporary = folder / f".{split}.{suffix}"
            temporary.write_bytes(raw)
            temporary.replace(folder / f"{split}.{suffix}")
    counts = {split: len(labels) for split, (_, labels) in splits.items()}
    kept = ImageSet(**{**asdict(images), "counts": counts, "digest": digest.hexdigest()})
    temporary = folder / f".{DESCRIPTION}"
    temporary.write_text(json.dumps(asdict(kept), indent=1), encoding="utf-8")
    temporary.replace(folder / DESCRIPTION)
    return kept


def read_set(folder: Path) -> ImageSet | None:
    """Return what is kept in a folder, or None where nothing (or nothing whole) is."""
    try:
        data: dict[str, Any] = json.loads((folder / DESCRIPTION).read_bytes())
        images = ImageSet(**{**data, "classes": tuple(data["classes"]), "folder": str(folder)})
        is_whole = all(
            (folder / f"{split}.images").stat().st_size == count * images.channels * images.side**2
            and (folder / f"{split}.labels").stat().st_size == count * 8
            for split, count in images.counts.items()
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return images if is_whole else None


def load_split(images: ImageSet, split: Split) -> "tuple[Tensor, Tensor]":
    """Return the images and labels of a split of the set, mapped into memory. Raises: ImagesError."""
    import torch

    count = images.counts[split]
    shape = (count, images.channels, images.side, images.side)
    folder = Path(images.folder)
    try:
        pixels = torch.from_file(
            str(folder / f"{split}.images"), shared=False, size=math.prod(shape), dtype=torch.uint8
        )
        labels = torch.from_file(str(folder / f"{split}.labels"), shared=False, size=count, dtype=torch.int64)
    except RuntimeError as error:
        raise ImagesError(f"The {split} images in {images.folder!r} cannot be read: {error}.") from None
    return pixels.view(shape), labels


def draw_out(labels: "Tensor", count: int) -> "tuple[Tensor, Tensor]":
    """Return the indices that stay and `count` indices that are drawn, the same share of every class."""
    import torch

    chance = torch.Generator().manual_seed(SPLIT_SEED)
    order = torch.randperm(len(labels), generator=chance)
    ordered = labels[order]
    # The place of each image among those of its class, as a share: the smallest shares of all classes are drawn.
    share = torch.zeros(len(labels), dtype=torch.float64)
    for label in range(int(labels.max()) + 1):
        members = (ordered == label).nonzero().flatten()
        share[members] = torch.arange(len(members), dtype=torch.float64) / len(members)
    by_share = order[share.argsort(stable=True)]
    return by_share[count:].sort().values, by_share[:count].sort().values
