"""`navarch export`, `navarch import`: a run as one file, and back into a memory."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from navarch.cli.echo import echo
from navarch.cli.options import Db, Run, db_path, read_memory
from navarch.graph.paths import db_flag

if TYPE_CHECKING:
    from navarch.memory import Taken


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: navarch export r1 -o run.db")(export)
    app.command("import", epilog="Example: navarch import run.db")(import_runs)


def export(
    name: Run,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The new file, a memory of its own.", show_default=False)
    ],
    db: Db = None,
) -> None:
    """Write a run to one file, to show or replay it elsewhere.

    With it go the runs whose trials it reuses. Every command reads the file with --db.
    """
    with read_memory(db) as memory:
        run_id = memory.get_run(name).run_id
        others = [taken.run_id for taken in memory.export_run(run_id, out) if taken.run_id != run_id]
    reused = f" with {', '.join(others)}, whose trials it reuses" if others else ""
    echo(f"exported {run_id}{reused} to {out} ({-(-out.stat().st_size // 1024)} kB)")
    echo(f"replay it: navarch run{db_flag(out)} --model replay:{run_id}")


def import_runs(
    file: Annotated[Path, typer.Argument(help="A file of `navarch export`.", show_default=False)],
    db: Db = None,
) -> None:
    """Take the runs of an exported file into the memory.

    A run whose id is taken gets a free one. Commands and servers of their settings stay behind.
    """
    from navarch.graph.replaying import without_reach
    from navarch.memory import Memory

    path = db_path(db)
    with Memory.open(file, create=False, read_only=True) as source:
        source.get_run("latest")  # a file that cannot be read, or holds no run, makes no memory
    with Memory.open(path) as memory:
        all_taken = memory.import_runs(file, without_reach)
    for taken in all_taken:
        echo(_told(taken))
    echo(f"replay it: navarch run{db_flag(path)} --model replay:{all_taken[-1].new_id}")


def _told(taken: "Taken") -> str:
    name = taken.run_id if taken.run_id == taken.new_id else f"{taken.run_id} as {taken.new_id}"
    return f"imported {name}" if taken.is_new else f"{name} is here already"
