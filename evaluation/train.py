"""Train one network on one task and measure it on the validation split.

Images stay on the device as bytes; a batch at a time they are changed at random, become floats, and are trained on.
Every choice of chance (weights, order, crops) comes from the seed, so that on a CPU the same network, epochs and
seed give the same curve, bit for bit.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from navarch.evaluation.augment import prepare, shuffled_batches
from navarch.evaluation.captured import CapturedStep, Learn
from navarch.evaluation.continuation import TrainState, restore_state, take_state
from navarch.evaluation.device import bf16_pays
from navarch.evaluation.live import OnEpoch, silent
from navarch.evaluation.measuring import Measured, forward, measure_outputs
from navarch.evaluation.mixing import main_labels, mixed_loss
from navarch.evaluation.optimizer import clip_gradients, make_optimizer
from navarch.evaluation.outcome import CurvePoint
from navarch.evaluation.recipe import TrainRecipe
from navarch.evaluation.scaling import Scaling
from navarch.evaluation.schedule import learning_rate, val_epochs
from navarch.evaluation.task_data import SearchData


@dataclass(frozen=True, slots=True)
class Trained:
    """Hold what training gave, and one sentence when the loss stopped being a number or a bar was missed.

    seconds: in all; data_seconds of them until the images were on the device, val_seconds for validations. epochs:
    those trained here, after the first `start_epochs`. state: what further epochs need.
    """

    curve: tuple[CurvePoint, ...]
    seconds: float
    epochs: int
    start_epochs: int
    data_seconds: float
    val_seconds: float
    state: TrainState
    diverged: str | None = None
    stopped: str | None = None


def train_network(
    network: nn.Module,
    data: SearchData,
    recipe: TrainRecipe,
    *,
    epochs: int,
    seed: int,
    device: torch.device,
    side: int | None = None,
    planned_epochs: int | None = None,
    start: TrainState | None = None,
    bars: Mapping[int, float] | None = None,
    on_epoch: OnEpoch = silent,
    on_step: Callable[[], None] = lambda: None,
    graphs: bool = False,
) -> Trained:
    """Train a network, moving it to the device; it keeps the trained weights.

    epochs: after which training ends, those before `start` included. side: pixels of the images that the network
    reads, where not those of the data. planned_epochs: that the learning rate is planned for; default: `epochs`.
    start: the state to go on from. bars: by epoch, the accuracy that the best validation so far must reach.
    on_epoch: told of each epoch. on_step: called at each batch. graphs: the step as a CUDA graph.
    """
    started = time.monotonic()
    run = _Run(network, data, recipe, planned_epochs or epochs, seed, device, side, on_step)
    if graphs:
        run.learn = CapturedStep(run.learn)
    first = 0 if start is None else start.epoch
    curve = [] if start is None else list(start.curve)
    if start is not None:
        restore_state(start, network, run.optimizer, run.chance, device)
    data_seconds, val_seconds = time.monotonic() - started, 0.0
    validated = val_epochs(run.epochs, recipe.val_points) | {epochs}
    diverged = stopped = None
    epoch = first
    while epoch < epochs and diverged is None and stopped is None:
        epoch += 1
        mean_loss, train_accuracy = run.train_epoch(epoch)
        val_accuracy = None
        if not math.isfinite(mean_loss):
            diverged = f"the training loss became {mean_loss!r} in epoch {epoch} of {epochs}"
        elif epoch in validated:
            begun = time.monotonic()
            measured = run.validate()
            val_accuracy = measured.accuracy
            val_seconds += time.monotonic() - begun
            curve.append(CurvePoint(epoch, mean_loss, train_accuracy, val_accuracy))
            if math.isnan(val_accuracy):
                diverged = f"the validation outputs were not finite in epoch {epoch} of {epochs}"
            elif measured.is_constant and epoch == epochs:
                diverged = (
                    f"the outputs are the same for all {len(data.val_labels)} validation images, "
                    f"{val_accuracy:.2f} % right: nothing of an image reaches them"
                )
            elif epoch < epochs:
                stopped = _missed(curve, (bars or {}).get(epoch), epochs)
        on_epoch(epoch, mean_loss, train_accuracy, val_accuracy)
    state = take_state(network, run.optimizer, run.chance, device, epoch=epoch, curve=curve)
    seconds = time.monotonic() - started
    return Trained(
        curve=tuple(curve),
        seconds=seconds,
        epochs=epoch - first,
        start_epochs=first,
        data_seconds=data_seconds,
        val_seconds=val_seconds,
        state=state,
        diverged=diverged,
        stopped=stopped,
    )


def _missed(curve: list[CurvePoint], bar: float | None, epochs: int) -> str | None:
    """Return one sentence when the best validation accuracy so far is below the bar of the last epoch."""
    best = max(point.val_accuracy for point in curve)
    if bar is None or best >= bar:
        return None
    return (
        f"stopped after epoch {curve[-1].epoch} of {epochs}: its best validation accuracy was {best:.2f} %, "
        f"and trials before it set the bar at {bar:.2f} %"
    )


class _Run:
    """Hold what the epochs of one training share: the data on the device, the optimizer, the chance."""

    def __init__(
        self,
        network: nn.Module,
        data: SearchData,
        recipe: TrainRecipe,
        epochs: int,
        seed: int,
        device: torch.device,
        side: int | None,
        on_step: Callable[[], None],
    ) -> None:
        """Move everything to the device. epochs: that learning rate and drop-path are planned for."""
        self.network, self.recipe, self.epochs, self.device = network, recipe, epochs, device
        self.on_step = on_step
        network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.images, self.labels = data.train_images.to(device), data.train_labels.to(device)
        self.val_images, self.val_labels = data.val_images.to(device), data.val_labels.to(device)
        self.scale = Scaling.of(data.train_images, side, recipe.input).on(device)
        self.val_scale = replace(self.scale, centre=recipe.val_centre)
        self.keeps_side = has_one_side(network)
        self.chance = torch.Generator().manual_seed(seed)
        self.parameters = list(network.parameters())
        self.optimizer = make_optimizer(self.parameters, recipe)
        self.batch_size = min(recipe.batch_size, len(self.images))
        self.batches = len(self.images) // self.batch_size
        self.mixed = recipe.bf16 and bf16_pays(device)
        self.learn: Learn = self._learn

    def train_epoch(self, epoch: int) -> tuple[float, float]:
        """Show every image once; return the mean loss and the percentage that was labelled right meanwhile."""
        self.network.train()
        self._drop_paths(epoch)
        loss_sum = torch.zeros((), device=self.device)
        hits = torch.zeros((), dtype=torch.int64, device=self.device)
        shuffled = shuffled_batches(
            self.images, self.labels, self.batch_size, self.recipe, self.chance, fill=self.scale.mean
        )
        for step, (batch, targets) in enumerate(shuffled, start=(epoch - 1) * self.batches):
            self.on_step()
            images, share = prepare(batch, self.scale, self.recipe, self.chance, keeps_side=self.keeps_side)
            rate = learning_rate(step, self.epochs * self.batches, self.recipe, epochs=self.epochs)
            loss, right = self.learn(images, targets, rate, share)
            loss_sum += loss
            hits += right
        return loss_sum.item() / self.batches, 100.0 * hits.item() / (self.batches * self.batch_size)

    def validate(self) -> Measured:
        """Measure the network on the validation images."""
        return measure_outputs(
            self.network,
            self.val_images,
            self.val_labels,
            self.val_scale,
            mixed=self.mixed,
            on_step=self.on_step,
        )

    def _learn(
        self, images: Tensor, targets: Tensor, rate: float | Tensor, share: float
    ) -> tuple[Tensor, Tensor]:
        """Learn from one batch; return its loss and how many of its images were labelled right.

        share: of each image in what the network reads, the rest being of the batch turned around (see `mixing`).
        """
        recipe = self.recipe
        logits, auxiliary = forward(self.network, images, mixed=self.mixed)
        loss = mixed_loss(logits, targets, share, recipe.label_smoothing)
        total = loss
        if auxiliary is not None:
            total = loss + recipe.auxiliary * mixed_loss(auxiliary, targets, share, recipe.label_smoothing)
        total.backward()  # type: ignore[no-untyped-call]
        if recipe.clip_norm is not None:
            clip_gradients(self.parameters, recipe.clip_norm)
        self.optimizer.step(rate)
        return loss.detach(), (logits.argmax(1) == main_labels(targets, share)).sum()

    def _drop_paths(self, epoch: int) -> None:
        if self.recipe.drop_path and hasattr(self.network, "drop_path"):
            share = (epoch - 1) / self.epochs if self.recipe.drop_path_ramps else 1.0
            self.network.drop_path = self.recipe.drop_path * share  # type: ignore[assignment]


def has_one_side(network: nn.Module) -> bool:
    """Tell whether a network reads images of one side alone, as those whose patches have positions do."""
    return bool(getattr(network, "has_one_side", False))
