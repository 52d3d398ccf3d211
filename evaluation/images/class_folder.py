"""Images from a folder with one folder for each class: DIR/train/CLASS/*.png, DIR/val, DIR/test, or DIR/CLASS/*.png."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from navarch.evaluation.images.checked import RawSplit
from navarch.evaluation.images.kept import ImagesError, Split, draw_out

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp", ".tif", ".tiff", ".gif"}


def read_class_folder(
    root: Path,
    *,
    side: int | None = None,
    images: int | None = None,
    tell: Callable[[int], None] = lambda count: None,
) -> tuple[dict[Split, RawSplit], tuple[str, ...]]:
    """Return the splits that a folder has, and its class names, sorted.

    Images are decoded when the splits are walked through. side: bring images of any size to it. images: read at most
    so many to train and to validate, the same share of every class, always the same ones. tell: is told now and then
    how many of a split are decoded. Raises: ImagesError.
    """
    import torch

    from navarch.evaluation.images.decoding import EncodedImages

    places: dict[Split, Path] = {
        split: root / split for split in ("train", "val", "test") if (root / split).is_dir()
    }
    if "train" not in places:
        places = {"train": root}
    classes = tuple(sorted(entry.name for entry in places["train"].iterdir() if entry.is_dir()))
    splits: dict[Split, RawSplit] = {}
    for split, place in places.items():
        paths: list[str] = []  # text, as a million Path objects would take half a gigabyte
        numbers: list[int] = []
        for kind, files in _class_files(place):
            label = _label_of(kind, place, classes, split)
            paths += [str(path) for path in files]
            numbers += [label] * len(files)
        if not paths:
            raise ImagesError(
                f"{str(place)!r} has no images in folders of classes: DIR/CLASS/IMAGE.png is needed."
            )
        encoded, labels = EncodedImages(paths, repr(str(place)), side=side, tell=tell), torch.tensor(numbers)
        if images is not None and split != "test" and images < len(paths):
            _, chosen = draw_out(labels, images)
            encoded, labels = encoded[chosen], labels[chosen]
        splits[split] = RawSplit(encoded, labels)
    return splits, classes


def _label_of(kind: str, root: Path, classes: tuple[str, ...], split: Split) -> int:
    """Return the place of a folder's name among the classes. Raises: ImagesError."""
    if kind not in classes:
        raise ImagesError(
            f"The {split} images in {str(root)!r} have the class {kind!r}, which the training images have not: "
            f"they have {len(classes)} classes."
        )
    return classes.index(kind)


def _class_files(root: Path) -> Iterator[tuple[str, list[Path]]]:
    """Yield the folders that hold images, and their images, sorted, so that every machine reads the same order."""
    for folder in sorted(root.glob("*")):
        found = (path for path in folder.glob("**/*") if path.suffix.lower() in SUFFIXES and path.is_file())
        if files := sorted(found):
            yield folder.name, files


def fingerprint(root: Path) -> str:
    """Return 16 hex digits of the names, sizes and times of the images: what tells whether they must be read again."""
    digest = hashlib.sha256()
    for _, files in _class_files(root):
        for path in files:
            stat = path.stat()
            digest.update(f"{path.relative_to(root)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
