"""The embedded task: real handwritten digits, made hard enough to rank architectures.

The 1,797 images of 8x8 pixels in `data/digits.csv.gz` are split by class into train, validation and test
first; each split then draws its own cluttered canvases: one digit, enlarged, sheared, turned and shifted,
among pieces of other digits of the same split, under noise. Plain 8x8 digits cannot rank: every cell
reaches 96-99 % on them. On these, two seeds agree with Spearman 0.889 over 40 random cells, and the 10th
and 90th percentile lie at 58.6 and 82.7 % (benchmarks/task_ranking.py, 3.5 s a trial on one Zen 4 core,
2026-11-22).

All of it is integer arithmetic on a stream of bytes that Python keeps the same, so
every machine makes the same images (a test knows their sha256).
"""

import gzip
import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Split = Literal["train", "val", "test"]
SOURCE_FILE = Path(__file__).parent / "data" / "digits.csv.gz"
CLASSES = 10
SIDE = 8  # pixels of a source image
ONE = 256  # fixed-point one: coordinates and blending weights are integers in 1/256


@dataclass(frozen=True, slots=True)
class DigitsRecipe:
    """Say how the canvases are drawn; the numbers were chosen by measurement (benchmarks/task_ranking.py)."""

    canvas: int = 12  # pixels
    train_sources: int = 100  # source images a class; the others are shared by validation and test
    val_sources: int = 40
    copies: tuple[int, int, int] = (2, 3, 3)  # canvases drawn from one source image: train, val, test
    scale: tuple[int, int] = (180, 270)  # source pixels a canvas pixel, in 1/256: 180 draws 11 pixels wide
    turn: int = 60  # largest shear/rotation entry of the inverse map, in 1/256
    shift: int = 1  # largest move of the digit's centre, canvas pixels
    distractors: int = 2  # pieces of other digits on each canvas
    distractor_level: int = 200  # their brightness, in 1/256
    noise: int = 32  # largest value added to a pixel (of 255)
    seed: int = 20261122


RECIPE = DigitsRecipe()
DATA_DIGEST = "40fb4f0b047ae016"  # of the images and labels that the recipe makes; a test computes it anew
_ORDER: tuple[Split, ...] = ("train", "val", "test")


@lru_cache(maxsize=1)
def load_sources() -> tuple[tuple[bytes, int], ...]:
    """Return the 1,797 source images as (64 bytes with values 0..16, label), in the published order."""
    with gzip.open(SOURCE_FILE, "rt", encoding="ascii") as file:
        rows = [[int(field) for field in line.split(",")] for line in file]
    return tuple((bytes(row[: SIDE * SIDE]), row[SIDE * SIDE]) for row in rows)


def split_sources(recipe: DigitsRecipe = RECIPE) -> dict[Split, tuple[int, ...]]:
    """Return the disjoint, stratified indices of the source images of each split."""
    stream = random.Random(recipe.seed)
    labels = [label for _, label in load_sources()]
    parts: dict[Split, list[int]] = {"train": [], "val": [], "test": []}
    for digit in range(CLASSES):
        members = [index for index, label in enumerate(labels) if label == digit]
        members.sort(key=lambda _: stream.random())
        first, second = recipe.train_sources, recipe.train_sources + recipe.val_sources
        parts["train"] += members[:first]
        parts["val"] += members[first:second]
        parts["test"] += members[second:]
    return {split: tuple(indices) for split, indices in parts.items()}


