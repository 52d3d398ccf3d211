"""`navarch report`: one page of a run, to read and to hand on."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from navarch import NavarchError
from navarch.cli.echo import echo
from navarch.cli.options import Db, LatestRun, read_memory

_FORMS = (".html", ".md")


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: navarch report latest --output report.html")(report)


def report(
    name: LatestRun = "latest",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The file: .html, or .md without figures. Default: RUN.html.",
            show_default=False,
        ),
    ] = None,
    db: Db = None,
) -> None:
    """Write the report of one run: the best and how sure that is, every trial, noise, failures, costs, settings.

    One page without scripts that loads nothing. A file of that name is replaced.
    """
    if output is not None and output.suffix.lower() not in _FORMS:
        raise NavarchError(
            f"--output {str(output)!r}: end the name in {' or '.join(_FORMS)}, the forms of a report"
        )
    from navarch.viewer.run_facts import read_run
    from navarch.viewer.run_report import write_report

    with read_memory(db) as memory:
        facts = read_run(memory, name)
    file = output or Path(Path(f"{facts.run.run_id}.html").name)  # a run of elsewhere may be called anything
    _write(file, write_report(facts, is_markdown=file.suffix.lower() == ".md"))
    echo(f"report of {facts.run.run_id}: {file}")


def _write(file: Path, text: str) -> None:
    """Put the text into a file at once, so that half a report is never seen."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        raise NavarchError(f"file {str(file)!r} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            draft.unlink()
