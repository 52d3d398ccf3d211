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
from navarch.evaluation.tables import ofa_predictor
from navarch.evaluation.tables.published import PUBLISHED, PublishedTable
from navarch.spaces import SearchSpace

if TYPE_CHECKING:
    from torch import Tensor


class UnknownTaskError(NavarchError):
    """No task has this name."""


@dataclass(frozen=True, slots=True)
class Task:
    """Describe a task; its digest changes with its data or training, so that old trials are not reused.

    train_size, val_size, test_size: 0 where a user's own measurement does not say. has_test: whether a final test can
    be asked for. lower: further fidelities that a table holds, by space, fewest epochs first.
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
    evaluator: Literal["train", "table", "callable"] = "train"
    metric: Literal["accuracy"] = "accuracy"  # percent, more is better
    has_test: bool = True
    lower: Mapping[str, tuple[Fidelity, ...]] = field(default_factory=dict, hash=False)

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
        digest=_digest({"own": evaluator, "facts": facts, "space": space.name, "options": options}),
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


def _table_task(table: PublishedTable) -> Task:
    train_size, val_size, test_size = table.sizes
    return Task(
        name=table.task,
        title=table.title,
        digest=_digest({"table": table.task, "epochs": table.fidelity.epochs}),
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
        digest=_digest({"predictor": ofa_predictor.TASK}),
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


def _digest(facts: Mapping[str, object]) -> str:
    """Return 16 hex digits of the sha256 of canonical JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


_TABLE_TASKS = {name: _table_task(table) for name, table in PUBLISHED.items()} | {
    ofa_predictor.TASK: _predictor_task()
}
