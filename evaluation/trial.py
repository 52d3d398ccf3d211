"""What a trial's process does: build the network, train it, leave a reply, whatever goes wrong.

Runs inside the process that the fork server made; it knows nothing of processes itself.
"""

import resource
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import nn

from navarch.evaluation.continuation import TrainState, find_start, keep_state
from navarch.evaluation.costing import cost_on
from navarch.evaluation.device import (
    bf16_pays,
    choose_device,
    peak_memory_mb,
    release_memory,
    settle_device,
)
from navarch.evaluation.evaluator import Job
from navarch.evaluation.heartbeat import start_beating
from navarch.evaluation.job import Request, write_reply
from navarch.evaluation.live import teller
from navarch.evaluation.measuring import measure_outputs
from navarch.evaluation.outcome import Outcome, Reason, TrialCost, failed, judge, pruned
from navarch.evaluation.recipe import TrainRecipe
from navarch.evaluation.scaling import Scaling
from navarch.evaluation.task import Task, get_task
from navarch.evaluation.task_data import (
    SearchData,
    load_search_data,
    load_test_data,
    training_of,
    training_recipe,
)
from navarch.evaluation.train import Trained, train_network
from navarch.spaces import get_space

Hook = Callable[[Request, Path, nn.Module], None]


@dataclass(frozen=True, slots=True)
class _Run:
    """Hold a finished training inside this process, weights included."""

    network: nn.Module
    trained: Trained
    outcome: Outcome


def warm_up(task: str) -> None:
    """Do once, before the first fork, what every trial would do again: the images, never the test split."""
    torch.set_num_threads(1)
    shared_data(task)


@lru_cache(maxsize=1)
def shared_data(task: str) -> SearchData:
    """Return the training and validation images of a task, kept, so that the forks of a server share them."""
    return load_search_data(get_task(task))


def run_request(request: Request, folder: Path, hook: Hook | None = None) -> None:
    """Carry out a request and leave its reply in the folder; whatever goes wrong becomes a failed outcome."""
    device = "cpu"
    started = time.monotonic()
    try:
        torch.set_num_threads(1)
        target = choose_device(request.device)
        device = target.type
        run = _search(request, folder, target, hook)
        if request.action == "test" and run.outcome.state == "complete":
            write_reply(folder, request.request_id, _test(request, folder, run, target, started))
            return
        outcome = run.outcome
    except Exception as error:
        # The one catch-all of the evaluator: a trial may fail in any way, and each way must become a row.
        cost = TrialCost(time.monotonic() - started, 0.0, 0.0, device, 0)
        outcome = failed(name_reason(error), tell_error(error), cost=cost)
    lift_memory_limit()
    write_reply(folder, request.request_id, {"outcome": outcome.to_dict()})


