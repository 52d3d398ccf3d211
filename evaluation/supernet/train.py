"""Train a supernet from the outside: what is asked, checked before anything starts, and a process that does it.

The process follows the conventions of trials: a session of its own, a deadline, no keys, dead when the driver is.
"""

import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from navarch import NavarchError
from navarch.evaluation.costing import cost_on
from navarch.evaluation.evaluator import Job
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.pool import check_pool
from navarch.evaluation.supernet.alone import run_alone
from navarch.evaluation.supernet.evaluator import PROGRESS_NAME
from navarch.evaluation.supernet.making import require_supernet
from navarch.evaluation.supernet.plan import Sampling, make_phases, published
from navarch.evaluation.task import Task
from navarch.evaluation.task_data import training_recipe
from navarch.spaces import Architecture, SearchSpace
from navarch.spaces.space import require_positive

if TYPE_CHECKING:
    from navarch.evaluation.supernet.weights import About

OnEpoch = Callable[[Mapping[str, Any]], None]  # epoch, loss, train_accuracy, seconds


def plan_training(
    path: Path,
    space: SearchSpace,
    task: Task,
    *,
    epochs: int,
    sampling: Sampling,
    seed: int,
    skeleton: Mapping[str, int],
    resolution: int | None = None,
    batch_size: int | None = None,
    peak_lr: float | None = None,
) -> "About":
    """Return what is to be trained, and how much of it the file has already; this imports torch.

    skeleton: sizes in place of the task's own. resolution: side in pixels that images are brought to. batch_size: in
    place of the recipe's. peak_lr: in place of the published one for the space, or the recipe's.
    Raises: NavarchError where something cannot be, and for a file that is another training's or is finished.
    """
    from navarch.evaluation.supernet.optimizing import STATE
    from navarch.evaluation.supernet.weights import About, read_weights, require_folder

    require_supernet(space)
    recipe = training_recipe(task)
    images = batch_size or recipe.batch_size
    make_phases(space.name, epochs)
    known = task.default_fidelity.get(space.name)
    sizes = {**(known.skeleton if known is not None else {}), **skeleton}
    require_positive(**sizes)
    task = replace(task, resolution=resolution or task.resolution)
    cost_on(task, space, space.sample(random.Random(0)), Fidelity(epochs, sizes))  # it refuses unknown sizes
    about = About.of(
        space.name,
        task,
        sizes,
        epochs=epochs,
        seed=seed,
        sampling=sampling,
        batch_size=images,
        peak_lr=float(peak_lr or published(space.name).rate_for(images) or recipe.peak_lr),
    )
    if not path.exists():
        require_folder(path)
        return about
    stored = read_weights(path)
    found = stored.about
    if found.is_finished or replace(found, done=0) != about:
        what = "a finished supernet" if found.is_finished else "a supernet of another training"
        raise NavarchError(f"{str(path)!r} holds {what}; give another file, or remove it.")
    if STATE not in stored.state:
        raise NavarchError(f"{str(path)!r} was begun by an earlier version; give another file, or remove it.")
    return found


def train_supernet(
    path: Path,
    about: "About",
    task: Task,
    *,
    device: str = "auto",
    timeout_s: float = 86_400.0,
    on_epoch: OnEpoch = lambda end: None,
) -> None:
    """Train what `plan_training` returned for a task; the file keeps the weights of every epoch that was told.

    Raises: NavarchError with the reason where it does not end well; the last epoch that was told is kept.
    """
    check_pool(1, timeout_s)
    job = Job("supernet", Architecture(about.space, ()), Fidelity(about.epochs, about.skeleton), about.seed)
    call = {"do": "train", "path": str(path.resolve()), "about": asdict(about)}
    told = _Progress(on_epoch)
    failure = run_alone(call, job, task, device=device, timeout_s=timeout_s, look=told.look)
    if failure is not None:
        raise NavarchError(
            f"The supernet was not trained to its end ({failure}); "
            f"{str(path)!r} keeps the epochs that were told, and the same command goes on from there."
        )


class _Progress:
    """Read what the process tells of its epochs, a line each."""

    def __init__(self, on_epoch: OnEpoch) -> None:
        self._on_epoch = on_epoch
        self._read = 0

    def look(self, folder: Path | None) -> None:
        """Tell the new epochs of a work folder."""
        with suppress(FileNotFoundError):  # before the first epoch
            if folder is not None:
                self._look(folder / PROGRESS_NAME)

    def _look(self, path: Path) -> None:
        with path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if line.endswith(b"\n"):
                    self._read += len(line)
                    self._on_epoch(json.loads(line))
