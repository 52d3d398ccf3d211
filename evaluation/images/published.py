"""Published image sets: what they are, how they are split for a search, and how torchvision reads or downloads them."""

import sys
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from navarch.evaluation.images.checked import RawSplit
from navarch.evaluation.images.downloading import archives_of, guarded, remove_broken, tell_why
from navarch.evaluation.images.kept import ImagesError, Split, draw_out
from navarch.evaluation.vision import import_torchvision

if TYPE_CHECKING:
    from torch import Tensor

    from navarch.evaluation.images.kept import Pixels


@dataclass(frozen=True, slots=True)
class PublishedImages:
    """Describe a published set. sizes: train, val, test as a search sees them.

    loader: its class in torchvision.datasets; None where the user makes the file. val_share: of the training images
    that are drawn for validation; 0 where half of the published test images are, as NAS-Bench-201 does.
    """

    title: str
    classes: int
    channels: int
    side: int
    sizes: tuple[int, int, int]
    loader: str | None
    val_share: float


PUBLISHED_IMAGES = {
    "cifar10": PublishedImages("CIFAR-10", 10, 3, 32, (25_000, 25_000, 10_000), "CIFAR10", 0.5),
    "cifar100": PublishedImages("CIFAR-100", 100, 3, 32, (50_000, 5_000, 5_000), "CIFAR100", 0.0),
    "fashion-mnist": PublishedImages(
        "Fashion-MNIST", 10, 1, 28, (54_000, 6_000, 10_000), "FashionMNIST", 0.1
    ),
    "imagenet16-120": PublishedImages("ImageNet16-120", 120, 3, 16, (151_700, 3_000, 3_000), None, 0.0),
}

_FROM_TORCHVISION: tuple[Split, ...] = ("train", "test")


def read_published(name: str, root: Path, *, download: bool) -> tuple[dict[Split, RawSplit], tuple[str, ...]]:
    """Return the splits of a published set and its class names. download: fetch it first where it is absent.

    Raises: ImagesError when it is not there, damaged, or cannot be fetched.
    """
    known = PUBLISHED_IMAGES[name]
    if known.loader is None:
        raise ImagesError(
            f"The images of task {name!r} are not kept here, and torchvision does not have them: "
            f"navarch data import FILE.npz --name {name}, with x_train, y_train, x_test and y_test."
        )
    loader: Any = getattr(import_torchvision("datasets"), known.loader)
    try:
        parts = _download(known, loader, root) if download else _read(loader, root)
    except ImagesError:
        raise
    except Exception as error:  # torchvision raises whatever its libraries raise
        if "not found" in str(error):
            raise ImagesError(
                f"The images of task {name!r} are not here, or not whole: use navarch data download {name}."
            ) from None
        raise ImagesError(
            f"The images of task {name!r} cannot be read ({tell_why(error)}): use navarch data download {name}."
        ) from None
    classes = tuple(str(label) for label in parts["train"].classes)
    return {
        "train": _raw(parts["train"]),
        "test": _raw(parts["test"]),
    }, classes


def _download(known: PublishedImages, loader: Any, root: Path) -> "dict[Split, Any]":
    """Return the splits, fetched where they are absent or damaged; what is there and whole is not fetched again."""
    with suppress(Exception):
        return _read(loader, root)
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        remove_broken(loader, root)
        with guarded():
            return _read(loader, root, download=True)
    except Exception as error:  # torchvision's download and unpacking raise whatever their libraries raise
        with suppress(OSError):
            remove_broken(loader, root)
        archives = list(archives_of(loader, root))
        raise ImagesError(
            f"{known.title} cannot be downloaded ({tell_why(error)}): try again, or put "
            f"{', '.join(path.name for path in archives)} into {str(archives[0].parent)!r} and give the same command."
        ) from None


def _read(loader: Any, root: Path, *, download: bool = False) -> "dict[Split, Any]":
    with redirect_stdout(sys.stderr):
        return {
            split: loader(str(root), train=split == "train", download=download) for split in _FROM_TORCHVISION
        }


def divide_test(splits: "dict[Split, tuple[Pixels, Tensor]]") -> "dict[Split, tuple[Pixels, Tensor]]":
    """Return the splits with half of the test images, of every class alike, as validation images."""
    pixels, labels = splits["test"]
    kept, drawn = draw_out(labels, len(labels) // 2)
    return {**splits, "val": (pixels[drawn], labels[drawn]), "test": (pixels[kept], labels[kept])}


def _raw(part: Any) -> RawSplit:
    import torch

    pixels = torch.as_tensor(part.data)
    pixels = pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
    return RawSplit(pixels.contiguous(), torch.as_tensor(part.targets))
