"""Where the images of a task are: kept already, or read now from the file, folder or published set that is named.

Kept under `images/` in the data folder, so that decoding happens once.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from navarch.evaluation.images.checked import RawSplit, check_splits
from navarch.evaluation.images.class_folder import fingerprint, read_class_folder
from navarch.evaluation.images.kept import ImagesError, ImageSet, Split, holds_images, read_set, write_set
from navarch.evaluation.images.published import PUBLISHED_IMAGES, divide_test, read_published
from navarch.evaluation.tables.folder import DataFolder, hash_file

_OWN_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_DOWNLOADS = "torchvision"  # the folder of torchvision's own files, beside those of kept sets
VAL_SHARE = 0.1  # of the training images, where a file has no validation images


def is_image_path(name: str) -> bool:
    """Tell whether a task is named by a file or folder of images."""
    return name.endswith(".npz") or "/" in name or name in (".", "..")


def find_images(name: str, *, download: bool = False) -> ImageSet:
    """Return the images of a published set, of a name of one's own, or of an `.npz` file or folder.

    Those that are not kept yet are read and kept.

    Raises: ImagesError for what is missing, damaged or does not fit together.
    """
    root = DataFolder().path / "images"
    if name in PUBLISHED_IMAGES:
        return read_set(root / name) or _keep_published(name, root, download=download)
    if (own := _own(name)) is not None:
        return own
    path = Path(name).expanduser()
    if path.is_dir():
        kind, key = f"folder:{path.resolve().name}", fingerprint(path)
    elif path.is_file():
        kind, key = f"npz:{path.name}", hash_file(path)[:16]
    else:
        raise ImagesError(
            f"There are no images at {name!r}: give an .npz file, or a folder of class folders."
        )
    kept = read_set(root / key)
    if kept is not None:
        return kept
    raw, classes = read_class_folder(path) if path.is_dir() else read_npz_file(path)
    title = f"Images of {path.name}"
    return _keep(root / key, kind, title, repr(name), raw, classes, VAL_SHARE, keeps=True)


def is_kept(name: str) -> bool:
    """Tell whether images are kept under a name of a user's own."""
    return _own(name) is not None


def _own(name: str) -> ImageSet | None:
    """Return what is kept under a name of a user's own, or None."""
    return read_set(DataFolder().path / "images" / name) if _OWN_NAME.fullmatch(name) else None


def import_folder(
    path: Path,
    name: str,
    *,
    side: int,
    images: int | None = None,
    replace: bool = False,
    tell: Callable[[int], None] = lambda count: None,
) -> ImageSet:
    """Keep the images of a folder, of any size, as squares of `side` pixels under a name.

    See `read_class_folder` for the arguments. Raises: ImagesError.
    """
    from navarch.evaluation.task import task_names

    if _OWN_NAME.fullmatch(name) is None or name in (*task_names(), _DOWNLOADS):
        raise ImagesError(
            f"Images cannot be kept under the name {name!r}: small letters, digits, - and _ make one that is free."
        )
    if not path.is_dir():
        raise ImagesError(f"There is no folder {str(path)!r} of images.")
    folder = DataFolder().path / "images" / name
    if read_set(folder) is not None and not replace:
        raise ImagesError(f"Images are kept under the name {name!r} already: give another, or --replace.")
    raw, classes = read_class_folder(path, side=side, images=images, tell=tell)
    title = f"Images of {path.resolve().name}"
    return _keep(folder, name, title, repr(str(path)), raw, classes, VAL_SHARE, is_cut=True)


def import_images(path: Path, name: str) -> ImageSet:
    """Keep the images of an `.npz` file as those of a published set. Raises: ImagesError when they do not fit it."""
    known = PUBLISHED_IMAGES[name]
    raw, classes = read_npz_file(path)
    splits, names = check_splits(repr(str(path)), raw, classes)
    shape = tuple(splits["train"][0].shape[1:])
    if len(names) != known.classes or shape != (known.channels, known.side, known.side):
        raise ImagesError(
            f"{str(path)!r} has {len(names)} classes of images {shape} (channels, height, width); {known.title} has "
            f"{known.classes} of {(known.channels, known.side, known.side)}."
        )
    return _keep(
        DataFolder().path / "images" / name, name, known.title, repr(str(path)), raw, names, known.val_share
    )


def read_npz_file(path: Path) -> tuple[dict[Split, RawSplit], tuple[str, ...]]:
    """Return the splits of an `.npz` file, and the class names if it has them. Raises: ImagesError."""
    from navarch.evaluation.images.npz import read_npz

    return read_npz(path)


def kept_sets() -> list[ImageSet]:
    """Return the sets of images that are kept whole, by the name of their folder."""
    folders = sorted((DataFolder().path / "images").glob("*/"))
    return [images for folder in folders if (images := read_set(folder)) is not None]


def unfinished_folders() -> list[Path]:
    """Return the folders that hold images of which none are whole: they are written now, or that was killed."""
    folders = sorted((DataFolder().path / "images").glob("*/"))
    return [
        folder
        for folder in folders
        if folder.name != _DOWNLOADS and read_set(folder) is None and holds_images(folder)
    ]


def is_intact(images: ImageSet) -> bool:
    """Tell whether the bytes that are kept are those that were; also true where others have replaced them meanwhile."""
    try:
        return own_digest(images) == images.digest
    except OSError:
        return read_set(Path(images.folder)) not in (None, images)


def own_digest(images: ImageSet) -> str:
    """Return the digest of the bytes that are kept now, to compare with that of the description."""
    digest = hashlib.sha256()
    for split in images.counts:
        for path in (images.file(split, "images"), images.file(split, "labels")):
            with path.open("rb") as file:
                while block := file.read(2**24):
                    digest.update(block)
    return digest.hexdigest()


def _keep_published(name: str, root: Path, *, download: bool) -> ImageSet:
    known = PUBLISHED_IMAGES[name]
    raw, classes = read_published(name, root / _DOWNLOADS, download=download)
    return _keep(root / name, name, known.title, f"task {name!r}", raw, classes, known.val_share, keeps=True)


def _keep(
    folder: Path,
    name: str,
    title: str,
    where: str,
    raw: dict[Split, RawSplit],
    classes: tuple[str, ...],
    val_share: float,
    *,
    is_cut: bool = False,
    keeps: bool = False,
) -> ImageSet:
    splits, names = check_splits(where, raw, classes)
    if val_share == 0 and "val" not in splits:
        if "test" not in splits:
            raise ImagesError(
                f"{where} has no test images, and {title} takes half of them for validation: add x_test and y_test."
            )
        splits = divide_test(splits)
    pixels = splits["train"][0]
    channels, side = pixels.shape[1], pixels.shape[-1]
    images = ImageSet(name, title, str(folder), channels, side, names, {}, "", val_share, is_cut)
    try:
        return write_set(images, splits, keeps=keeps)
    except OSError as error:
        raise ImagesError(f"The data folder {str(folder)!r} cannot be written: {error.strerror}.") from None
