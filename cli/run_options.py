"""The flags that say what a run is, shared by the commands that take them, and the settings that they make."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navarch import NavarchError
from navarch.cli.echo import echo
from navarch.cli.options import ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from navarch.graph.settings import Settings

Config = Annotated[
    Path | None,
    typer.Argument(help="A settings file. Default: ./navarch.toml, if there.", show_default=False),
]
WorkflowName = Annotated[str | None, typer.Option(help="See `navarch workflows`.", show_default=False)]
SpaceName = Annotated[
    str | None, typer.Option(help="See `navarch spaces`; or a .toml file.", show_default=False)
]
Obfuscate = Annotated[
    int | None,
    typer.Option(
        help="Hide the space from models under neutral names, drawn by this seed.", show_default=False
    ),
]
TaskName = Annotated[str | None, typer.Option(help="See `navarch tasks`.", show_default=False)]
EvaluatorName = Annotated[
    str | None,
    typer.Option(
        help="train, table, supernet or callable. Default: that of the task, else train.", show_default=False
    ),
]
ModelName = Annotated[
    str | None, typer.Option(help="openai:NAME, offline, or replay:RUN: for all roles.", show_default=False)
]
BaseUrl = Annotated[
    str | None, typer.Option(help="An OpenAI-compatible server, http://HOST:PORT/v1.", show_default=False)
]
RoleModels = Annotated[
    list[str] | None, typer.Option(help="ROLE=MODEL: another model for one role.", show_default=False)
]
Without = Annotated[
    list[str] | None,
    typer.Option(help="Leave out a role: critic, navigator or distiller.", show_default=False),
]
NoMemory = Annotated[bool, typer.Option("--no-memory", help="Switch the memory of the roles off.")]
BudgetText = Annotated[
    str | None,
    typer.Option(help="Trials, or trials=N,calls=N,tokens=N,money=M,seconds=S.", show_default=False),
]
Seed = Annotated[int | None, typer.Option(help="Search seed.", show_default=False)]
Target = Annotated[
    float | None, typer.Option(help="Stop at this validation accuracy, percent.", show_default=False)
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="KEY=VALUE: any setting, such as train.slots=1.", show_default=False),
]


def read_settings(
    config: Path | None,
    given: dict[str, Any],
    *,
    base_url: str | None = None,
    budget: str | None = None,
    roles: list[str] | None = None,
    assignments: list[str] | None = None,
    no_memory: bool = False,
    is_noise: bool = False,
    is_one_run: bool = True,
) -> "Settings":
    """Return the settings of a run: `given` are the flags that are named as their setting, None where not given.

    What of them the run does not read is said on stderr, if they are for one run; is_noise: it measures noise.
    Raises: NavarchError.
    """
    from navarch.graph.ablation import forget
    from navarch.graph.replaying import repeat_flags
    from navarch.graph.settings import load_settings
    from navarch.graph.task_settings import load_run_settings
    from navarch.graph.unread import unread

    _refuse_other_roles(given.get("without"))
    flags = {name: value for name, value in given.items() if value is not None}
    flags = _nested(flags, base_url, budget, roles or [], assignments or [])
    layered = flags
    if "model" in flags:
        layered = repeat_flags(flags, flags["model"], flags.get("db") or load_settings(config).db)
    settings = load_run_settings(config, layered)
    settings = forget(settings) if no_memory else settings
    if is_one_run:
        tell_unread(unread(flags, settings, is_noise=is_noise))
    return settings


def tell_unread(reasons: "Mapping[str, str]") -> None:
    """Say on stderr which settings are not read, those of one reason together."""
    for reason in dict.fromkeys(reasons.values()):
        keys = [key for key, why in reasons.items() if why == reason]
        listed = ", ".join(keys[:-1]) + " and " + keys[-1] if len(keys) > 1 else keys[0]
        echo(f"note: {listed} {'are' if len(keys) > 1 else 'is'} not read: {reason}", err=True)


def _refuse_other_roles(names: list[str] | None) -> None:
    for name in names or []:
        if name not in ROLES:
            raise NavarchError(f"--without {name!r}: name a role of {', '.join(ROLES)}")


def _nested(
    flags: dict[str, Any], base_url: str | None, budget: str | None, roles: list[str], assignments: list[str]
) -> dict[str, Any]:
    from navarch.graph.settings import assign, parse_budget

    if base_url is not None:
        flags["server"] = {"base_url": base_url}
    if budget is not None:
        flags["budget"] = parse_budget(budget)
    for role in roles:
        name, separator, model = role.partition("=")
        if not separator or not model or name not in ROLES:
            raise NavarchError(f"--role {role!r}: write ROLE=MODEL with a role of {', '.join(ROLES)}")
        flags.setdefault("roles", {})[name] = model
    for assignment in assignments:
        assign(flags, assignment)
    return flags
