"""Images from a folder with one folder for each class: DIR/train/CLASS/*.png, DIR/val, DIR/test, or DIR/CLASS/*.png."""

import hashlib
from collections.abc import Callable
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

    side: bring images of any size to it. images: read at most so many to train and to validate, the same share of every
    class, always the same ones. tell: is told now and then how many of a split are decoded. Raises: ImagesError.
    """
    import torch

    from navarch.evaluation.images.decoding import decode_images

    places: dict[Split, Path] = {
        split: root / split for split in ("train", "val", "test") if (root / split).is_dir()
    }
    if "train" not in places:
        places = {"train": root}
    classes = tuple(sorted(entry.name for entry in places["train"].iterdir() if entry.is_dir()))
    splits: dict[Split, RawSplit] = {}
    for split, place in places.items():
        members = [(path, place_of(path, place, classes, split)) for path in image_files(place)]
        if not members:
            raise ImagesError(
                f"{str(place)!r} has no images in folders of classes: DIR/CLASS/IMAGE.png is needed."
            )
        labels = torch.tensor([label for _, label in members])
        if images is not None and split != "test" and images < len(members):
            _, chosen = draw_out(labels, images)
            members, labels = [members[number] for number in chosen.tolist()], labels[chosen]
        paths = [path for path, _ in members]
        splits[split] = RawSplit(decode_images(paths, repr(str(place)), side=side, tell=tell), labels)
    return splits, classes


def place_of(path: Path, root: Path, classes: tuple[str, ...], split: Split) -> int:
    """Return the label of an image: the place of its folder among the classes. Raises: ImagesError."""
    name = path.relative_to(root).parts[0]
    if name not in classes:
        raise ImagesError(
            f"The {split} images in {str(root)!r} have the class {name!r}, which the training images have not: "
            f"they have {len(classes)} classes."
        )
    return classes.index(name)


def image_files(root: Path) -> list[Path]:
    """Return the images below the folders of the classes, sorted, so that every machine reads the same order."""
    return sorted(path for path in root.glob("*/**/*") if path.suffix.lower() in SUFFIXES and path.is_file())


def fingerprint(root: Path) -> str:
    """Return 16 hex digits of the names, sizes and times of the images: what tells whether they must be read again."""
    digest = hashlib.sha256()
    for path in image_files(root):
        stat = path.stat()
        digest.update(f"{path.relative_to(root)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
