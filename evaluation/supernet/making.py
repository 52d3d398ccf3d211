"""From the name of a space to its supernet, and which spaces have one; needs torch only to make it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from navarch import NavarchError
from navarch.evaluation.task import Task
from navarch.spaces import SearchSpace

if TYPE_CHECKING:
    from navarch.evaluation.supernet.net import Supernet

CHOSEN = ("nas-bench-201", "spos-shufflenetv2")
ELASTIC = ("ofa-mobilenetv3", "ofa-mobilenetv3-w1.2")
ENTANGLED = ("autoformer-tiny", "autoformer-tiny-r3", "autoformer-small", "autoformer-base")
SPACES = (*CHOSEN, *ELASTIC, *ENTANGLED)


def require_supernet(space: SearchSpace) -> None:
    """Refuse a space without a supernet. Raises: NavarchError."""
    if space.name not in SPACES:
        raise NavarchError(f"The space {space.name!r} has no supernet; these have: {', '.join(SPACES)}.")


def make_supernet(
    space: SearchSpace, task: Task, skeleton: Mapping[str, int], *, is_published: bool = False
) -> "Supernet":
    """Return the supernet of a space for a task, its weights drawn from torch's global generator.

    The resolution of the task is the side that images are brought to. is_published: its weights are to be those of a
    published checkpoint, which AutoFormer's shares in its own way.
    """
    from navarch.evaluation.supernet.choices import ChoiceSupernet
    from navarch.evaluation.supernet.elastic import ElasticSupernet
    from navarch.evaluation.supernet.net import Frame
    from navarch.evaluation.supernet.sliced import EntangledSupernet, PublishedEntangledSupernet

    require_supernet(space)
    frame = Frame(space, task.classes, task.in_channels, task.resolution, skeleton)
    if space.name in CHOSEN:
        return ChoiceSupernet(frame)
    if space.name in ELASTIC:
        return ElasticSupernet(frame)
    return PublishedEntangledSupernet(frame) if is_published else EntangledSupernet(frame)
