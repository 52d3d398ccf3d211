"""Tasks: a data set, its split, a metric, and the fidelity that each space trains it at.

`load_search_data` returns training and validation images only. The test images are made by `load_test_data`
alone, which nothing but an evaluator's `test` calls (a spy test holds this).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal

from navarch import NavarchError
from navarch.evaluation.digits import DATA_DIGEST, RECIPE, split_sources
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.recipe import TrainRecipe

if TYPE_CHECKING:
    from torch import Tensor


class UnknownTaskError(NavarchError):
    """No task has this name."""


@dataclass(frozen=True, slots=True)
class Task:
    """Describe a task; its digest changes with its data or training, so that old trials are not reused."""

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
    evaluator: Literal["train", "table"] = "train"
    metric: Literal["accuracy"] = "accuracy"  # percent, more is better

    def fidelity(self, space: str) -> Fidelity:
        """Return the default fidelity of a space on this task. Raises: NavarchError when there is none."""
        try:
            return self.default_fidelity[space]
        except KeyError:
            known = ", ".join(sorted(self.default_fidelity))
            raise NavarchError(
                f"The task {self.name!r} has no default fidelity for the space {space!r}; it has: {known}."
            ) from None


@dataclass(frozen=True, slots=True)
class SearchData:
    """Hold what a search may see. Images: (n, channels, height, width) uint8; labels: (n,) int64."""

    train_images: "Tensor"
    train_labels: "Tensor"
    val_images: "Tensor"
    val_labels: "Tensor"


@dataclass(frozen=True, slots=True)
class TestData:
    """Hold the sealed split. Images: (n, channels, height, width) uint8; labels: (n,) int64."""

    __test__ = False  # not a test case, whatever pytest thinks of the name

    images: "Tensor"
    labels: "Tensor"


TRAINING_VERSION = (
    1  # raise it when the code that trains changes what a trial gives: old trials are then not reused
)
DIGITS_TRAINING = TrainRecipe(
    batch_size=25,
    peak_lr=0.15,
    warmup=0.3,
    momentum=0.9,
    weight_decay=5e-4,
    label_smoothing=0.0,
    shift=0,
    val_points=3,
    bf16=False,  # these networks: 0-9 % slower with it, only the all-3x3 cell 4-15 % faster (Zen 4, one core)
)
_PUBLISHED = Fidelity(epochs=200, skeleton={"width": 16, "cells": 5})


def task_names() -> tuple[str, ...]:
    """Return the names of all tasks, the embedded one first."""
    return ("digits", *_TABLE_TASKS)


@cache
def get_task(name: str) -> Task:
    """Return a task by its name. Raises: UnknownTaskError, listing the known names."""
    if name == "digits":
        return _digits()
    if name in _TABLE_TASKS:
        return _TABLE_TASKS[name]
    raise UnknownTaskError(f"There is no task {name!r}; the tasks are: {', '.join(task_names())}.")


def training_recipe(task: Task) -> TrainRecipe:
    """Return how a task's networks are trained. Raises: NavarchError for tasks that exist only as a table."""
    _require_images(task)
    return DIGITS_TRAINING


def load_search_data(task: Task) -> SearchData:
    """Return the training and validation images of a task, and nothing of its test split."""
    from navarch.evaluation.digits import make_split

    _require_images(task)
    return SearchData(*make_split("train"), *make_split("val"))


def load_test_data(task: Task, *, split: Literal["test"]) -> TestData:
    """Make the sealed test images of a task; only `Evaluator.test` may call this."""
    from navarch.evaluation.digits import make_split

    _require_images(task)
    return TestData(*make_split(split))


def _require_images(task: Task) -> None:
    if task.name != "digits":
        raise NavarchError(
            f"The task {task.name!r} is a table of published results and has no images to train on; "
            "use the table evaluator, or the task 'digits'."
        )


def _digits() -> Task:
    members = split_sources()
    sizes = {
        split: len(members[split]) * copies for split, copies in zip(members, RECIPE.copies, strict=True)
    }
    return Task(
        name="digits",
        title="Cluttered handwritten digits",
        digest=_digest(
            {"data": DATA_DIGEST, "training": asdict(DIGITS_TRAINING), "version": TRAINING_VERSION}
        ),
        classes=10,
        in_channels=1,
        resolution=RECIPE.canvas,
        train_size=sizes["train"],
        val_size=sizes["val"],
        test_size=sizes["test"],
        default_fidelity={"nas-bench-201": Fidelity(epochs=4, skeleton={"width": 8, "cells": 2})},
    )


def _table_task(name: str, title: str, classes: int, resolution: int, sizes: tuple[int, int, int]) -> Task:
    return Task(
        name=name,
        title=title,
        digest=_digest({"table": name, "epochs": 200}),
        classes=classes,
        in_channels=3,
        resolution=resolution,
        train_size=sizes[0],
        val_size=sizes[1],
        test_size=sizes[2],
        default_fidelity={"nas-bench-201": _PUBLISHED},
        evaluator="table",
    )


def _digest(facts: Mapping[str, object]) -> str:
    """Return 16 hex digits of the sha256 of canonical JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


_TABLE_TASKS = {
    task.name: task
    for task in (
        _table_task("nb201-cifar10", "CIFAR-10 (NAS-Bench-201 table)", 10, 32, (25_000, 25_000, 10_000)),
        _table_task("nb201-cifar100", "CIFAR-100 (NAS-Bench-201 table)", 100, 32, (50_000, 5_000, 5_000)),
        _table_task(
            "nb201-imagenet16-120", "ImageNet16-120 (NAS-Bench-201 table)", 120, 16, (151_700, 3_000, 3_000)
        ),
    )
}
