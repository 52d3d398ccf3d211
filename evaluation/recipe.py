"""Training recipes: all that is neither architecture, fidelity nor seed. Published ones are data, found by name."""

import tomllib
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from navarch import NavarchError

RECIPES_FILE = Path(__file__).parent / "data" / "recipes.toml"
REFERENCE_SIDE = 32  # pixels of the images whose crop padding and cutout a recipe states
SIDES_OF = 224  # pixels of the images whose drawn sides a recipe states

Input = Literal["normalized", "bgr"]


@dataclass(frozen=True, slots=True)
class TrainRecipe:
    """Say how networks are trained.

    warmup: share of all steps over which the rate rises; warmup_epochs: the same in epochs of
    `epochs`, the published number; in proportion where other numbers are trained. decay: which parameters
    decay, "matrices" being the weights of convolutions and linear layers only. shift: the whole batch is moved by up
    to so many pixels. crop_padding, cutout: pixels of an image of 32, each image for itself; larger images in
    proportion. drop_path: of networks that have it; drop_path_ramps: it grows from 0 over the epochs. auxiliary: the
    weight of the loss of an auxiliary head, of networks that have one. val_points: how many epochs are followed by a
    validation; the last one always is. bf16: whether the networks are large enough for bfloat16 to pay, where the
    hardware has it.

    jitter: strengths of brightness, contrast, saturation and hue (`colour`). rand_magnitude, rand_deviation: of
    RandAugment's levels, of 10 (`randaugment`). erasing: share of the images that have a rectangle erased (`erasing`).
    mixup, cutmix: parameters of their beta distributions (`mixing`). repeats: how many times in a row an epoch shows an
    image. sides: first, last and step of the sides that a batch is brought to, of images of 224 pixels; others in
    proportion. input: "bgr" is bytes as they are, blue first. val_centre: share of the side of validation and test
    images that is read, at the middle, and enlarged to the whole.
    """

    batch_size: int
    peak_lr: float
    weight_decay: float
    epochs: int = 1
    optimizer: Literal["sgd", "adamw"] = "sgd"
    momentum: float = 0.9
    nesterov: bool = True
    decay: Literal["matrices", "all"] = "matrices"
    schedule: Literal["cosine", "linear", "step"] = "cosine"
    final_lr: float = 0.0
    lr_factor: float = 1.0  # of the schedule "step": the rate of an epoch over that of the epoch before
    warmup: float = 0.0
    warmup_epochs: float = 0.0
    clip_norm: float | None = None
    label_smoothing: float = 0.0
    shift: int = 0
    crop_padding: int = 0
    resized_crop: bool = False
    flip: bool = False
    cutout: int = 0
    drop_path: float = 0.0
    drop_path_ramps: bool = False
    auxiliary: float = 0.0
    jitter: tuple[float, ...] = ()
    rand_magnitude: float = 0.0
    rand_deviation: float = 0.0
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    repeats: int = 1
    sides: tuple[int, ...] = ()
    input: Input = "normalized"
    val_centre: float = 1.0
    val_points: int = 4
    bf16: bool = True
    source: str = ""
    left_out: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return what results depend on; steps that older recipes did not know count only where they are done."""
        facts = asdict(replace(self, source="", left_out=()))
        idle = [f.name for f in fields(self) if f.name in _LATER and facts[f.name] == f.default]
        return {name: value for name, value in facts.items() if name not in idle}


# Steps that came after trials had been kept: without them, a training is still the task that it was.
_LATER = frozenset(
    (
        "jitter",
        "rand_magnitude",
        "rand_deviation",
        "erasing",
        "mixup",
        "cutmix",
        "repeats",
        "sides",
        "input",
        "val_centre",
    )
)


@cache
def published_recipes() -> dict[str, TrainRecipe]:
    """Return the published recipes by name, in the order of their file."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(RECIPES_FILE.read_text(encoding="utf-8"))
    for table in tables.values():
        table |= {name: tuple(value) for name, value in table.items() if isinstance(value, list)}
    return {name: TrainRecipe(**table) for name, table in tables.items()}


def find_recipe(name: str) -> TrainRecipe:
    """Return a published recipe. Raises: NavarchError with the known names."""
    known = published_recipes()
    if name not in known:
        raise NavarchError(
            f"There is no recipe {name!r} (train.recipe); the recipes are: {', '.join(known)}."
        )
    return known[name]
