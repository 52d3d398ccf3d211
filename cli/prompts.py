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

group = typer.Typer(
    help="The text that models read: list, show, copy, check, render, diff.", no_args_is_help=True
)


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
    found = _library(prompts).list()
    if as_json:
        echo_json([{"name": p.name, "source": p.source, "path": p.path, "digest": p.digest} for p in found])
    else:
        rows = [[p.name, p.source, p.digest[:12], p.version, p.path] for p in found]
        echo_columns(("prompt", "source", "digest", "version", "file"), rows, widest=100)


def show(name: Name, prompts: Prompts = None) -> None:
    """Print a prompt file as it is."""
    echo(_library(prompts).get(name).text.rstrip("\n"))


def copy(
    name: Name,
    to: Annotated[Path, typer.Option(help="The folder to copy into.")] = Path("prompts"),
    prompts: Prompts = None,
) -> None:
    """Copy a prompt file into the project, where an edit changes the next call."""
    source = _library(prompts).get(name)
    target = to / f"{name}.md"
    if target.exists():
        raise NavarchError(f"file {str(target)!r} exists already: edit it, or remove it first")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(source.text, encoding="utf-8")
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

    default = PromptLibrary(project=None).get(name)
    current = _library(prompts).get(name)
    lines = difflib.unified_diff(
        default.text.splitlines(),
        current.text.splitlines(),
        f"default {name}",
        str(current.path),
        lineterm="",
    )
    changed = list(lines)
    echo("\n".join(changed) if changed else f"{name} is the installed default ({current.path})")


def _library(first: Path | None) -> "PromptLibrary":
    from navarch.graph.settings import load_settings
    from navarch.prompts import PromptLibrary

    return PromptLibrary(option=first if first is not None else load_settings().prompts)