def name_reason(error: BaseException) -> Reason:
    """Return the reason that an exception of a trial stands for.

    What came of another counts as that: CUDA ends the recording of a graph that ran out of memory with its own error.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return "oom"
    if error.__context__ is not None and name_reason(error.__context__) == "oom":
        return "oom"
    text = str(error).lower()
    if isinstance(error, RuntimeError | OSError) and any(
        sign in text
        for sign in ("out of memory", "can't allocate memory", "cannot allocate memory", "bad_alloc")
    ):
        return "oom"
    return "build" if isinstance(error, BuildError) else "crashed"


class BuildError(Exception):
    """The network of an architecture could not be built."""


def _search(request: Request, folder: Path, device: torch.device, hook: Hook | None) -> _Run:
    started = time.monotonic()
    task, job = get_task(request.task), request.job
    recipe = training_recipe(task)
    settle_device(device, is_deterministic=training_of(task).is_deterministic)
    network = _build(job, task, recipe)
    built = time.monotonic()
    if hook is not None:
        hook(request, folder, network)
    begun = time.monotonic()
    shared_data(request.task)
    loaded = time.monotonic()
    network, trained, note, ran_out = _train(network, request, task, recipe, device, start_beating(folder))
    source = job.continuation
    cost = TrialCost(
        seconds=time.monotonic() - started,
        train_seconds=trained.seconds,
        peak_memory_mb=peak_memory_mb(device),
        device=device.type,
        epochs=trained.epochs,
        cpu_seconds=time.process_time(),
        build_seconds=built - started,
        data_seconds=loaded - begun + trained.data_seconds,
        val_seconds=trained.val_seconds,
        start_epochs=trained.start_epochs,
        continued_from=source.trial if source is not None and trained.start_epochs else None,
        halved=ran_out,
    )
    if trained.diverged is not None:
        return _Run(network, trained, failed("diverged", trained.diverged, cost=cost, curve=trained.curve))
    if trained.stopped is not None:
        said = "; ".join(filter(None, (note, trained.stopped)))
        return _Run(network, trained, pruned(said, _size(job, task), cost=cost, curve=trained.curve))
    objectives = {"val_accuracy": trained.curve[-1].val_accuracy, **_size(job, task)}
    return _Run(network, trained, judge(Outcome("complete", None, note, objectives, trained.curve, cost)))


def _train(
    network: nn.Module,
    request: Request,
    task: Task,
    recipe: TrainRecipe,
    device: torch.device,
    on_step: Callable[[], None],
) -> tuple[nn.Module, Trained, str, bool]:
    """Train, and once again from the start with half the batch where memory runs out: the last of what is returned."""
    job, data = request.job, shared_data(request.task)
    batch = min(recipe.batch_size, len(data.train_labels))  # a smaller set is one batch
    attempt = partial(_attempt, job=job, task=task, data=data, device=device, on_step=on_step)
    start = find_start(job, task.digest, network, recipe)
    notes, is_halved, ran_out = [start.note], start.is_halved, False
    used = _halve(recipe, batch) if is_halved else recipe
    try:
        trained = attempt(network, used, start.state)
    except Exception as error:
        if name_reason(error) != "oom" or batch < 2 or is_halved:
            raise
        ran_out = True
    if ran_out:  # outside the handler, which keeps the frames of the attempt and their tensors alive
        network.to("meta")  # without its tensors, as the caller holds it too
        del network, start
        release_memory(device)
        used, is_halved = _halve(recipe, batch), True
        network = _build(job, task, used)
        trained = attempt(network, used, None)
    if is_halved:
        notes.append(
            f"out of memory with batches of {batch} images: trained with {used.batch_size}, "
            "at half the learning rate"
        )
    if trained.diverged is None and trained.stopped is None:
        notes.append(keep_state(job, task.digest, trained.state, is_halved=is_halved))
    return network, trained, "; ".join(filter(None, notes)), ran_out


def _halve(recipe: TrainRecipe, batch: int) -> TrainRecipe:
    return replace(recipe, batch_size=batch // 2, peak_lr=recipe.peak_lr / 2)


def _attempt(
    network: nn.Module,
    recipe: TrainRecipe,
    start: TrainState | None,
    *,
    job: Job,
    task: Task,
    data: SearchData,
    device: torch.device,
    on_step: Callable[[], None],
) -> Trained:
    return train_network(
        network,
        data,
        recipe,
        epochs=job.fidelity.epochs,
        planned_epochs=job.fidelity.planned_epochs,
        seed=job.seed,
        device=device,
        side=get_space(job.architecture.space).input_side(job.architecture, task.resolution),
        start=start,
        bars=dict(job.bars),
        on_epoch=teller(job.live),
        on_step=on_step,
        graphs=training_of(task).graphs,
    )


def _test(
    request: Request, folder: Path, run: _Run, device: torch.device, started: float
) -> dict[str, float]:
    task, architecture = get_task(request.task), request.job.architecture
    side = get_space(architecture.space).input_side(architecture, task.resolution)
    recipe = training_recipe(task)
    scale = Scaling.of(shared_data(request.task).train_images, side, recipe.input).on(device)
    scale = replace(scale, centre=recipe.val_centre)
    sealed = load_test_data(task, split="test")
    mixed = recipe.bf16 and bf16_pays(device)
    images, labels = sealed.images.to(device), sealed.labels.to(device)
    measured = measure_outputs(run.network, images, labels, scale, mixed=mixed, on_step=start_beating(folder))
    return {
        "accuracy": measured.accuracy,
        "val_accuracy": run.outcome.objectives["val_accuracy"],
        "seconds": time.monotonic() - started,
    }


def _build(job: Job, task: Task, recipe: TrainRecipe) -> nn.Module:
    """Build the network with weights drawn from the seed."""
    torch.manual_seed(job.seed)
    try:
        space = get_space(job.architecture.space)
        has_head = recipe.auxiliary > 0 and "auxiliary" in signature(space.build).parameters
        own: dict[str, Any] = {"auxiliary": True} if has_head else {}
        return space.build(
            job.architecture,
            classes=task.classes,
            in_channels=task.in_channels,
            resolution=space.input_side(job.architecture, task.resolution),
            skeleton=job.fidelity.skeleton or None,
            **own,
        )
    except Exception as error:
        if name_reason(error) == "oom":
            raise
        raise BuildError(f"{type(error).__name__}: {error}") from error


def _size(job: Job, task: Task) -> dict[str, float]:
    cost = cost_on(task, get_space(job.architecture.space), job.architecture, job.fidelity)
    return {"params": float(cost.params), "macs": float(cost.macs)}


def tell_error(error: BaseException) -> str:
    """Return a detail for people and prompts: the error alone where expected, else the traceback."""
    if isinstance(error, BuildError):
        return str(error)  # carries the name of its cause
    if name_reason(error) == "oom":
        return f"{type(error).__name__}: {error}"
    return "".join(traceback.format_exception(error))


def lift_memory_limit() -> None:
    """Give the reply room: after an out-of-memory even a few kilobytes may be refused."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
