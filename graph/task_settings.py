"""Settings with what the named task says by itself: how it is measured, and of which space its table is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from navarch.evaluation import UnknownTaskError, get_task
from navarch.graph.settings import Settings, load_settings


def load_run_settings(
    file: Path | None = None, flags: Mapping[str, Any] | None = None, task: str | None = None
) -> Settings:
    """Return settings as `load_settings` does, with the evaluator of their task where nothing says another.

    The space is that of the task's table, where nothing names one and there is only one. task: in place of the one
    that the settings name. A path, which is no task by name, is trained on. Raises: NavarchError naming the key.
    """
    given = dict(flags or {})
    settings = load_settings(file, given if task is None else {**given, "task": task})
    if settings.task is None:
        return settings
    try:
        known = get_task(settings.task)
    except UnknownTaskError:
        return settings
    told: dict[str, object] = {}
    if "evaluator" not in settings.model_fields_set:
        told["evaluator"] = known.evaluator
    spaces = list(known.default_fidelity)
    if "space" not in settings.model_fields_set and len(spaces) == 1:
        told["space"] = spaces[0]
    return settings.model_copy(update=told)
