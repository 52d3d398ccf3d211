"""What the proxies of one search read: images and labels drawn once, and noise, the same for every architecture."""

from dataclasses import dataclass

import torch
from torch import Tensor

from navarch import NavarchError
from navarch.evaluation.scaling import Scaling, resize
from navarch.evaluation.task import Task
from navarch.evaluation.task_data import load_search_data

SEED = 42
BATCH = 64
_MECO_SIDE = 64  # pixels


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold two batches of images and the noise; all float tensors have one dtype.

    images: (2 batch, channels, height, width), scaled; labels: (2 batch,) int64. The gradient proxies read the first
    batch, zico both, naswot all. noise: Gaussian, (2, batch, channels, height, width), the input of zen and its change.
    meco_image: Gaussian, (1, channels, 64, 64). classes: that the labels are of. seed: of the draw, and of weights.
    """

    images: Tensor
    labels: Tensor
    noise: Tensor
    meco_image: Tensor
    classes: int
    seed: int

    @property
    def first(self) -> tuple[Tensor, Tensor]:
        """Return the first batch: images and labels."""
        half = len(self.images) // 2
        return self.images[:half], self.labels[:half]

    @property
    def batches(self) -> list[tuple[Tensor, Tensor]]:
        """Return both batches."""
        half = len(self.images) // 2
        return [self.first, (self.images[half:], self.labels[half:])]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return channels, height and width of an image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def at_side(self, side: int) -> "Sample":
        """Return the sample with images of another side, in pixels: resized, the noise drawn at that size."""
        if side == self.shape[1]:
            return self
        generator = torch.Generator().manual_seed(self.seed)
        return _with_noise(resize(self.images, side), self.labels, self.classes, self.seed, generator)


def task_sample(
    task: Task, *, batch: int = BATCH, seed: int = SEED, dtype: torch.dtype = torch.float32
) -> Sample:
    """Draw the batches from the training images of a task. Raises: NavarchError for a task without images."""
    data = load_search_data(task)
    return image_sample(
        data.train_images, data.train_labels, task.classes, batch=batch, seed=seed, dtype=dtype
    )


def image_sample(
    images: Tensor,
    labels: Tensor,
    classes: int,
    *,
    batch: int = BATCH,
    seed: int = SEED,
    dtype: torch.dtype = torch.float32,
    scaling: Scaling | None = None,
) -> Sample:
    """Draw the batches from images: (n, channels, height, width) uint8. Raises: NavarchError for too few.

    scaling: of these images, where it is known already.
    """
    _require_batch(batch)
    if len(images) < 2 * batch:
        raise NavarchError(
            f"two batches of {batch} images are more than the {len(images)} there are: use fewer"
        )
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randperm(len(images), generator=generator)[: 2 * batch]
    scaled = (scaling or Scaling.of(images))(images[drawn]).contiguous().to(dtype)
    return _with_noise(scaled, labels[drawn], classes, seed, generator)


def random_sample(
    shape: tuple[int, int, int],
    classes: int,
    *,
    batch: int = BATCH,
    seed: int = SEED,
    dtype: torch.dtype = torch.float32,
) -> Sample:
    """Draw Gaussian images, (channels, height, width) each, and uniform labels."""
    _require_batch(batch)
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(2 * batch, *shape, generator=generator, dtype=torch.float64).to(dtype)
    labels = torch.randint(classes, (2 * batch,), generator=generator)
    return _with_noise(images, labels, classes, seed, generator)


def _with_noise(
    images: Tensor, labels: Tensor, classes: int, seed: int, generator: torch.Generator
) -> Sample:
    half, channels = len(images) // 2, images.shape[1]

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(images.dtype)

    noise = draw(2, half, *images.shape[1:])
    return Sample(images, labels, noise, draw(1, channels, _MECO_SIDE, _MECO_SIDE), classes, seed)


def _require_batch(batch: int) -> None:
    if batch < 2:
        raise NavarchError(f"a batch of {batch!r} images is too small for the proxies: give at least 2")
