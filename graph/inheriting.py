"""The evaluator that inherits shared weights, from the settings."""

from navarch import NavarchError
from navarch.evaluation import SupernetEvaluator, Task, find_supernet, supernet_task
from navarch.evaluation.placement import refuse_missing_cuda
from navarch.evaluation.supernet.checkpoints import how_to_get
from navarch.evaluation.supernet.making import require_supernet
from navarch.evaluation.supernet.task import SupernetFile
from navarch.graph.settings import Settings
from navarch.spaces import SearchSpace


def inherited_task(settings: Settings, space: SearchSpace) -> Task:
    """Return the task of the supernet that the settings name. Raises: NavarchError."""
    return supernet_task(_find(settings, space), images=settings.supernet.images)


def make_inheriting(settings: Settings, space: SearchSpace) -> SupernetEvaluator:
    """Return the evaluator of the supernet that the settings name. Raises: NavarchError."""
    own = settings.supernet
    refuse_missing_cuda(own.device)
    return SupernetEvaluator(
        _find(settings, space),
        space,
        images=own.images,
        slots=own.slots,
        device=own.device,
        timeout_s=own.timeout_s,
        silent_s=own.silent_s,
    )


def _find(settings: Settings, space: SearchSpace) -> SupernetFile:
    if settings.supernet.path is None:
        require_supernet(space)
        raise NavarchError(
            f"evaluator 'supernet' needs trained weights: use --set supernet.path=FILE; {how_to_get(space.name)}"
        )
    return find_supernet(settings.supernet.path, space)
