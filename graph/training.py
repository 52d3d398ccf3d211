"""What the settings of training make of a task: its images, its recipe, and the fidelity of its trials."""

import random
from dataclasses import replace

from navarch import NavarchError
from navarch.evaluation import Fidelity, Task, Training, cost_on, get_task, prepare_task, training_recipe
from navarch.graph.settings import Settings
from navarch.spaces import SearchSpace

_MOST = 2**53  # parameters or MACs: exact as a float, and the memory holds a thousand times as many


def named_task(settings: Settings) -> Task:
    """Return the task that is named; one to train on with its images found. Raises: NavarchError."""
    name, train = settings.task or "digits", settings.train
    if settings.evaluator != "train":
        return get_task(name)
    return prepare_task(name, Training(train.recipe, train.images, train.val_share, train.deterministic))


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
