"""Supernet weights as a file: what they are of, the weights, and a digest over both.

Written under a temporary name and renamed. Nothing in a file can run when it is read, and it is believed only where the
digest inside is that of the content.
"""

import ctypes
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from navarch import NavarchError
from navarch.evaluation.supernet.opening import open_tensors

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


def write_weights(path: Path, about: About, weights: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Write a file, or replace it by a newer one of the same training. Raises: NavarchError where that fails."""
    content = {
        "format": FORMAT,
        "about": json.dumps(asdict(about), sort_keys=True),
        "weights": {name: value.detach().cpu().contiguous() for name, value in weights.items()},
        "state": dict(state),
    }
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            torch.save({**content, "digest": _digest(content)}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise NavarchError(
            f"The supernet {str(path)!r} cannot be written: {error.strerror or error}."
        ) from None


def read_weights(path: Path) -> Stored:
    """Return what a file holds. Raises: NavarchError where it is none of ours, damaged, or cannot be read."""
    return _check(path, open_tensors(path, lambda why: _refuse(path, why)))


def _check(path: Path, content: object) -> Stored:
    expected = {"format": str, "about": str, "weights": dict, "state": dict, "digest": str}
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _refuse(path, "it is of another kind; a published checkpoint is to be imported first")
    if set(content) != set(expected) or any(not isinstance(content[key], expected[key]) for key in expected):
        raise _refuse(path, "a part of it is missing or of another kind")
    digest = content.pop("digest")
    try:
        found = _digest(content)
        about = _read_about(content["about"])
    except (ValueError, TypeError, RecursionError) as error:
        raise _refuse(path, f"it is damaged ({error})") from None
    if found != digest:
        raise _refuse(path, "its content has changed: the digest inside is another")
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


def _digest(value: object) -> str:
    """Return the sha256 of plain data with tensors in it."""
    hasher = hashlib.sha256()
    _feed(hasher, value)
    return hasher.hexdigest()


def _feed(hasher: Any, value: object) -> None:
    if isinstance(value, Tensor):
        hasher.update(f"tensor {value.dtype} {tuple(value.shape)};".encode())
        held = value.detach().cpu().contiguous()
        if size := held.numel() * held.element_size():
            hasher.update((ctypes.c_char * size).from_address(held.data_ptr()))
    elif isinstance(value, Mapping):
        hasher.update(f"mapping {len(value)};".encode())
        for key in sorted(value, key=repr):
            hasher.update(f"{key!r};".encode())
            _feed(hasher, value[key])
    elif isinstance(value, list | tuple):
        hasher.update(f"list {len(value)};".encode())
        for item in value:
            _feed(hasher, item)
    elif value is None or isinstance(value, bool | int | float | str):
        hasher.update(f"{value!r};".encode())
    else:
        raise TypeError(f"a {type(value).__name__} in it")
