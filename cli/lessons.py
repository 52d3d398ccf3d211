"""`navarch lessons rm`: take a lesson out of all later prompts by hand. `navarch show --lessons` lists them."""

from typing import Annotated

import typer

from navarch.cli.echo import echo
from navarch.cli.options import Db, Run, db_path

group = typer.Typer(no_args_is_help=True, help="Take lessons of a run out of its prompts.")


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    group.callback()(lessons)
    group.command(epilog="Example: navarch lessons rm latest 3")(rm)
    app.add_typer(group, name="lessons")


def lessons() -> None:
    """Take lessons of a run out of its prompts."""


def rm(
    name: Run,
    numbers: Annotated[
        list[int], typer.Argument(help="Numbers of lessons, as `navarch show --lessons` shows them.")
    ],
    db: Db = None,
) -> None:
    """Retire lessons: no later prompt of the run shows them, also while it runs.

    They stay in the memory, marked retired; what was asked before stays as it was.
    """
    from navarch.memory import Memory

    with Memory.open(db_path(db), create=False) as memory, memory.transaction():
        run_id = memory.get_run(name).run_id
        before = {row.number for row in memory.lessons(run_id)}
        over = max((row.round for row in memory.rounds(run_id) if row.state == "closed"), default=0)
        for number in numbers:
            memory.retire_lesson(run_id, number, over)
    for number in dict.fromkeys(numbers):
        echo(f"lesson {number} of {run_id} {'is' if number in before else 'was already'} retired")
