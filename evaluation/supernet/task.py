"""The task of a trained supernet: the data set it was trained on, measured with its weights and no others."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from navarch import NavarchError
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.supernet.making import require_supernet
from navarch.evaluation.task import Task, get_task
from navarch.spaces import SearchSpace

SCORING_VERSION = 1  # raise it when the code that scores inherited weights changes what it gives
SHOWN = 8  # digits of a digest that name weights


@dataclass(frozen=True, slots=True)
class SupernetFile:
    """A finished supernet, read and checked.

    digest: of its content. task: what it was trained on, with the resolution of that training. skeleton: sizes that it
    was trained with.
    """

    path: Path
    digest: str
    space: str
    task: Task
    skeleton: Mapping[str, int]


def find_supernet(path: Path, space: SearchSpace) -> SupernetFile:
    """Read and check the weights in a file; this imports torch.

    Raises: NavarchError where the file is none of ours, is not finished, or is of another space or of other data.
    """
    from navarch.evaluation.supernet.weights import read_weights

    require_supernet(space)
    stored = read_weights(path)
    about = stored.about
    if about.space != space.name:
        raise NavarchError(
            f"The supernet {str(path)!r} is of the space {about.space!r}, not of {space.name!r}: "
            f"use --space {about.space}."
        )
    if not about.is_finished:
        raise NavarchError(
            f"The supernet {str(path)!r} has {about.done} of {about.epochs} epochs: go on with the same "
            "`navarch supernet train` command."
        )
    task = get_task(about.task)
    if about.task_digest != task.digest:
        made, again = ("imported for", "import") if about.origin else ("trained on", "train")
        raise NavarchError(
            f"The supernet {str(path)!r} was {made} task {task.name!r} with data or code {about.task_digest}, "
            f"and that is now {task.digest}: {again} it again."
        )
    return SupernetFile(
        path.resolve(), stored.digest, about.space, replace(task, resolution=about.resolution), about.skeleton
    )


def supernet_task(file: SupernetFile, *, images: int) -> Task:
    """Return the task that inherited weights are measured on; its digest follows the weights.

    images: training images that set the statistics of batch normalisation.
    """
    base = file.task
    facts = {"weights": file.digest, "task": base.digest, "images": images, "version": SCORING_VERSION}
    return replace(
        base,
        key="",
        name=f"supernet:{base.name}@{file.digest[:SHOWN]}",
        title=f"{base.title}, with the shared weights of {file.path.name}",
        digest=hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16],
        default_fidelity={file.space: Fidelity(epochs=1, skeleton=file.skeleton)},
        evaluator="supernet",
        lower={},
    )
