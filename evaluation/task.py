"""Tasks: a data set, its split, a metric, and the fidelity that each space trains it at.

The images themselves are read in `task_data.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from navarch import NavarchError
from navarch.evaluation.digits import DATA_DIGEST, RECIPE, split_sources
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.image_task import (
    ImageSource,
    Training,
    describe_training,
    digest_of,
    is_key,
    published_sizes,
    read_key,
)
from navarch.evaluation.images.kept import ImageSet
from navarch.evaluation.images.published import PUBLISHED_IMAGES
from navarch.evaluation.recipe import TrainRecipe
from navarch.evaluation.tables import ofa_predictor
from navarch.evaluation.tables.published import PUBLISHED, PublishedTable
from navarch.spaces import SearchSpace, space_names


class UnknownTaskError(NavarchError):
    """No task has this name."""


@dataclass(frozen=True, slots=True)
class Task:
    """Describe a task; its digest changes with its data or training, so that old trials are not reused.

    train_size, val_size, test_size: 0 where a user's own measurement does not say. has_test: whether a final test can
    be asked for. lower: further fidelities that a table holds, by space, fewest epochs first. key: how to train and
    on which images, for a worker; empty where the name says it.
    """

    name: str
    title: str
    digest: str
    classes: int
    in_channels: int
    resolution: int
    train_size: int
    val_size: int
    test_size: int
    default_fidelity: Mapping[str, Fidelity] = field(hash=False)
    evaluator: Literal["train", "table", "supernet", "callable"] = "train"
    metric: Literal["accuracy"] = "accuracy"  # percent, more is better
    has_test: bool = True
    lower: Mapping[str, tuple[Fidelity, ...]] = field(default_factory=dict, hash=False)
    key: str = ""

    @property
    def reference(self) -> str:
        """What `get_task` finds exactly this task by, in another process too."""
        return self.key or self.name

    @property
    def is_described(self) -> bool:
        """Whether the data are known: those behind a user's own measurement are not."""
        return self.train_size > 0

    def fidelity(self, space: str) -> Fidelity:
        """Return the default fidelity of a space on this task. Raises: NavarchError when there is none."""
        try:
            return self.default_fidelity[space]
        except KeyError:
            known = ", ".join(sorted(self.default_fidelity))
            if self.evaluator == "table":
                spaces = " or ".join(map(repr, sorted(self.default_fidelity)))
                raise NavarchError(
                    f"The task {self.name!r} is a table of the space {spaces}, not of {space!r}: "
                    f"use --space {known.split(', ')[0]}, or another task (`navarch tasks`)."
                ) from None
            raise NavarchError(
                f"The task {self.name!r} has no default fidelity for the space {space!r}; it has: {known}. "
                "Any space can be measured with a table or a command of your own: --evaluator table, or callable."
            ) from None

    def fidelities(self, space: str) -> tuple[Fidelity, ...]:
        """Return the fidelities that a space can be measured at, fewest epochs first; the last is the default.

        A task that is trained (`evaluator` is "train") takes any other number of epochs as well.
        Raises: NavarchError as `fidelity` does.
        """
        return (*self.lower.get(space, ()), self.fidelity(space))


TRAINING_VERSION = (
    4  # raise it when the code that trains changes what a trial gives: old trials are then not reused
)
DIGITS_TRAINING = TrainRecipe(
    epochs=4,
    batch_size=25,
    peak_lr=0.15,
    warmup=0.3,
    weight_decay=5e-4,
    val_points=3,
    bf16=False,  # these networks: 0-9 % slower with it, only the all-3x3 cell 4-15 % faster (Zen 4, one core)
)


def task_names() -> tuple[str, ...]:
    """Return the names of all tasks, the embedded one first."""
    return ("digits", *PUBLISHED_IMAGES, *_TABLE_TASKS)


@cache
def get_task(name: str) -> Task:
    """Return a task by its name, or by the reference of one. Raises: UnknownTaskError, listing the known names.

    The images of a published set need not be here; `prepare_task` finds them.
    """
    if is_key(name):
        source = read_key(name)
        return _digits(source) if source.folder is None else _image_task(source.open(), source)
    if name == "digits":
        return _digits(ImageSource(None, Training()))
    if name in PUBLISHED_IMAGES:
        return _published_task(name)
    if name in _TABLE_TASKS:
        return _TABLE_TASKS[name]
    raise UnknownTaskError(
        f"There is no task {name!r}; the tasks are: {', '.join(task_names())}; "
        "or give the path of an .npz file or of a folder of images."
    )