@lru_cache(maxsize=3)
def make_split(split: Split, recipe: DigitsRecipe = RECIPE) -> "tuple[Tensor, Tensor]":
    """Draw a split: images (n, 1, canvas, canvas) uint8 and labels (n,) int64, on the CPU."""
    import torch

    position = _ORDER.index(split)
    members = split_sources(recipe)[split] * recipe.copies[position]
    sources = load_sources()
    pixels = torch.tensor([list(sources[index][0]) for index in members], dtype=torch.int32).view(
        -1, SIDE, SIDE
    )
    labels = torch.tensor([sources[index][1] for index in members], dtype=torch.int64)
    stream = random.Random(recipe.seed + 1 + position)
    count = len(members)
    canvas = _draw(pixels, _place_digits(stream, count, recipe), recipe.canvas)
    for _ in range(recipe.distractors):
        others = torch.tensor([_below(stream, count) for _ in range(count)])
        pieces = _draw(
            _cut_pieces(stream, pixels[others]), _place_pieces(stream, count, recipe), recipe.canvas
        )
        canvas = torch.maximum(canvas, pieces * recipe.distractor_level // ONE)
    noise = torch.frombuffer(bytearray(stream.randbytes(canvas.numel())), dtype=torch.uint8).view_as(canvas)
    canvas = canvas + noise.to(torch.int32) * recipe.noise // 255
    return canvas.clamp_(0, 255).to(torch.uint8).unsqueeze(1), labels


def _below(stream: random.Random, n: int) -> int:
    """Return an integer in [0, n); of all of `random`, only random() is promised to stay as it is."""
    return int(stream.random() * n)


def _within(stream: random.Random, limit: int) -> int:
    return _below(stream, 2 * limit + 1) - limit


def _affine(stream: random.Random, recipe: DigitsRecipe) -> tuple[int, int, int, int]:
    """Draw the matrix from canvas to source, in 1/256: scale on the diagonal, shear and turn beside it."""
    low, high = recipe.scale
    return (
        low + _below(stream, high - low + 1),
        _within(stream, recipe.turn),
        _within(stream, recipe.turn),
        low + _below(stream, high - low + 1),
    )


def _place_digits(stream: random.Random, count: int, recipe: DigitsRecipe) -> "Tensor":
    """Draw (count, 6) int32 rows: four matrix entries and a centre (x, y) near the canvas's middle."""
    import torch

    middle = recipe.canvas // 2
    rows = [
        (
            *_affine(stream, recipe),
            middle + _within(stream, recipe.shift),
            middle + _within(stream, recipe.shift),
        )
        for _ in range(count)
    ]
    return torch.tensor(rows, dtype=torch.int32)


def _place_pieces(stream: random.Random, count: int, recipe: DigitsRecipe) -> "Tensor":
    """Draw places for distractors: anywhere on the canvas."""
    import torch

    rows = [
        (*_affine(stream, recipe), _below(stream, recipe.canvas), _below(stream, recipe.canvas))
        for _ in range(count)
    ]
    return torch.tensor(rows, dtype=torch.int32)


def _cut_pieces(stream: random.Random, pixels: "Tensor") -> "Tensor":
    """Keep a window of 4x4 pixels of each source image and blank the rest."""
    import torch

    half = SIDE // 2
    top = torch.tensor([_below(stream, half + 1) for _ in range(len(pixels))], dtype=torch.int32).view(-1, 1)
    left = torch.tensor([_below(stream, half + 1) for _ in range(len(pixels))], dtype=torch.int32).view(-1, 1)
    line = torch.arange(SIDE, dtype=torch.int32)
    rows = (line >= top) & (line < top + half)
    columns = (line >= left) & (line < left + half)
    return pixels * (rows.unsqueeze(2) & columns.unsqueeze(1))


def _draw(pixels: "Tensor", places: "Tensor", side: int) -> "Tensor":
    """Draw sources (n, 8, 8) of 0..16 on empty canvases, bilinearly: (n, side, side) of 0..255."""
    import torch

    a, b, c, d, centre_x, centre_y = (column.view(-1, 1, 1) for column in places.unbind(1))
    line = torch.arange(side, dtype=torch.int32)
    x = line.view(1, 1, -1) - centre_x
    y = line.view(1, -1, 1) - centre_y
    middle = (SIDE - 1) * ONE // 2
    u = (a * x + b * y + middle + ONE).clamp(
        0, (SIDE + 1) * ONE - 1
    )  # one more: the border of zeros around the source
    v = (c * x + d * y + middle + ONE).clamp(0, (SIDE + 1) * ONE - 1)
    column, across = u // ONE, u % ONE
    row, down = v // ONE, v % ONE
    width = SIDE + 2
    framed = torch.nn.functional.pad(pixels, (1, 1, 1, 1)).reshape(len(pixels), -1)

    def look_up(rows: "Tensor", columns: "Tensor") -> "Tensor":
        places = (rows * width + columns).reshape(len(pixels), -1).to(torch.int64)
        return framed.gather(1, places).view(-1, side, side)

    top = look_up(row, column) * (ONE - across) + look_up(row, column + 1) * across
    bottom = look_up(row + 1, column) * (ONE - across) + look_up(row + 1, column + 1) * across
    value = top * (ONE - down) + bottom * down  # at most 16 * 256 * 256
    return (value * 255 // (16 * ONE * ONE)).to(torch.int32)
