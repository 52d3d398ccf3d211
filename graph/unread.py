"""What was given on the command line and means nothing to the run: settings that nothing of it reads.

A settings file may serve several workflows, so that only what is given for one run is looked at.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from navarch.graph.ablation import left_out
from navarch.graph.noise import NOISE, of_repeats
from navarch.graph.settings import Settings
from navarch.graph.workflows import get_workflow

_EVALUATORS = ("train", "table", "supernet", "callable")
_OF_ALL = {"train.seed", "table.latency", "search.patience"}
_OF_CALLS = ("budget.calls", "budget.tokens", "budget.money")
_OF_A_SEARCH = (
    "workflow",
    "obfuscate",
    "target",
    "search",
    "proxies",
    "confirm",
    "collm",
    "seki",
    "server",
    "model",
    "roles",
    "without",
    "prompts",
)


def unread(given: Mapping[str, Any], settings: Settings, *, is_noise: bool = False) -> dict[str, str]:
    """Return the dotted keys of `given`, nested as for `load_settings`, that a run does not read, each with the reason.

    is_noise: the run measures noise, and searches nothing. Raises: NavarchError for an unknown workflow of a search.
    """
    reasons = {}
    settings = of_repeats(settings) if is_noise else settings
    for key in _keys(given):
        section = key.partition(".")[0]
        if is_noise and section in _OF_A_SEARCH:
            reasons[key] = f"`navarch {NOISE}` searches nothing"
        elif key not in _OF_ALL and (reason := _reason(key, settings)):
            reasons[key] = reason
    return reasons


def unread_by_all(given: Mapping[str, Any], runs: Iterable[Settings]) -> dict[str, str]:
    """Return the keys of `given` that none of several runs reads, each with the reason of the first."""
    first, *others = (unread(given, settings) for settings in runs)
    return {key: reason for key, reason in first.items() if all(key in other for other in others)}


def _reason(key: str, settings: Settings) -> str:
    """Return why a run does not read a setting, "" where it does."""
    section, _, name = key.partition(".")
    workflow = get_workflow(settings.workflow).leaving_out(left_out(settings))
    models = {role: settings.model_of(role) for role in workflow.roles}
    if section in _EVALUATORS:
        is_read, why = (
            section == settings.evaluator,
            f"trials are measured by evaluator {settings.evaluator!r}",
        )
    elif section in ("collm", "seki"):
        is_read, why = section == workflow.section, f"no part of workflow {workflow.name!r}"
    elif section == "search":
        is_read, why = name in workflow.uses, f"no part of workflow {workflow.name!r}"
    elif section in ("model", "prompts"):
        is_read, why = bool(models), f"workflow {workflow.name!r} has no roles"
    elif section == "roles":
        is_read, why = name in models, f"no {name} takes part in workflow {workflow.name!r}"
    elif key in _OF_CALLS:
        is_read, why = bool(models), f"workflow {workflow.name!r} has no roles, and calls no model"
    elif section == "server":
        is_read, why = any(model != "offline" for model in models.values()), "no role is asked of a model"
    elif section == "proxies":
        is_read, why = bool(settings.proxies.names), "proxies.names is empty"
    elif key == "confirm.seeds":
        is_read, why = settings.confirm.top > 0, "confirm.top is 0"
    else:
        return ""
    return "" if is_read else why


def _keys(given: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys; sizes of a skeleton and the like are one setting with their table."""
    for key, value in given.items():
        if isinstance(value, Mapping) and not prefix:
            yield from _keys(value, f"{key}.")
        else:
            yield prefix + key
