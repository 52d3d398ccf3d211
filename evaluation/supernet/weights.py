"""Supernet weights as a file: what they are of, the weights, and a digest over both.

See `tensor_file` for how it is written and read.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from navarch import NavarchError
from navarch.evaluation.task import Task
from navarch.evaluation.tensor_file import TensorFileError, read_tensors, write_tensors

FORMAT = "navarch supernet 1"


@dataclass(frozen=True, slots=True)
class About:
    """Say what weights are of.

    task_digest: of the data and training of the task. done: epochs trained, of `epochs`. peak_lr: of the first phase.
    origin: the published file that the weights were imported from, and its digest; empty where Navarch trained them,
    and then what is said of training counts.
    """

    space: str
    task: str
    task_digest: str
    classes: int
    in_channels: int
    resolution: int
    skeleton: dict[str, int]
    epochs: int
    done: int
    seed: int
    sampling: str
    batch_size: int
    peak_lr: float
    origin: str = ""

    @classmethod
    def of(cls, space: str, task: Task, skeleton: Mapping[str, int], **named: Any) -> "About":
        """Return what weights of a task are of that nobody has trained yet. named: of training, or the origin."""
        training = {"epochs": 0, "seed": 0, "sampling": "", "batch_size": 0, "peak_lr": 0.0}
        return cls(
            space=space,
            task=task.reference,
            task_digest=task.digest,
            classes=task.classes,
            in_channels=task.in_channels,
            resolution=task.resolution,
            skeleton=dict(skeleton),
            done=0,
            **{**training, **named},
        )

    @property
    def is_finished(self) -> bool:
        """Whether all epochs are trained."""
        return self.done == self.epochs


@dataclass(frozen=True, slots=True)
class Stored:
    """Hold a file's content. state: what training needs to go on; empty when it is finished."""

    about: About
    weights: dict[str, Tensor]
    state: dict[str, Any]
    digest: str


def require_folder(path: Path) -> None:
    """Refuse a file that is to be written where there is no folder. Raises: NavarchError."""
    if not path.parent.is_dir():
        raise NavarchError(f"There is no folder {str(path.parent)!r} to keep the supernet in.")


def write_weights(path: Path, about: About, weights: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Write a file, or replace it by a newer one of the same training. Raises: NavarchError where that fails."""
    entries = {
        "about": json.dumps(asdict(about), sort_keys=True),
        "weights": {name: value.detach().cpu().contiguous() for name, value in weights.items()},
        "state": dict(state),
    }
    try:
        write_tensors(path, FORMAT, entries)
    except OSError as error:
        raise NavarchError(
            f"The supernet {str(path)!r} cannot be written: {error.strerror or error}."
        ) from None


def read_weights(path: Path) -> Stored:
    """Return what a file holds. Raises: NavarchError where it is none of ours, damaged, or cannot be read."""
    try:
        content, digest = read_tensors(path, FORMAT, {"about": str, "weights": dict, "state": dict})
    except OSError as error:
        raise NavarchError(f"The supernet {str(path)!r} cannot be read: {error.strerror or error}.") from None
    except TensorFileError as error:
        raise _refuse(path, str(error)) from None
    try:
        about = _read_about(content["about"])
    except (ValueError, TypeError, RecursionError) as error:
        raise _refuse(path, f"it is damaged ({error})") from None
    weights = content["weights"]
    if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()):
        raise _refuse(path, "some of its weights are no tensors")
    return Stored(about, weights, content["state"], digest)


def _read_about(text: str) -> About:
    """Read what weights are of. Raises: ValueError and TypeError."""
    about = About(**json.loads(text))
    sample = About("", "", "", 0, 0, 0, {}, 0, 0, 0, "", 0, 0.0)
    for name, expected in asdict(sample).items():
        value = getattr(about, name)
        if type(value) is not type(expected):
            raise ValueError(f"{name} is {value!r}")
    if not all(type(size) is int for size in about.skeleton.values()):
        raise ValueError(f"skeleton is {about.skeleton!r}")
    return about


def _refuse(path: Path, why: str) -> NavarchError:
    return NavarchError(
        f"{str(path)!r} is no supernet of navarch's: {why}; make one with `navarch supernet train` or `import`."
    )
