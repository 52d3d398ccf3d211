"""A set of images as it is kept: a folder with a description, which names the folder in it that holds the bytes.

A new writing has a folder of its own, and the description is put in its place last, in one step: whenever a writing is
killed, what was whole before is whole. Reading needs the standard library and torch alone. The test split is a file of
its own, which only `load_split(..., "test")` opens.
"""

import fcntl
import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from navarch import NavarchError

if TYPE_CHECKING:
    from torch import Tensor

    from navarch.evaluation.images.decoding import EncodedImages

    Pixels: TypeAlias = Tensor | EncodedImages  # (n, channels, side, side) uint8

Split = Literal["train", "val", "test"]
DESCRIPTION = "images.json"
BYTES = "bytes-"  # how the names of the folders begin that hold them
PARTS = (".images", ".labels")  # how the names of an earlier version's files end, beside the description
LOCK = ".lock"
SPLIT_SEED = 201  # draws validation (and test) images out of the training images where a set has none


class ImagesError(NavarchError):
    """Images cannot be read, or are not what they should be."""


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Describe kept images. counts: images of each split that the set has; digest: of all bytes and labels.

    is_cut: they are the middles of larger images, as validation reads them. files: the folder within `folder` that
    holds the bytes; empty where an earlier version put them beside the description.
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
    files: str = ""

    def file(self, split: str, kind: Literal["images", "labels"]) -> Path:
        """Return where the bytes of a split's images lie, or its labels, eight bytes each."""
        return Path(self.folder) / self.files / f"{split}.{kind}"


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


def write_set(
    images: ImageSet, splits: "Mapping[Split, tuple[Pixels, Tensor]]", *, keeps: bool = False
) -> ImageSet:
    """Keep a set in its folder, and return it with counts, digest and files filled in.

    splits: (n, channels, side, side) uint8 and labels (n,) int64 of each; encoded images are decoded piece by piece, so
    that they need little memory. keeps: what another process has kept there meanwhile stays, and is returned.
    Raises: OSError, and ImagesError of images that cannot be decoded; what was kept before is whole then.
    """
    folder = Path(images.folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _one_writer(folder):
        known = read_set(folder)
        if keeps and known is not None:
            return known
        _remove_leftovers(folder, known)
        files = Path(tempfile.mkdtemp(prefix=BYTES, dir=folder))
        try:
            digest = _write_splits(files, splits)
            counts: dict[str, int] = {split: len(labels) for split, (_, labels) in splits.items()}
            kept = replace(images, counts=counts, digest=digest, files=files.name)
            temporary = files / DESCRIPTION
            temporary.write_text(json.dumps(asdict(kept), indent=1), encoding="utf-8")
            temporary.replace(folder / DESCRIPTION)
        except BaseException:
            shutil.rmtree(files, ignore_errors=True)
            raise
        _remove_leftovers(folder, kept)
    return kept


def _write_splits(folder: Path, splits: "Mapping[Split, tuple[Pixels, Tensor]]") -> str:
    """Write the bytes of all splits, and return their sha256."""
    import torch

    digest = hashlib.sha256()
    for split, (pixels, labels) in splits.items():
        images = (pixels,) if isinstance(pixels, torch.Tensor) else pixels
        parts: tuple[tuple[str, Iterable[Tensor]], ...] = (("images", images), ("labels", (labels,)))
        for kind, pieces in parts:
            with (folder / f"{split}.{kind}").open("wb") as file:
                for piece in pieces:
                    raw = piece.contiguous().flatten().view(torch.uint8).numpy().data
                    digest.update(raw)
                    file.write(raw)
    return digest.hexdigest()


def remove_images(folder: Path) -> None:
    """Remove all that lies in a set's folder, the description first, so that nothing is taken for whole after a kill.

    Raises: ImagesError where a process writes into it now, or the system refuses.
    """
    try:
        with _one_writer(folder, waits=False):
            (folder / DESCRIPTION).unlink(missing_ok=True)
            shutil.rmtree(folder)
    except BlockingIOError:
        raise ImagesError(
            f"Images are being written into {str(folder)!r} now: wait until that is done, or stop it first."
        ) from None
    except OSError as error:
        raise ImagesError(f"The images in {str(folder)!r} cannot be removed: {error.strerror}.") from None


@contextmanager
def _one_writer(folder: Path, *, waits: bool = True) -> Iterator[None]:
    """Keep other processes from writing into a folder; the system frees it after a kill.

    waits: until no other process writes. Raises: BlockingIOError where another does and this one does not wait.
    """
    with (folder / LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # a network drive without locks
            pass
        yield


def _remove_leftovers(folder: Path, kept: ImageSet | None) -> None:
    """Remove what no description names any more: of a writing that was killed, or of an earlier set."""
    for entry in folder.iterdir():
        if entry.name.startswith(BYTES) and (kept is None or entry.name != kept.files):
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.suffix in PARTS and (kept is None or kept.files):
            entry.unlink(missing_ok=True)


def holds_images(folder: Path) -> bool:
    """Tell whether images lie in a folder, whole or not."""
    return any(
        entry.name == DESCRIPTION or entry.name.startswith(BYTES) or entry.suffix in PARTS
        for entry in folder.glob("*")
    )


def read_set(folder: Path) -> ImageSet | None:
    """Return what is kept in a folder, or None where nothing (or nothing whole) is."""
    try:
        data: dict[str, Any] = json.loads((folder / DESCRIPTION).read_bytes())
        images = ImageSet(**{**data, "classes": tuple(data["classes"]), "folder": str(folder)})
        is_whole = all(
            images.file(split, "images").stat().st_size == count * images.channels * images.side**2
            and images.file(split, "labels").stat().st_size == count * 8
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
    try:
        pixels = torch.from_file(
            str(images.file(split, "images")), shared=False, size=math.prod(shape), dtype=torch.uint8
        )
        labels = torch.from_file(
            str(images.file(split, "labels")), shared=False, size=count, dtype=torch.int64
        )
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
