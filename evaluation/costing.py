"""What an architecture costs on a task: one closed form for limits, prompts, stored trials and outcomes."""

from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.task import Task
from navarch.spaces import Architecture, Cost, SearchSpace


def cost_on(task: Task, space: SearchSpace, architecture: Architecture, fidelity: Fidelity | None) -> Cost:
    """Return the exact cost at the task's classes, channels and images, and the fidelity's skeleton.

    A space whose architectures choose their own resolution is costed at that.
    """
    return space.cost(
        architecture,
        classes=task.classes,
        in_channels=task.in_channels,
        resolution=space.input_side(architecture, task.resolution),
        skeleton=(fidelity.skeleton or None) if fidelity is not None else None,
    )
