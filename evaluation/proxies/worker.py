"""What a process of the screen does: measure the proxies of one architecture, leave the scores.

It runs inside the process that the fork server made. What goes wrong with a network is a reason in the scores; whatever
else goes wrong ends this process, which the screen sees.
"""

from functools import cache
from pathlib import Path

import torch

from navarch.evaluation.job import Request, write_reply
from navarch.evaluation.proxies.measure import score_architecture
from navarch.evaluation.proxies.sample import image_sample, random_sample
from navarch.evaluation.scaling import Scaling
from navarch.evaluation.task import get_task
from navarch.evaluation.task_data import SearchData, load_search_data
from navarch.spaces import get_space


def warm_up(task: str) -> None:
    """Do once, before the first fork, what every process would do again: the images, where the task has some."""
    torch.set_num_threads(1)
    if _has_images(task):
        _images(task)


def run_request(request: Request, folder: Path, hook: object = None) -> None:
    """Measure the proxies that a request names and leave the scores in the folder."""
    torch.set_num_threads(1)
    call = request.call or {}
    if _has_images(request.task):
        data, scaling = _images(request.task)
        classes = get_task(request.task).classes
        sample = image_sample(
            data.train_images, data.train_labels, classes, batch=call["batch"], scaling=scaling
        )
    else:
        sample = random_sample(tuple(call["shape"]), call["classes"], batch=call["batch"])
    scores = score_architecture(
        get_space(request.job.architecture.space),
        request.job.architecture,
        sample,
        call["names"],
        skeleton=request.job.fidelity.skeleton or None,
    )
    write_reply(folder, request.request_id, {"scores": scores.to_dict()})


@cache
def _images(task: str) -> tuple[SearchData, Scaling]:
    """Return the images of a task and how they are scaled, kept, so that the forks of a server share them."""
    data = load_search_data(get_task(task))
    return data, Scaling.of(data.train_images)


@cache
def _has_images(task: str) -> bool:
    """Return whether networks train on the task; a table's or a command's has no images to offer."""
    return task != "" and get_task(task).evaluator == "train"
