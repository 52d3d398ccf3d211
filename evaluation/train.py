"""Train one network on one task and measure it on the validation split.

Images stay on the device as bytes and become floats a batch at a time; every choice of chance (weights,
order, shifts) comes from the seed, so that on a CPU the same network, epochs and seed give the same curve,
bit for bit.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from navarch.evaluation.device import bf16_pays
from navarch.evaluation.outcome import CurvePoint
from navarch.evaluation.recipe import TrainRecipe
from navarch.evaluation.sgd import Sgd
from navarch.evaluation.task import SearchData

VAL_BATCH = 200  # images at once without gradients; larger batches fall out of a CPU's cache


@dataclass(frozen=True, slots=True)
class Trained:
    """Hold what training gave, and one sentence when the loss stopped being a number."""

    curve: tuple[CurvePoint, ...]
    seconds: float
    epochs: int
    diverged: str | None


@dataclass(frozen=True, slots=True)
class Scaling:
    """Turn bytes into floats with the mean and deviation of the training images, in channels_last order."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, images: Tensor) -> "Scaling":
        """Measure images; sums of integers are exact, so the result does not depend on the machine."""
        values = images.to(torch.int64)
        mean = int(values.sum()) / values.numel()
        return cls(mean, math.sqrt(int((values * values).sum()) / values.numel() - mean * mean))

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 images for a batch of bytes."""
        scaled = (images.to(torch.float32) - self.mean) / self.deviation
        return scaled.contiguous(memory_format=torch.channels_last)


def train_network(
    network: nn.Module,
    data: SearchData,
    recipe: TrainRecipe,
    *,
    epochs: int,
    seed: int,
    device: torch.device,
) -> Trained:
    """Train a network, moving it to the device; it keeps the trained weights."""
    started = time.monotonic()
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images, labels = data.train_images.to(device), data.train_labels.to(device)
    val_images, val_labels = data.val_images.to(device), data.val_labels.to(device)
    scale = Scaling.of(data.train_images)
    chance = torch.Generator().manual_seed(seed)
    optimizer = Sgd(list(network.parameters()), momentum=recipe.momentum, weight_decay=recipe.weight_decay)
    batch_size = min(recipe.batch_size, len(images))
    batches = len(images) // batch_size
    validated = val_epochs(epochs, recipe.val_points)
    mixed = recipe.bf16 and bf16_pays(device)
    curve: list[CurvePoint] = []
    for epoch in range(1, epochs + 1):
        network.train()
        loss_sum = torch.zeros((), device=device)
        hits = torch.zeros((), dtype=torch.int64, device=device)
        shuffled = shuffled_batches(images, labels, batch_size, recipe.shift, chance)
        for step, (batch, targets) in enumerate(shuffled, start=(epoch - 1) * batches):
            logits = forward(network, scale(batch), mixed=mixed)
            loss = functional.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step(learning_rate(step, epochs * batches, recipe))
            loss_sum += loss.detach()
            hits += (logits.argmax(1) == targets).sum()
        diverged = None
        mean_loss = loss_sum.item() / batches
        if not math.isfinite(mean_loss):
            diverged = f"the training loss became {mean_loss!r} in epoch {epoch} of {epochs}"
        elif epoch in validated:
            train_accuracy = 100.0 * hits.item() / (batches * batch_size)
            val_accuracy = measure_accuracy(network, val_images, val_labels, scale, mixed=mixed)
            curve.append(CurvePoint(epoch, mean_loss, train_accuracy, val_accuracy))
            if math.isnan(val_accuracy):
                diverged = f"the validation outputs were not finite in epoch {epoch} of {epochs}"
        if diverged is not None:
            return Trained(tuple(curve), time.monotonic() - started, epoch, diverged)
    return Trained(tuple(curve), time.monotonic() - started, epochs, None)


def forward(network: nn.Module, images: Tensor, *, mixed: bool) -> Tensor:
    """Return float32 logits; `mixed` lets the network multiply in bfloat16."""
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=mixed):
        logits: Tensor = network(images)
    return logits.float()


def measure_accuracy(
    network: nn.Module, images: Tensor, labels: Tensor, scale: Scaling, *, mixed: bool
) -> float:
    """Return the percentage of images, on the network's device, that a trained network labels right.

    NaN when an output is not finite: the largest of such outputs would still be some label.
    """
    network.eval()
    device = images.device
    hits = torch.zeros((), dtype=torch.int64, device=device)
    finite = torch.ones((), dtype=torch.bool, device=device)
    with torch.inference_mode():
        for start in range(0, len(images), VAL_BATCH):
            logits = forward(network, scale(images[start : start + VAL_BATCH]), mixed=mixed)
            finite &= logits.isfinite().all()
            hits += (logits.argmax(1) == labels[start : start + VAL_BATCH]).sum()
    return 100.0 * hits.item() / len(images) if finite.item() else math.nan


def learning_rate(step: int, steps: int, recipe: TrainRecipe) -> float:
    """Return the rate of a step: a linear warm-up under a cosine that falls to zero at the last step."""
    warmup = max(1, round(steps * recipe.warmup))
    return recipe.peak_lr * min(1.0, (step + 1) / warmup) * 0.5 * (1.0 + math.cos(math.pi * step / steps))


def val_epochs(epochs: int, points: int) -> frozenset[int]:
    """Return the epochs that a validation follows: evenly spread, the last one among them."""
    return frozenset(max(1, round(epochs * part / points)) for part in range(1, points + 1))


def shuffled_batches(
    images: Tensor, labels: Tensor, batch_size: int, shift: int, chance: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the whole batches of one epoch in random order, each shifted as one by up to `shift` pixels.

    The chances are drawn on the CPU, so that a GPU sees the same order and shifts.
    """
    side = images.shape[-1]
    framed = functional.pad(images, (shift, shift, shift, shift))
    order = torch.randperm(len(images), generator=chance)
    for start in range(0, len(images) - batch_size + 1, batch_size):
        chosen = order[start : start + batch_size].to(images.device)
        down, right = (int(move) for move in torch.randint(0, 2 * shift + 1, (2,), generator=chance))
        yield framed[chosen][:, :, down : down + side, right : right + side], labels[chosen]
