"""The settings of a run as its report shows them: those that were changed, and no folder of this machine."""

import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from navarch.agents.model import parse_replay
from navarch.graph.settings import Settings


def changed_settings(settings: Settings) -> Iterator[tuple[str, Any]]:
    """Yield the settings that are not the default, by their dotted names; those of other evaluators left out."""
    others = {"table", "supernet", "callable"} - {settings.evaluator}
    default = Settings().model_dump(mode="json")
    for name, value in portable(settings.model_dump(mode="json")).items():
        if name in others:
            continue
        if isinstance(value, dict) and isinstance(default[name], dict) and default[name]:
            for key, inner in value.items():
                if inner != default[name].get(key):
                    yield f"{name}.{key}", inner
        elif value != default[name] and name != "db":
            yield name, value


def portable(value: Any) -> Any:
    """Return settings with the names of files and folders alone, not where they lay on this machine."""
    if isinstance(value, dict):
        return {name: (_command if name == "command" else portable)(inner) for name, inner in value.items()}
    if not isinstance(value, str):
        return value
    replayed = parse_replay(value) if value.startswith("replay:") else None
    if replayed is not None and replayed.file is not None:
        return str(replayed._replace(file=Path(replayed.file.name)))
    return Path(value).name or value if Path(value).is_absolute() else value


def _command(value: Any) -> Any:
    """Return a command with the names of its files alone."""
    with suppress(ValueError):  # an open quote
        return shlex.join(map(portable, shlex.split(value))) if isinstance(value, str) else value
    return value
