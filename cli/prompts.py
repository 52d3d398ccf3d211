"""`navarch prompts`: list, show, copy, check, render, diff, compare the text that models read."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from navarch import NavarchError
from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.estimates import about
from navarch.cli.options import AsJson, Db, Prompts, read_memory
from navarch.cli.prompt_comparison import compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from navarch.graph.settings import Settings
    from navarch.prompts import PromptLibrary

Name = Annotated[str, typer.Argument(help="A prompt's name, see `navarch prompts list`.", show_default=False)]

group = typer.Typer(help="List, copy, check and compare the text that models read.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(group, name="prompts")
    group.command("list", epilog="Example: navarch prompts list")(list_prompts)
    group.command(epilog="Example: navarch prompts show critic")(show)
    group.command(epilog="Example: navarch prompts copy generator")(copy)
    group.command(epilog="Example: navarch prompts check")(check)
    group.command(epilog="Example: navarch prompts render critic --run latest --round 2")(render)
    group.command(epilog="Example: navarch prompts diff generator")(diff)
    group.command(epilog="Example: navarch prompts compare r1,r2 r3,r4 --role generator")(compare)


def list_prompts(prompts: Prompts = None, as_json: AsJson = False) -> None:
    """List the prompts in force and the files that they come from."""
    library = _library(prompts)
    found, parts = library.list(), library.parts()
    if as_json:
        rows = [{"name": p.name, "source": p.source, "path": p.path, "digest": p.digest} for p in found]
        echo_json(
            [*rows, *({"name": p.name, "source": p.source, "path": p.path, "digest": None} for p in parts)]
        )
        return
    table = [[p.name, p.source, p.digest[:12], p.version, p.path] for p in found]
    table += [[p.name, p.source, None, None, p.path] for p in parts]
    echo_columns(("prompt", "source", "digest", "version", "file"), table, widest=100)


def show(name: Name, prompts: Prompts = None) -> None:
    """Print a prompt file as it is."""
    echo(_text(_library(prompts), name).rstrip("\n"))


def copy(
    name: Name,
    to: Annotated[Path, typer.Option(help="The folder to copy into.")] = Path("prompts"),
    prompts: Prompts = None,
) -> None:
    """Copy a prompt file into the project, where an edit changes the next call."""
    target = to / f"{name}.md"
    if target.exists():
        raise NavarchError(f"file {str(target)!r} exists already: edit it, or remove it first")
    text = _text(_library(prompts), name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NavarchError(f"file {str(target)!r} cannot be written: {error.strerror}") from None
    echo(f"copied to {target}; edit it, then: navarch prompts check")


def check(
    context: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Tokens that the model takes, prompt and reply. Default: what `navarch models check` found of the "
            "models in the settings.",
            show_default=False,
        ),
    ] = None,
    prompts: Prompts = None,
) -> None:
    """Check every prompt in force: syntax, unknown, missing and unused variables, and whether it fits the model.

    For its length a run of each workflow is rehearsed, with the space, the task and the budget of the settings.
    """
    from navarch.graph.task_settings import load_run_settings

    settings = load_run_settings(flags={} if prompts is None else {"prompts": prompts})
    library = _library(prompts)
    problems = [str(problem) for problem in library.check()]
    room = context or _known_context(settings)
    if room is not None and not problems:
        problems = list(_too_long(settings, library, room))
    for problem in problems:
        echo(problem, err=True)
    if problems:
        raise typer.Exit(2)
    echo(f"{len(library.list())} prompts are fine" + (f", and fit {room:,} tokens" if room else ""))


def _known_context(settings: "Settings") -> int | None:
    """Return the smallest context that is known of the models in the settings."""
    from navarch.agents.endpoint import remembered_dialect
    from navarch.agents.model import OPENAI_URL, check_base_url, parse_model_name, parse_replay

    names = (settings.model, *settings.roles.values(), *settings.server.fallback)
    live = [replay.live if (replay := parse_replay(name)) else name for name in names]
    models = [parse_model_name(name) for name in live if name is not None]
    url = check_base_url(settings.server.base_url or OPENAI_URL)
    known = (remembered_dialect(url, one.model).context for one in models if one.provider == "openai")
    return min((found for found in known if found is not None), default=None)


def _too_long(settings: "Settings", library: "PromptLibrary", context: int) -> "Iterator[str]":
    """Yield the prompts that cannot be sent with room for their reply, however few tokens their text makes."""
    from navarch.graph.forecast import longest_prompts

    for name, found in longest_prompts(settings, library).items():
        if found.longest.low + found.max_tokens > context:
            yield (
                f"{library.get(name).path}: is too long: it has about {about(found.longest)} tokens within "
                f"{settings.budget.trials} trials, its reply up to {found.max_tokens:,} (sampling.max_tokens), and the "
                f"model takes {context:,}: shorten it, or lower max_tokens"
            )


def render(
    name: Name,
    run: Annotated[str, typer.Option(help="A run id, a unique prefix, or `latest`.")] = "latest",
    round: Annotated[int, typer.Option(help="The round to render for.")] = 1,
    prompts: Prompts = None,
    db: Db = None,
) -> None:
    """Render a role's prompt as it stands now, with what the role saw in a round of a stored run."""
    from navarch.graph.rendering import render_again

    with read_memory(db) as memory:
        rendered = render_again(memory, memory.get_run(run), name, round, _library(prompts))
    for part, text in (("system", rendered.system), ("user", rendered.user)):
        if text:
            echo(f"--- {part}")
            echo(text)


def diff(name: Name, prompts: Prompts = None) -> None:
    """Show how the prompt in force differs from the installed default."""
    from navarch.prompts import PromptLibrary

    default = _text(PromptLibrary(project=None), name).splitlines()
    current = _text(_library(prompts), name).splitlines()
    changed = difflib.unified_diff(default, current, f"{name} (default)", f"{name} (in force)", lineterm="")
    echo("\n".join(changed) or f"{name} equals the installed default")


def _text(library: "PromptLibrary", name: str) -> str:
    """Return the text of a prompt, or of a part that prompts include (`parts/space`)."""
    for part in library.parts():
        if part.name == name:
            return part.text
    return library.get(name).text


def _library(first: Path | None) -> "PromptLibrary":
    from navarch.graph.settings import load_settings
    from navarch.prompts import PromptLibrary

    return PromptLibrary(option=first if first is not None else load_settings().prompts)
