"""Import published weights: a file that anybody may have made is read in a process of its own, and checked."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from navarch import NavarchError
from navarch.evaluation.evaluator import Job
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.image_task import read_key
from navarch.evaluation.pool import check_pool
from navarch.evaluation.supernet.alone import run_alone
from navarch.evaluation.supernet.checkpoints import CLASSES, RESOLUTION, published_checkpoints
from navarch.evaluation.supernet.making import require_supernet
from navarch.evaluation.task import Task
from navarch.evaluation.task_data import training_recipe
from navarch.spaces import Architecture, SearchSpace

_SYNSET = re.compile(r"n\d{8}")


def import_supernet(
    file: Path,
    output: Path,
    space: SearchSpace,
    task: Task,
    *,
    skeleton: Mapping[str, int] | None = None,
    resolution: int = RESOLUTION,
    timeout_s: float = 1800.0,
) -> None:
    """Keep the published weights in a file as a supernet of a space, for the images of a task.

    skeleton, resolution: where the file's network is not of the published sizes.
    Raises: NavarchError where nothing is published for the space, the task's images are of another kind, the file
    is damaged, holds code or does not fit, or `output` is there already; nothing is left then.
    """
    from navarch.evaluation.supernet.weights import About, require_folder

    require_supernet(space)
    check_pool(1, timeout_s)
    if space.name not in published_checkpoints():
        raise NavarchError(
            f"There is no published checkpoint of a supernet of {space.name!r}: train one "
            "(navarch supernet train -o FILE)."
        )
    _check_task(task)
    if output.exists():
        raise NavarchError(f"{str(output)!r} is there already; give another file, or remove it.")
    require_folder(output)
    origin = f"{file.name}, sha256 {_hash(file)}"
    about = About.of(space.name, replace(task, resolution=resolution), skeleton or {}, origin=origin)
    call = {
        "do": "import",
        "file": str(file.resolve()),
        "path": str(output.resolve()),
        "about": asdict(about),
    }
    job = Job("supernet", Architecture(space.name, ()), Fidelity(1, about.skeleton), 0)
    failure = run_alone(call, job, task, device="cpu", timeout_s=timeout_s)
    if failure is not None:
        raise NavarchError(failure)


def _check_task(task: Task) -> None:
    """Refuse images that published weights cannot label. Raises: NavarchError."""
    training_recipe(task)  # a table has no images
    if task.in_channels != 3:
        raise NavarchError(
            f"Published weights read colour images of 3 channels, and those of task {task.name!r} have "
            f"{task.in_channels}: give a folder of ImageNet's classes as --task."
        )
    names = read_key(task.key).open().classes if task.key else ()
    is_numbered = all(map(str.isdecimal, names)) and [int(name) for name in names] == list(range(len(names)))
    if task.classes == CLASSES and not is_numbered and not all(map(_SYNSET.fullmatch, names)):
        odd = next(name for name in names if not _SYNSET.fullmatch(name))
        raise NavarchError(
            f"Published weights know ImageNet's classes in the order of their synsets, and task {task.name!r} has a "
            f"class {odd!r}: name the folders of the classes n01440764 and so on."
        )
    if task.classes == CLASSES and not is_numbered and list(names) != sorted(names):
        raise NavarchError(
            f"Published weights know ImageNet's classes in the order of their synsets, and those of task {task.name!r} "
            f"begin with {names[0]!r}, {names[1]!r}: sort them by name, and their labels with them."
        )


def _hash(file: Path) -> str:
    """Return the first 16 digits of a file's sha256. Raises: NavarchError where it cannot be read."""
    if file.exists() and not file.is_file():
        raise NavarchError(f"{str(file)!r} is no file of weights.")
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()[:16]
    except OSError as error:
        raise NavarchError(f"The file {str(file)!r} cannot be read: {error.strerror or error}.") from None
