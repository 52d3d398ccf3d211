"""Weights that a trial leaves for one that goes on from it: all that training needs, as a file.

A training that goes on is the same, step by step, as one that was never interrupted; on a CPU bit for bit. A file that
is missing, damaged or of another training is never an error: the trial begins anew, and its note says why.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from navarch.evaluation.evaluator import Job
from navarch.evaluation.optimizer import Optimizer, make_optimizer
from navarch.evaluation.outcome import CurvePoint
from navarch.evaluation.recipe import TrainRecipe
from navarch.evaluation.tensor_file import TensorFileError, read_tensors, write_tensors

FORMAT = "navarch trial 1"
ENTRIES = {"about": str, "network": dict, "optimizer": list, "chance": dict}


@dataclass(frozen=True, slots=True)
class TrainState:
    """Hold what the epochs after `epoch` need.

    network: parameters and statistics by name. optimizer: its tensors in their order. chance: the states of the
    generators: "order" for batches and crops, "torch" and "cuda" for what networks draw themselves.
    """

    epoch: int
    curve: tuple[CurvePoint, ...]
    network: dict[str, Tensor]
    optimizer: list[Tensor]
    chance: dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Start:
    """Say where a training begins: with a state, or anew, and then why if a state was expected."""

    state: TrainState | None = None
    is_halved: bool = False  # the earlier trial ran out of memory and trained with half the batch
    note: str = ""


def take_state(
    network: nn.Module,
    optimizer: Optimizer,
    order: torch.Generator,
    device: torch.device,
    *,
    epoch: int,
    curve: Sequence[CurvePoint],
) -> TrainState:
    """Return the state after an epoch. The tensors are those in use: write them before training goes on."""
    chance = {"order": order.get_state(), "torch": torch.get_rng_state()}
    if device.type == "cuda":
        chance["cuda"] = torch.cuda.get_rng_state(device)
    return TrainState(epoch, tuple(curve), network.state_dict(), optimizer.tensors(), chance)


@torch.no_grad()
def restore_state(
    state: TrainState,
    network: nn.Module,
    optimizer: Optimizer,
    order: torch.Generator,
    device: torch.device,
) -> None:
    """Put network, optimizer and generators where they were."""
    network.load_state_dict(state.network)
    for mine, stored in zip(optimizer.tensors(), state.optimizer, strict=True):
        mine.copy_(stored)
    order.set_state(state.chance["order"])
    torch.set_rng_state(state.chance["torch"])
    if device.type == "cuda" and "cuda" in state.chance:
        torch.cuda.set_rng_state(state.chance["cuda"], device)


def keep_state(job: Job, task_digest: str, state: TrainState, *, is_halved: bool) -> str:
    """Write the state where the job says, if it does; return a note where that failed."""
    if job.continuation is None or not job.continuation.save:
        return ""
    path = Path(job.continuation.save)
    about = {
        **_identity(job, task_digest),
        "epoch": state.epoch,
        "is_halved": is_halved,
        "curve": [[getattr(point, name) for name in CurvePoint.__slots__] for point in state.curve],
    }
    entries = {
        "about": json.dumps(about, sort_keys=True),
        "network": {name: value.detach().cpu() for name, value in state.network.items()},
        "optimizer": [value.detach().cpu() for value in state.optimizer],
        "chance": state.chance,
    }
    try:
        write_tensors(path, FORMAT, entries)
    except (OSError, RuntimeError, MemoryError) as error:  # a full disk may be either of the first two
        why = getattr(error, "strerror", None) or type(error).__name__
        return f"its weights could not be kept ({why})"
    return ""


def find_start(job: Job, task_digest: str, network: nn.Module, recipe: TrainRecipe) -> Start:
    """Return the state that the job goes on from, as far as it fits; the network stays as it is."""
    if job.continuation is None or not job.continuation.load:
        return Start()
    try:
        content, _ = read_tensors(Path(job.continuation.load), FORMAT, ENTRIES)
        about = json.loads(content["about"])
        identity = _identity(job, task_digest)
        if {name: about[name] for name in identity} != identity:
            raise TensorFileError("it is of another training")
        if about["epoch"] != job.continuation.epochs:
            raise TensorFileError(f"it has {about['epoch']} epochs")
        curve = tuple(CurvePoint(*point) for point in about["curve"])
        state = TrainState(about["epoch"], curve, content["network"], content["optimizer"], content["chance"])
        _check_fit(state, network, recipe)
        return Start(state, is_halved=bool(about["is_halved"]))
    except FileNotFoundError:
        why = "the file is gone"
    except (OSError, TensorFileError) as error:
        why = getattr(error, "strerror", None) or str(error)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        why = f"{type(error).__name__}"
    return Start(note=f"the weights of trial {job.continuation.trial} cannot be used ({why}): trained anew")


def _identity(job: Job, task_digest: str) -> dict[str, Any]:
    """Return what must be equal for a training to be the same one, further on."""
    return {
        "space": job.architecture.space,
        "values": list(job.architecture.values),
        "task_digest": task_digest,
        "skeleton": dict(sorted(job.fidelity.skeleton.items())),
        "planned_epochs": job.fidelity.planned_epochs,
        "seed": job.seed,
    }


def _check_fit(state: TrainState, network: nn.Module, recipe: TrainRecipe) -> None:
    """Raise where a state is not one of this network, optimizer and torch; RuntimeError where torch finds it."""
    expected = {name: (value.shape, value.dtype) for name, value in network.state_dict().items()}
    found = {name: (value.shape, value.dtype) for name, value in state.network.items()}
    fresh = make_optimizer(list(network.parameters()), recipe).tensors()
    shapes = [value.shape for value in state.optimizer]
    if found != expected or shapes != [value.shape for value in fresh]:
        raise TensorFileError("it is of another network")
    for name in ("order", "torch"):
        torch.Generator().set_state(state.chance[name])
