"""What the settings of training make of a task: its images, its recipe, their fidelity, what trains them."""

import random
from collections.abc import Sequence
from dataclasses import replace

from navarch import NavarchError
from navarch.evaluation import (
    Fidelity,
    Task,
    TrainEvaluator,
    Training,
    cost_on,
    get_task,
    prepare_task,
    training_recipe,
)
from navarch.evaluation.placement import refuse_missing_cuda
from navarch.evaluation.recipe import TrainRecipe
from navarch.graph.settings import Settings
from navarch.spaces import SearchSpace

_MOST = 2**53  # parameters or MACs: exact as a float, and the memory holds a thousand times as many


def named_task(settings: Settings) -> Task:
    """Return the task that is named; one to train on with its images found. Raises: NavarchError."""
    name, train = settings.task or "digits", settings.train
    if settings.evaluator != "train":
        return get_task(name)
    training = Training(train.recipe, train.images, train.val_share, train.deterministic, train.graphs)
    task = prepare_task(name, training)
    if train.graphs:
        _refuse_graphs(train.device, training_recipe(task))
    return task


def _refuse_graphs(devices: Sequence[str], recipe: TrainRecipe) -> None:
    """Raise NavarchError where a training step cannot become a CUDA graph; this imports torch."""
    from navarch.evaluation.device import choose_device

    is_cpu = tuple(devices) == ("cpu",)
    if is_cpu or choose_device("auto").type != "cuda":
        where = "train.device is cpu" if is_cpu else "there is no CUDA on this machine"
        raise NavarchError(f"train.graphs records training steps as CUDA graphs, and {where}: leave it out")
    changing = {
        "drops paths with a chance that grows": recipe.drop_path_ramps,
        "mixes images in changing shares": recipe.mixup > 0 or recipe.cutmix > 0,
        "draws the side of its images": bool(recipe.sides),
    }
    for what, it_does in changing.items():
        if it_does:
            raise NavarchError(
                f"train.graphs records one step for all, and the recipe {what}: leave train.graphs out, or choose "
                "another train.recipe"
            )


def trained_fidelity(settings: Settings, space: SearchSpace, task: Task, fidelity: Fidelity) -> Fidelity:
    """Return the fidelity that the settings make of a task's own, where it is trained.

    Raises: NavarchError for a size that the space's skeleton does not have, and for networks beyond all measure.
    """
    train = settings.train
    if settings.evaluator != "train":
        return fidelity
    named = fidelity.epochs if train.recipe is None else training_recipe(task).epochs
    chosen = replace(fidelity, epochs=train.epochs or named, skeleton=train.skeleton or fidelity.skeleton)
    cost = cost_on(task, space, space.sample(random.Random(0)), chosen)
    if max(cost.params, cost.macs) > _MOST:
        raise NavarchError(
            f"train.skeleton {dict(chosen.skeleton)} makes networks of {cost.params:.1e} parameters and "
            f"{cost.macs:.1e} multiply-accumulates, which nothing trains: give smaller sizes"
        )
    return chosen


def make_trainer(settings: Settings, task: Task) -> TrainEvaluator:
    """Return the evaluator that trains; it starts no process before its first trial. Raises: NavarchError."""
    train = settings.train
    refuse_missing_cuda(train.device)
    return TrainEvaluator(
        task,
        slots=None if train.slots == "auto" else train.slots,
        device=train.device,
        timeout_s=train.timeout_s,
        silent_s=train.silent_s,
    )
