"""Train a supernet: at every step one path or a few, drawn at random, whose gradients reach the shared weights.

Every choice of chance comes from the seed and the number of the epoch, so that a training that was interrupted after an
epoch goes on as if it had not been, bit for bit on a CPU.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from navarch.evaluation.augment import prepare, shuffled_batches
from navarch.evaluation.device import bf16_pays
from navarch.evaluation.mixing import main_labels, mixed_loss
from navarch.evaluation.recipe import TrainRecipe
from navarch.evaluation.scaling import Scaling, resize
from navarch.evaluation.schedule import learning_rate
from navarch.evaluation.supernet.elastic import ElasticSupernet
from navarch.evaluation.supernet.net import Supernet, drop_statistics
from navarch.evaluation.supernet.optimizing import KeptOptimizer, make_optimizer
from navarch.evaluation.supernet.plan import Phase, Sampling
from navarch.evaluation.supernet.sampling import PathSampler
from navarch.evaluation.supernet.sliced import largest
from navarch.evaluation.task_data import SearchData
from navarch.spaces import Architecture


class DivergedError(Exception):
    """The loss of a supernet is no number any more."""


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """Tell what an epoch gave: the mean loss, and the percentage of training images that paths labelled right."""

    epoch: int
    loss: float
    train_accuracy: float


class Learner:
    """Train the shared weights phase by phase; `state` is what going on after an epoch needs."""

    def __init__(
        self,
        supernet: Supernet,
        data: SearchData,
        phases: tuple[Phase, ...],
        recipe: TrainRecipe,
        *,
        sampling: Sampling,
        measure: Callable[[Architecture], float],
        seed: int,
        device: torch.device,
    ) -> None:
        """Move the supernet to the device. measure: the size of an architecture, for sampling by size."""
        self.supernet = supernet.to(device)
        self.phases, self.recipe, self.seed, self.device = phases, recipe, seed, device
        self.sampling, self.measure = sampling, measure
        self.images, self.labels = data.train_images.to(device), data.train_labels.to(device)
        self.scale = Scaling.of(data.train_images, kind=recipe.input).on(device)
        self.batch_size = min(recipe.batch_size, len(self.images))
        self.batches = len(self.images) // self.batch_size
        self.mixed = recipe.bf16 and bf16_pays(device)
        self.optimizer = self._make_optimizer()
        self.teacher: nn.Module | None = None

    def run(
        self, *, done: int, state: Mapping[str, Any], on_epoch: Callable[[EpochEnd, dict[str, Any]], None]
    ) -> None:
        """Train the epochs after `done`, telling each as it ends, with the state that the next one needs.

        Raises: DivergedError.
        """
        if state:
            self._load(state)
        for before, phase in zip((None, *self.phases), self.phases, strict=False):
            sampler = self._sampler(phase)
            for epoch in range(max(phase.first, done + 1), phase.last + 1):
                if epoch == phase.first:
                    self._begin(phase, before)
                on_epoch(self._train_epoch(epoch, phase, sampler), self._state())

    def _train_epoch(self, epoch: int, phase: Phase, sampler: PathSampler) -> EpochEnd:
        torch.manual_seed(_mix(self.seed, epoch))
        chance = torch.Generator().manual_seed(_mix(self.seed, epoch))
        rng = random.Random(_mix(self.seed, epoch))
        schedule = replace(self.recipe, peak_lr=phase.factor, final_lr=0.0)
        steps = (phase.last - phase.first + 1) * self.batches
        self.supernet.train()
        loss_sum = torch.zeros((), device=self.device)
        hits = torch.zeros((), device=self.device)
        batches = shuffled_batches(
            self.images, self.labels, self.batch_size, self.recipe, chance, fill=self.scale.mean
        )
        for step, (batch, labels) in enumerate(batches, start=(epoch - phase.first) * self.batches):
            images, share = prepare(batch, self.scale, self.recipe, chance, keeps_side=True)
            for _ in range(phase.paths):
                loss, right = self._learn(images, labels, share, sampler, rng, phase)
                loss_sum += loss / phase.paths
                hits += right / phase.paths
            self.optimizer.step(learning_rate(step, steps, schedule, epochs=phase.last - phase.first + 1))
        loss_mean = loss_sum.item() / self.batches
        if not math.isfinite(loss_mean):
            raise DivergedError(f"the training loss became {loss_mean!r} in epoch {epoch}")
        return EpochEnd(epoch, loss_mean, 100.0 * hits.item() / (self.batches * self.batch_size))

    def _learn(
        self,
        images: Tensor,
        labels: Tensor,
        share: float,
        sampler: PathSampler,
        rng: random.Random,
        phase: Phase,
    ) -> tuple[Tensor, Tensor]:
        """Add the gradients of one path; return its loss and how many images it labelled right.

        share: of each image in what the network reads (see `mixing`).
        """
        path = sampler.draw(rng)
        side = self.supernet.frame.space.input_side(path, self.supernet.frame.resolution)
        images = resize(images, side)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.mixed):
            logits = self.supernet(images, path)
        logits = logits.float()
        loss = mixed_loss(logits, labels, share, self.recipe.label_smoothing)
        taught = self._add_teaching(loss, logits, images) / phase.paths
        taught.backward()  # type: ignore[no-untyped-call]
        return loss.detach(), (logits.argmax(1) == main_labels(labels, share)).sum()

    def _add_teaching(self, loss: Tensor, logits: Tensor, images: Tensor) -> Tensor:
        """Add the cross-entropy to what the teacher says of the same images, where there is one."""
        if self.teacher is None:
            return loss
        with torch.no_grad():
            said = self.teacher(images).float().softmax(1)
        return loss + functional.cross_entropy(logits, said)

    def _sampler(self, phase: Phase) -> PathSampler:
        space = self.supernet.frame.space
        return PathSampler(space, phase.allowed(space), self.sampling, self.measure)

    def _make_optimizer(self) -> KeptOptimizer:
        return make_optimizer(self.supernet.frame.space.name, list(self.supernet.parameters()), self.recipe)

    def _begin(self, phase: Phase, before: Phase | None) -> None:
        """Ready the weights for a phase: their order, their teacher, an optimizer that starts anew."""
        if before is None:
            return
        if phase.sorts and isinstance(self.supernet, ElasticSupernet):
            self.supernet.sort_channels([int(name) for name in before.options["expand"]])
        if phase.taught and self.teacher is None:
            self.teacher = self._make_teacher()
        self.optimizer = self._make_optimizer()

    def _make_teacher(self) -> nn.Module:
        """Return the largest network as it is now; it reads a batch by the batch's own statistics."""
        teacher = self.supernet.inherit(largest(self.supernet.frame.space)).to(self.device)
        drop_statistics(teacher)
        return teacher.eval().requires_grad_(False)

    def _state(self) -> dict[str, Any]:
        taught = {} if self.teacher is None else {"teacher": self.teacher.state_dict()}
        return {**self.optimizer.state(), **taught}

    def _load(self, state: Mapping[str, Any]) -> None:
        self.optimizer.load(dict(state))
        if "teacher" in state:
            self.teacher = self._make_teacher()
            self.teacher.load_state_dict(state["teacher"])


def _mix(seed: int, epoch: int) -> int:
    return seed * 1_000_003 + epoch
