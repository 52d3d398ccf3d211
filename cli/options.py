"""Options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from navarch.memory import Memory

ROLES = ("navigator", "generator", "critic", "distiller")

Db = Annotated[
    Path | None,
    typer.Option("--db", help="The memory file. Default: the setting `db`, navarch.db.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Run = Annotated[str, typer.Argument(help="A run id, a unique prefix, or `latest`.", show_default=False)]
LatestRun = Annotated[str, typer.Argument(help="A run id, a unique prefix, or `latest`.")]
Prompts = Annotated[
    Path | None,
    typer.Option("--prompts", help="A folder of prompt files that come first.", show_default=False),
]


def db_path(given: Path | None) -> Path:
    """Return the memory file: the flag, or what navarch.toml and the environment say."""
    from navarch.graph.settings import load_settings

    return given if given is not None else load_settings().db


def read_memory(given: Path | None) -> "Memory":
    """Open an existing memory for reading; the caller closes it."""
    from navarch.memory import Memory

    return Memory.open(db_path(given), create=False, read_only=True)
