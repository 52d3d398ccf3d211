"""Train a supernet from the outside: what is asked, checked before anything starts, and a process that does it.

The process follows the conventions of trials: a session of its own, a deadline, no keys, dead when the driver is.
"""

import json
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from navarch import NavarchError
from navarch.evaluation.costing import cost_on
from navarch.evaluation.evaluator import Job
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.job import BadReplyError, Request, read_outcome
from navarch.evaluation.memory_limit import memory_limit_mb
from navarch.evaluation.pool import Exit, WorkerPool, check_pool
from navarch.evaluation.supernet.evaluator import WORKER
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
    from navarch.evaluation.supernet.weights import About, read_weights

    require_supernet(space)
    recipe = training_recipe(task)
    images = batch_size or recipe.batch_size
    make_phases(space.name, epochs)
    known = task.default_fidelity.get(space.name)
    sizes = {**(known.skeleton if known is not None else {}), **skeleton}
    require_positive(**sizes)
    task = replace(task, resolution=resolution or task.resolution)
    cost_on(task, space, space.sample(random.Random(0)), Fidelity(epochs, sizes))  # it refuses unknown sizes
    about = About(
        space=space.name,
        task=task.reference,
        task_digest=task.digest,
        classes=task.classes,
        in_channels=task.in_channels,
        resolution=task.resolution,
        skeleton=sizes,
        epochs=epochs,
        done=0,
        seed=seed,
        sampling=sampling,
        batch_size=images,
        peak_lr=float(peak_lr or published(space.name).rate_for(images) or recipe.peak_lr),
    )
    if not path.exists():
        if not path.parent.is_dir():
            raise NavarchError(f"There is no folder {str(path.parent)!r} to keep the supernet in.")
        return about
    found = read_weights(path).about
    if found.is_finished or replace(found, done=0) != about:
        what = "a finished supernet" if found.is_finished else "a supernet of another training"
        raise NavarchError(f"{str(path)!r} holds {what}; give another file, or remove it.")
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
    with tempfile.TemporaryDirectory(prefix="navarch-supernet-") as folder:
        told = _Progress(Path(folder) / "progress.jsonl", on_epoch)
        call = {
            "do": "train",
            "path": str(path.resolve()),
            "about": asdict(about),
            "progress": str(told.path),
        }
        job = Job(
            "supernet", Architecture(about.space, ()), Fidelity(about.epochs, about.skeleton), about.seed
        )
        pool = WorkerPool(
            task=task.reference,
            slots=1,
            timeout_s=timeout_s,
            memory_mb=memory_limit_mb(1),
            file_mb=None,
            worker=WORKER,
        )
        failures: list[str] = []
        try:
            pool.run(
                [Request("search", "supernet", task.reference, device, job, call=call)],
                on_start=lambda request: None,
                on_exit=lambda ended: failures.extend(_failure(ended)),
                should_stop=told.look,
            )
        finally:
            pool.close()
            told.look()
        if failures:
            raise NavarchError(
                f"The supernet was not trained to its end ({failures[0]}); "
                f"{str(path)!r} keeps the epochs that were told, and the same command goes on from there."
            )


class _Progress:
    """Read what the process tells of its epochs, a line each."""

    def __init__(self, path: Path, on_epoch: OnEpoch) -> None:
        self.path = path
        self._on_epoch = on_epoch
        self._read = 0
        path.touch()

    def look(self) -> bool:
        """Tell new epochs; never asks for a stop."""
        with self.path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if line.endswith(b"\n"):
                    self._read += len(line)
                    self._on_epoch(json.loads(line))
        return False


def _failure(ended: Exit) -> list[str]:
    """Return why a training ended badly; nothing when it did not."""
    if ended.reason is not None or ended.folder is None:
        return [ended.detail]
    try:
        outcome = read_outcome(ended.folder, ended.request.request_id)
    except BadReplyError as error:
        return [str(error)]
    return [] if outcome.state == "complete" else [outcome.detail.strip().splitlines()[-1]]
