"""Training recipes: all that is neither architecture, fidelity nor seed. Published ones are data, found by name."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from navarch import NavarchError

RECIPES_FILE = Path(__file__).parent / "data" / "recipes.toml"
REFERENCE_SIDE = 32  # pixels of the images whose crop padding and cutout a recipe states


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
    val_points: int = 4
    bf16: bool = True
    source: str = ""
    left_out: tuple[str, ...] = ()


@cache
def published_recipes() -> dict[str, TrainRecipe]:
    """Return the published recipes by name, in the order of their file."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(RECIPES_FILE.read_text(encoding="utf-8"))
    return {
        name: TrainRecipe(**{**table, "left_out": tuple(table.get("left_out", ()))})
        for name, table in tables.items()
    }


def find_recipe(name: str) -> TrainRecipe:
    """Return a published recipe. Raises: NavarchError with the known names."""
    known = published_recipes()
    if name not in known:
        raise NavarchError(
            f"There is no recipe {name!r} (train.recipe); the recipes are: {', '.join(known)}."
        )
    return known[name]
