"""The `navarch` command: its groups, and the boundary where problems become one sentence and exit code 2."""

import os
import sys
from typing import Annotated

import typer

from navarch import NavarchError, __version__
from navarch.cli import (
    bench,
    catalogue,
    data,
    doctor,
    lessons,
    models,
    noise,
    plan,
    prompts,
    proxies,
    report,
    reproduce,
    run,
    runs,
    spaces,
    supernet,
    trace,
    transfer,
    why,
)
from navarch.cli.echo import echo

app = typer.Typer(
    name="navarch",
    help="Search neural architectures with four explicit LLM roles.",
    epilog="Example: navarch run --budget 8",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for module in (
    run,
    noise,
    plan,
    runs,
    report,
    trace,
    lessons,
    why,
    transfer,
    bench,
    reproduce,
    prompts,
    spaces,
    proxies,
    catalogue,
    models,
    data,
    supernet,
    doctor,
):
    module.add_to(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        echo(f"navarch {__version__}")
        raise typer.Exit


@app.callback()
def navarch(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave."),
    ] = False,
) -> None:
    """Search neural architectures with four explicit LLM roles on a LangGraph state machine."""


def _without_key(error: Exception) -> str:
    """Return an error's text with the key masked, should a value that it quotes hold it."""
    from navarch.agents.redaction import known_secrets, redact

    return redact(str(error), known_secrets(os.environ))


def main() -> None:
    """Run the command line: 0 done, 2 bad input, 130 or 143 interrupted."""
    try:
        app(prog_name="navarch")
    except NavarchError as error:
        echo(f"navarch: {_without_key(error)}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        echo("navarch: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if os.environ.get("NAVARCH_DEBUG"):
            raise
        kind = type(error).__name__
        echo(f"navarch: this is a bug: {kind}: {_without_key(error)}", err=True)
        echo(
            "navarch: what was finished is stored; NAVARCH_DEBUG=1 shows the traceback for a report", err=True
        )
        sys.exit(1)
