"""Raw images and labels of a user's file, checked and brought to one form; whatever is wrong is one sentence."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from navarch.evaluation.images.kept import ImagesError, Split

if TYPE_CHECKING:
    from torch import Tensor

    from navarch.evaluation.images.kept import Pixels

MAX_CLASSES = 100_000


@dataclass(frozen=True, slots=True)
class RawSplit:
    """Hold one split as it was read. pixels: (n, channels, side, side) uint8. labels: (n,) integers."""

    pixels: "Pixels"
    labels: "Tensor"


def check_splits(
    where: str, splits: dict[Split, RawSplit], classes: tuple[str, ...]
) -> tuple[dict[Split, "tuple[Pixels, Tensor]"], tuple[str, ...]]:
    """Return the splits with int64 labels, and the class names; numbers where there are no names.

    Raises: ImagesError when counts, shapes or labels do not fit together.
    """
    if "train" not in splits:
        raise ImagesError(
            f"{where} has no training images: arrays x_train and y_train, x and y, or train_jpeg, train_offsets "
            "and y_train are needed."
        )
    train = splits["train"]
    found = int(train.labels.max()) + 1 if len(train.labels) else 0
    count = len(classes) or found
    if not 2 <= count <= MAX_CLASSES:
        raise ImagesError(
            f"{where} has {count:,} classes among its training labels: 2 to {MAX_CLASSES:,} are possible."
        )
    for split, raw in splits.items():
        _check_split(where, split, raw, train, count)
    missing = sorted(set(range(count)) - set(train.labels.tolist()))
    if missing:
        raise ImagesError(
            f"{where} has {count} classes, and no training image is of class {missing[0]}"
            + (f" ({classes[missing[0]]})" if classes else "")
            + ": labels must be 0 to the number of classes less 1."
        )
    names = classes or tuple(str(label) for label in range(count))
    return {split: (raw.pixels, raw.labels.long()) for split, raw in splits.items()}, names


def _check_split(where: str, split: Split, raw: RawSplit, train: RawSplit, classes: int) -> None:
    if len(raw.pixels) != len(raw.labels):
        raise ImagesError(
            f"{where} has {len(raw.pixels)} {split} images and {len(raw.labels)} labels for them: "
            "every image needs one label."
        )
    if len(raw.labels) == 0:
        raise ImagesError(f"{where} has no {split} images: leave the split out, or fill it.")
    if raw.pixels.shape[1:] != train.pixels.shape[1:]:
        raise ImagesError(
            f"{where} has {split} images of {tuple(raw.pixels.shape[1:])} (channels, height, width) and training "
            f"images of {tuple(train.pixels.shape[1:])}: all must be of one size."
        )
    low, high = int(raw.labels.min()), int(raw.labels.max())
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        place = int((raw.labels == wrong).nonzero()[0])
        raise ImagesError(
            f"{where} names {classes} classes, and the {split} image {place} has the label {wrong}: "
            f"labels must be 0 to {classes - 1}."
        )
