"""The supernets whose weights are published: what their files are called, whose they are, what their networks read."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

CLASSES = 1000  # all of them are of ImageNet
RESOLUTION = 224
_FILE = Path(__file__).parents[1] / "data" / "checkpoints.toml"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Describe a published file; see `data/checkpoints.toml` for what the fields mean."""

    file: str
    project: str
    mark: str
    channels: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    is_bgr: bool = False
    embed_dim: int = 0


@cache
def published_checkpoints() -> dict[str, Checkpoint]:
    """Return what is published, by the name of the space."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {
        space: Checkpoint(**{**table, "mean": tuple(table["mean"]), "deviation": tuple(table["deviation"])})
        for space, table in tables.items()
    }


def how_to_get(space: str) -> str:
    """Return what to do for weights of a space, as the end of a sentence."""
    trains = f"train them once (navarch supernet train --space {space} -o FILE)"
    known = published_checkpoints().get(space)
    if known is None:
        return trains
    return (
        f"{trains}, or download {known.file} of {known.project} "
        f"and import it (navarch supernet import {known.file} --space {space} --task IMAGES -o FILE)"
    )
