"""`navarch prompts`: list, show, copy, check, render, diff the text that models read."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from navarch import NavarchError
from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.options import AsJson, Db, Prompts, read_memory

if TYPE_CHECKING:
    from navarch.prompts import PromptLibrary

Name = Annotated[str, typer.Argument(help="A prompt's name, see `navarch prompts list`.", show_default=False)]

group = typer.Typer(help="List, edit and check the text that models read.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(group, name="prompts")
    group.command("list", epilog="Example: navarch prompts list")(list_prompts)
    group.command(epilog="Example: navarch prompts show critic")(show)
    group.command(epilog="Example: navarch prompts copy generator")(copy)
    group.command(epilog="Example: navarch prompts check")(check)
    group.command(epilog="Example: navarch prompts render critic --run latest --round 2")(render)
    group.command(epilog="Example: navarch prompts diff generator")(diff)


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


def check(prompts: Prompts = None) -> None:
    """Check every prompt in force: syntax, unknown, missing and unused variables."""
    library = _library(prompts)
    problems = library.check()
    for problem in problems:
        echo(str(problem), err=True)
    if problems:
        raise typer.Exit(2)
    echo(f"{len(library.list())} prompts are fine")


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
