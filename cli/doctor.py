"""`navarch doctor`: is everything in order on this machine, and is the memory whole?"""

import os
import platform
import sys
from pathlib import Path

import typer

from navarch import NavarchError, __version__
from navarch.cli.echo import echo
from navarch.cli.options import Db, db_path
from navarch.graph.counting import counted


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: navarch doctor --db navarch.db")(doctor)


def doctor(db: Db = None) -> None:
    """Check the installation and the memory.

    Also the devices, the settings and the prompts.
    """
    problems = 0
    for name, check in (
        ("python", _python),
        ("torch", _torch),
        ("torchvision", _torchvision),
        ("settings", _settings),
        ("prompts", _prompts),
        ("key", _key),
        ("memory", lambda: _memory(db)),
    ):
        try:
            echo(f"ok       {name:<12} {check()}")
        except NavarchError as error:
            problems += 1
            echo(f"problem  {name:<12} {error}")
    if problems:
        raise typer.Exit(2)


def _python() -> str:
    return f"{platform.python_version()} on {platform.machine()}, navarch {__version__} in {Path(sys.prefix).name}"


def _torch() -> str:
    from navarch.evaluation.device import describe_devices

    return describe_devices()


def _torchvision() -> str:
    from navarch.evaluation.vision import import_torchvision

    try:
        import_torchvision("transforms.v2")
        return f"{import_torchvision().__version__}, transforms and data sets work"
    except ImportError as error:
        raise NavarchError(
            f"torchvision cannot be imported ({error}): install it from constraints.txt"
        ) from None


def _settings() -> str:
    from navarch.graph.settings import SETTINGS_FILE, load_settings

    load_settings()
    return (
        f"{SETTINGS_FILE} is valid"
        if Path(SETTINGS_FILE).exists()
        else f"no {SETTINGS_FILE} here, defaults apply"
    )


def _prompts() -> str:
    from navarch.graph.settings import load_settings
    from navarch.prompts import PromptLibrary

    library = PromptLibrary(option=load_settings().prompts)
    problems = library.check()
    if problems:
        raise NavarchError(f"{problems[0]} ({len(problems)} in all): see `navarch prompts check`")
    own = sum(prompt.source != "default" for prompt in library.list())
    return f"{len(library.list())} prompts are fine, {own} of them your own"


def _key() -> str:
    from navarch.agents.redaction import KEY_VARIABLES, read_api_key

    found = read_api_key(os.environ) is not None
    return (
        "set (never shown, never stored)"
        if found
        else f"none: offline and local models only ({KEY_VARIABLES[0]})"
    )


def _memory(db: Path | None) -> str:
    from navarch.memory import Memory

    path = db_path(db)
    if not path.exists() and db is None:
        return f"{path} does not exist yet; the first run makes it"
    with Memory.open(path, create=False, read_only=True) as memory:
        problems = memory.check()
        if problems:
            raise NavarchError(f"{problems[0]} ({len(problems)} in all)")
        return f"{path} is whole: {counted(len(memory.runs()), 'run')}, every digest right"
