"""What the processes of a supernet do: train one, import its weights, or score an architecture with them."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from navarch import NavarchError
from navarch.evaluation.costing import cost_on
from navarch.evaluation.device import bf16_pays, choose_device, peak_memory_mb
from navarch.evaluation.heartbeat import start_beating
from navarch.evaluation.job import Request, write_reply
from navarch.evaluation.measuring import measure_outputs
from navarch.evaluation.outcome import Outcome, TrialCost, failed, judge
from navarch.evaluation.supernet.evaluator import PROGRESS_NAME
from navarch.evaluation.supernet.learning import DivergedError, EpochEnd, Learner
from navarch.evaluation.supernet.making import make_supernet
from navarch.evaluation.supernet.net import Supernet
from navarch.evaluation.supernet.official import write_published
from navarch.evaluation.supernet.plan import Sampling, make_phases
from navarch.evaluation.supernet.scoring import Resized, find_scale, recalibrate
from navarch.evaluation.supernet.weights import About, read_weights, write_weights
from navarch.evaluation.task import Task, get_task
from navarch.evaluation.task_data import load_search_data, load_test_data, training_recipe
from navarch.evaluation.trial import Hook, lift_memory_limit, name_reason, tell_error, warm_up
from navarch.spaces import get_space

__all__ = ["run_request", "warm_up"]


def run_request(request: Request, folder: Path, hook: Hook | None = None) -> None:
    """Carry out a request and leave its reply in the folder; whatever goes wrong becomes a failed outcome."""
    started = time.monotonic()
    device = "cpu"
    try:
        torch.set_num_threads(1)
        target = choose_device(request.device)
        device = target.type
        what = (request.call or {})["do"]
        if what == "score":
            reply = _score(request, folder, target, started, hook)
        else:
            reply = _WORKS[what](request, folder, target, started)
    except Exception as error:
        # The one catch-all of these processes: whatever fails must become a sentence or a row.
        known = isinstance(error, NavarchError | DivergedError)
        reason = "diverged" if isinstance(error, DivergedError) else name_reason(error)
        cost = TrialCost(time.monotonic() - started, 0.0, 0.0, device, 0)
        reply = {"outcome": failed(reason, str(error) if known else tell_error(error), cost=cost).to_dict()}
    lift_memory_limit()
    write_reply(folder, request.request_id, reply)


def _score(
    request: Request, folder: Path, device: torch.device, started: float, hook: Hook | None
) -> dict[str, Any]:
    """Return an outcome, or the test score, of an architecture with inherited weights."""
    call, task, job = request.call or {}, get_task(request.task), request.job
    beat = start_beating(folder)
    supernet, about = open_supernet(Path(call["path"]), call["digest"], task)
    data = load_search_data(task)
    begun = time.monotonic()
    recipe = training_recipe(task)
    scale = find_scale(about, data.train_images, recipe.input).on(device)
    side = supernet.frame.space.input_side(job.architecture, supernet.frame.resolution)
    network = Resized(supernet.inherit(job.architecture), side).to(device)
    if hook is not None:
        hook(request, folder, network)
    chosen = torch.randperm(len(data.train_images), generator=torch.Generator().manual_seed(job.seed))
    recalibrate(network, data.train_images[chosen[: call["images"]]].to(device), scale, on_step=beat)
    centred = replace(scale, centre=recipe.val_centre)
    mixed = recipe.bf16 and bf16_pays(device)

    def measure(images: Tensor, labels: Tensor) -> float:
        on_device = images.to(device), labels.to(device)
        return measure_outputs(network, *on_device, centred, mixed=mixed, on_step=beat).accuracy

    val_accuracy = measure(data.val_images, data.val_labels)
    if request.action == "test" and math.isfinite(val_accuracy):
        sealed = load_test_data(task, split="test")
        accuracy = measure(sealed.images, sealed.labels)
        return {"accuracy": accuracy, "val_accuracy": val_accuracy, "seconds": time.monotonic() - started}
    objectives = {"val_accuracy": val_accuracy, "params": float(call["params"]), "macs": float(call["macs"])}
    return {
        "outcome": judge(
            Outcome("complete", None, "", objectives, (), _cost(started, begun, device))
        ).to_dict()
    }


def open_supernet(path: Path, digest: str, task: Task) -> tuple[Supernet, About]:
    """Return the supernet of a file, for a task, and what is said of it. Raises: NavarchError for another digest."""
    stored = read_weights(path)
    if stored.digest != digest:
        raise NavarchError(f"The supernet {str(path)!r} has changed since the search began.")
    about = stored.about
    resized = replace(task, resolution=about.resolution)
    supernet = make_supernet(get_space(about.space), resized, about.skeleton, is_published=bool(about.origin))
    supernet.load_weights(stored.weights)
    return supernet, about


def _import(request: Request, folder: Path, device: torch.device, started: float) -> dict[str, Any]:
    """Leave the weights of a published checkpoint in a file of our own."""
    call = request.call or {}
    about = About(**call["about"])
    task = replace(get_task(request.task), resolution=about.resolution)
    write_published(Path(call["file"]), Path(call["path"]), about, task)
    return {"outcome": Outcome("complete", None, "", {}, (), _cost(started, started, device)).to_dict()}


def _train(request: Request, folder: Path, device: torch.device, started: float) -> dict[str, Any]:
    """Train the supernet that a file is to hold, from where the file stands; the file is written after each epoch."""
    call, job = request.call or {}, request.job
    path, about = Path(call["path"]), About(**call["about"])
    space, task = get_space(about.space), replace(get_task(request.task), resolution=about.resolution)
    torch.manual_seed(about.seed)
    supernet = make_supernet(space, task, about.skeleton)
    state: Mapping[str, Any] = {}
    if about.done:
        stored = read_weights(path)
        supernet.load_weights(stored.weights)
        state = stored.state
    learner = Learner(
        supernet,
        load_search_data(task),
        make_phases(about.space, about.epochs),
        replace(training_recipe(task), batch_size=about.batch_size, peak_lr=about.peak_lr),
        sampling=cast(Sampling, about.sampling),
        measure=lambda path: float(cost_on(task, space, path, job.fidelity).macs),
        seed=about.seed,
        device=device,
    )

    def keep(end: EpochEnd, state: Mapping[str, Any]) -> None:
        now = replace(about, done=end.epoch)
        write_weights(path, now, supernet.saved_weights(), {} if now.is_finished else state)
        with (folder / PROGRESS_NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps({**asdict(end), "seconds": time.monotonic() - started}) + "\n")

    learner.run(done=about.done, state=state, on_epoch=keep)
    return {"outcome": Outcome("complete", None, "", {}, (), _cost(started, started, device)).to_dict()}


def _cost(started: float, begun: float, device: torch.device) -> TrialCost:
    """Return what was spent; the time since `begun` counts as training, though a trial learns nothing."""
    now = time.monotonic()
    memory_mb, cpu_seconds = peak_memory_mb(device), time.process_time()
    return TrialCost(now - started, now - begun, memory_mb, device.type, 0, cpu_seconds)


_WORKS = {"train": _train, "import": _import}
