"""The images of a task and how they are trained on.

`load_search_data` returns training and validation images only. The test images are made by `load_test_data`
alone, which nothing but an evaluator's `test` calls (a spy test holds this).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from navarch import NavarchError
from navarch.evaluation.image_task import ImageSource, Training, read_key
from navarch.evaluation.recipe import TrainRecipe
from navarch.evaluation.task import DIGITS_TRAINING, Task, prepare_task

if TYPE_CHECKING:
    from torch import Tensor


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


def training_of(task: Task) -> Training:
    """Return how a task departs from its defaults."""
    return read_key(task.key).training if task.key else Training()


def training_recipe(task: Task) -> TrainRecipe:
    """Return how a task's networks are trained. Raises: NavarchError for tasks that exist only as a table."""
    _require_images(task)
    own = DIGITS_TRAINING if task.name == "digits" else None
    source = read_key(task.key) if task.key else ImageSource(None, Training())
    return source.recipe(own)


def load_search_data(task: Task) -> SearchData:
    """Return the training and validation images of a task, and nothing of its test split."""
    from navarch.evaluation.digits import make_split

    source = _require_images(task)
    if source is not None:
        return SearchData(*source.load("train"), *source.load("val"))
    return SearchData(*make_split("train"), *make_split("val"))


def load_test_data(task: Task, *, split: Literal["test"]) -> TestData:
    """Make the sealed test images of a task; only `Evaluator.test` may call this."""
    from navarch.evaluation.digits import make_split

    source = _require_images(task)
    if source is not None:
        return TestData(*source.load(split))
    return TestData(*make_split(split))


def _require_images(task: Task) -> ImageSource | None:
    """Return where the images of a task lie; None for the embedded digits. Raises: NavarchError for a table."""
    if task.evaluator != "train":
        raise NavarchError(
            f"The task {task.name!r} is a table of published results and has no images to train on; "
            "use the table evaluator, or the task 'digits'."
        )
    if task.name == "digits":
        return None
    return read_key((task if task.key else prepare_task(task.name, Training())).key)