def prepare_task(name: str, training: Training) -> Task:
    """Return a task to train on, its images found and checked; a path, or the name of kept images, names a user's own.

    Raises: UnknownTaskError; NavarchError for images that are missing, damaged or too few, and for a recipe
    that is not known.
    """
    from navarch.evaluation.images.finding import find_images, is_image_path, is_kept

    if name in PUBLISHED_IMAGES or is_image_path(name) or is_kept(name):
        images = find_images(name)
        return _image_task(images, ImageSource.of(images, training))
    task = get_task(name)
    if name == "digits" and training != Training():
        if training.images is not None or training.val_share is not None:
            raise NavarchError(
                "train.images and train.val_share are for other images: those of 'digits' are fixed."
            )
        return _digits(ImageSource(None, training))
    return task


def own_task(
    name: str,
    title: str,
    space: SearchSpace,
    evaluator: Literal["table", "callable"],
    facts: Mapping[str, object],
    *,
    has_test: bool = True,
) -> Task:
    """Return the task of a user's own measurement of one space; what it measures is known to the user alone.

    facts: what the results depend on, as plain data; the options of the space count as well.
    """
    options = [[dimension.name, *dimension.names] for dimension in space.dimensions]
    return Task(
        name=name,
        title=title,
        digest=digest_of({"own": evaluator, "facts": facts, "space": space.name, "options": options}),
        classes=space.input.classes,
        in_channels=space.input.channels,
        resolution=space.input.resolution,
        train_size=0,
        val_size=0,
        test_size=0,
        default_fidelity={space.name: Fidelity(epochs=1)},
        evaluator=evaluator,
        has_test=has_test,
    )


def _digits(source: ImageSource) -> Task:
    members = split_sources()
    sizes = {
        split: len(members[split]) * copies for split, copies in zip(members, RECIPE.copies, strict=True)
    }
    training = describe_training(source, source.recipe(DIGITS_TRAINING))
    return Task(
        name="digits",
        title="Cluttered handwritten digits",
        digest=digest_of({"data": DATA_DIGEST, "training": training, "version": TRAINING_VERSION}),
        classes=10,
        in_channels=1,
        resolution=RECIPE.canvas,
        train_size=sizes["train"],
        val_size=sizes["val"],
        test_size=sizes["test"],
        default_fidelity={"nas-bench-201": Fidelity(epochs=4, skeleton={"width": 8, "cells": 2})},
        key="" if source.training == Training() else source.key,
    )


def _image_task(images: ImageSet, source: ImageSource) -> Task:
    sizes = source.sizes(images)
    recipe = source.recipe()
    facts = {
        "images": images.digest,
        "val_share": images.val_share,
        "training": describe_training(source, recipe),
        "version": TRAINING_VERSION,
    }
    return Task(
        name=images.name,
        title=images.title,
        digest=digest_of(facts),
        classes=len(images.classes),
        in_channels=images.channels,
        resolution=images.side,
        train_size=sizes.train,
        val_size=sizes.val,
        test_size=sizes.test,
        default_fidelity=_fidelities(recipe.epochs),
        has_test=sizes.test > 0,
        key=source.key,
    )


def _published_task(name: str) -> Task:
    """Describe a published set of images, which need not be here."""
    known, sizes = PUBLISHED_IMAGES[name], published_sizes(name)
    recipe = ImageSource(None, Training()).recipe()
    return Task(
        name=name,
        title=known.title,
        digest=digest_of(
            {"images": name, "recipe": describe_training(ImageSource(None, Training()), recipe)}
        ),
        classes=known.classes,
        in_channels=known.channels,
        resolution=known.side,
        train_size=sizes.train,
        val_size=sizes.val,
        test_size=sizes.test,
        default_fidelity=_fidelities(recipe.epochs),
    )


def _fidelities(epochs: int) -> dict[str, Fidelity]:
    """Return the default fidelity of every space that has networks: the published skeleton."""
    return dict.fromkeys(space_names(), Fidelity(epochs))


def _table_task(table: PublishedTable) -> Task:
    train_size, val_size, test_size = table.sizes
    return Task(
        name=table.task,
        title=table.title,
        digest=digest_of({"table": table.task, "epochs": table.fidelity.epochs}),
        classes=table.classes,
        in_channels=3,
        resolution=table.resolution,
        train_size=train_size,
        val_size=val_size,
        test_size=test_size,
        default_fidelity={table.space: table.fidelity},
        evaluator="table",
        has_test=table.columns.test is not None,
        lower={table.space: table.fidelities[:-1]},
    )


def _predictor_task() -> Task:
    return Task(
        name=ofa_predictor.TASK,
        title=ofa_predictor.TITLE,
        digest=digest_of({"predictor": ofa_predictor.TASK}),
        classes=1000,
        in_channels=3,
        resolution=224,
        train_size=0,
        val_size=ofa_predictor.HELD_OUT,
        test_size=0,
        default_fidelity=dict.fromkeys(ofa_predictor.SPACES, ofa_predictor.FIDELITY),
        evaluator="table",
        has_test=False,
    )


_TABLE_TASKS = {name: _table_task(table) for name, table in PUBLISHED.items()} | {
    ofa_predictor.TASK: _predictor_task()
}
