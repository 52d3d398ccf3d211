"""Tasks that are trained on kept images: which recipe, how many of the images, which split.

A task that its name does not say all of carries a key, JSON that a worker reads: where the images lie and how to
train.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from navarch import NavarchError
from navarch.evaluation.images.kept import (
    ImagesError,
    ImageSet,
    Split,
    draw_out,
    load_split,
    read_set,
    split_sizes,
)
from navarch.evaluation.images.published import PUBLISHED_IMAGES
from navarch.evaluation.recipe import TrainRecipe, find_recipe

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT_RECIPE = "nb201-12"


@dataclass(frozen=True, slots=True)
class Training:
    """Say how a task departs from its defaults.

    recipe: a published one. images: use so many training images, and at most as many to validate. val_share: of the
    training images that are drawn to validate, where the set has no such split. is_deterministic: on CUDA too, the
    same seed gives the same curve, bit for bit, at some cost; on a CPU it always does. graphs: the step is a CUDA
    graph, which changes no result.
    """

    recipe: str | None = None
    images: int | None = None
    val_share: float | None = None
    is_deterministic: bool = False
    graphs: bool = False


@dataclass(frozen=True, slots=True)
class ImageSizes:
    """Say how many images each split of a task holds."""

    train: int
    val: int
    test: int


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Hold where a task's images lie and how they are trained on; `folder` is None for the embedded digits.

    is_cut: the middle was cut out of the images when they were kept, so a recipe does not cut it out again. digest: how
    that of the images begins; empty where any will do.
    """

    folder: str | None
    training: Training
    is_cut: bool = False
    digest: str = ""

    @classmethod
    def of(cls, images: ImageSet, training: Training) -> "ImageSource":
        """Return the source of images that are kept, and of no others that may lie in their place later."""
        return cls(images.folder, training, images.is_cut, images.digest[:16])

    @property
    def key(self) -> str:
        """Return the text that `read_key` reads back; what it does not say is as it is by default."""
        facts = {"folder": self.folder, "is_cut": self.is_cut, "digest": self.digest, **asdict(self.training)}
        return json.dumps({name: value for name, value in facts.items() if value}, sort_keys=True)

    def recipe(self, own: TrainRecipe | None = None) -> TrainRecipe:
        """Return the recipe: the one that is named, else the task's own. Raises: NavarchError for an unknown name."""
        if self.training.recipe is None and own is not None:
            return own
        recipe = find_recipe(self.training.recipe or DEFAULT_RECIPE)
        return replace(recipe, val_centre=1.0) if self.is_cut else recipe

    def open(self) -> ImageSet:
        """Return the description of the images. Raises: ImagesError when they are gone or are others."""
        found = None if self.folder is None else read_set(Path(self.folder))
        if found is None:
            raise ImagesError(
                f"The images in {self.folder!r} are missing or not whole: start the run again, which reads them anew, "
                "or import them again where they were imported (navarch data import)."
            )
        if not found.digest.startswith(self.digest):
            raise ImagesError(
                f"The images in {self.folder!r} were replaced by others meanwhile: start anew with those, "
                "or import the earlier ones again."
            )
        return found

    def sizes(self, images: ImageSet) -> ImageSizes:
        """Return how many images each split holds. Raises: NavarchError when too few are left."""
        share = self.training.val_share
        found = split_sizes(images, images.val_share if share is None else share)
        wanted = self.training.images or found["train"]
        if wanted > found["train"]:
            raise NavarchError(
                f"train.images is {wanted}, and {images.title} has {found['train']} images to train on: give fewer."
            )
        sizes = ImageSizes(wanted, min(found["val"], wanted), found["test"])
        if min(sizes.train, sizes.val) < len(images.classes):
            raise NavarchError(
                f"{images.title} leaves {sizes.train} images to train and {sizes.val} to validate for "
                f"{len(images.classes)} classes: give a larger train.images, or another train.val_share."
            )
        return sizes

    def load(self, split: Split) -> "tuple[Tensor, Tensor]":
        """Return the images and labels of a split, uint8 and int64. Raises: ImagesError.

        Nothing of another split is read, but for the one that it is drawn from.
        """
        images = self.open()
        sizes = self.sizes(images)
        if split == "test":
            return load_split(images, "test")
        is_drawn = "val" not in images.counts
        pixels, labels = load_split(images, "train" if is_drawn else split)
        if is_drawn:
            share = self.training.val_share
            count = split_sizes(images, images.val_share if share is None else share)["val"]
            stay, drawn = draw_out(labels, count)
            chosen = stay if split == "train" else drawn
            pixels, labels = pixels[chosen], labels[chosen]
        wanted = sizes.train if split == "train" else sizes.val
        if wanted < len(labels):
            _, some = draw_out(labels, wanted)
            pixels, labels = pixels[some], labels[some]
        return pixels, labels


def read_key(key: str) -> ImageSource:
    """Return the source that a key names; both ends are ours, so a wrong one is a mistake in the code and raises."""
    data: dict[str, Any] = json.loads(key)
    folder, is_cut, digest = data.pop("folder", None), data.pop("is_cut", False), data.pop("digest", "")
    return ImageSource(folder, Training(**data), is_cut, digest)


def is_key(name: str) -> bool:
    """Tell whether a task is named by a key."""
    return name.startswith("{")


def published_sizes(name: str) -> ImageSizes:
    """Return the sizes of a published set, which need not be here."""
    return ImageSizes(*PUBLISHED_IMAGES[name].sizes)


def describe_training(source: ImageSource, recipe: TrainRecipe) -> Mapping[str, object]:
    """Return what results depend on besides the images; the name of a recipe and its source do not count."""
    training = asdict(source.training).items()
    chosen = {name: value for name, value in training if name not in ("recipe", "graphs") and value}
    return {"recipe": recipe.facts(), **chosen}


def digest_of(facts: Mapping[str, object]) -> str:
    """Return 16 hex digits of the sha256 of canonical JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
