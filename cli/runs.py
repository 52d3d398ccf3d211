"""`navarch runs`, `show`, `best`: what the memory holds of runs."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from navarch import NavarchError
from navarch.cli.confirmation import confirmation_of
from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.facts import best_of, run_facts, trial_facts
from navarch.cli.options import AsJson, Db, LatestRun, db_path, read_memory
from navarch.cli.shown import show_once
from navarch.cli.summary import show_best
from navarch.graph.paths import db_flag

if TYPE_CHECKING:
    from navarch.memory import Memory, RunRow


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: navarch runs --json")(runs)
    app.command(epilog="Example: navarch show latest")(show)
    app.command(epilog="Example: navarch best latest")(best)


def runs(db: Db = None, as_json: AsJson = False) -> None:
    """List the runs, newest first."""
    from navarch.graph.result import state_now

    with read_memory(db) as memory:
        rows = [_listed(memory, row, state_now(row, memory.path)) for row in memory.runs()]
    if as_json:
        echo_json(rows)
        return
    headings = ("run", "state", "workflow", "space", "task", "seed", "trials", "best", "started")
    echo_columns(headings, [[row[name] for name in headings] for row in rows])
    for row in rows:
        if row["problem"]:
            echo(row["problem"])


def show(
    name: LatestRun = "latest",
    lessons: Annotated[
        bool, typer.Option("--lessons", help="Show the lessons, the retired ones too.")
    ] = False,
    is_followed: Annotated[
        bool,
        typer.Option("--follow", help="Look on while it works: running trials, their curves, what is left."),
    ] = False,
    db: Db = None,
    as_json: AsJson = False,
) -> None:
    """Show one run: its trials, its costs, its replies.

    Failed trials come with their reasons, models with how many of their replies could be used.
    """
    if is_followed:
        if lessons:
            raise NavarchError("--follow shows trials as they run: leave --lessons out")
        from navarch.cli.follow import follow

        with read_memory(db) as memory:
            follow(memory, db_path(db), name, as_json=as_json)
    else:
        show_once(name, db, lessons=lessons, as_json=as_json)


def best(name: LatestRun = "latest", db: Db = None, as_json: AsJson = False) -> None:
    """Show the best architecture of a run.

    It is chosen by validation, on fresh seeds where the run confirmed its best, and reported on test.
    """
    from navarch.graph.confirmation import score_of
    from navarch.graph.noise import NOISE
    from navarch.graph.settings import settings_of

    with read_memory(db) as memory:
        run = memory.get_run(name)
        row = best_of(memory, run)
        test = score_of(memory, row)
        confirmed = confirmation_of(memory, run.run_id, settings_of(run))
    if as_json:
        score = test.accuracy if test is not None else None
        facts = {"architecture": row.architecture, "macs": row.macs, "test_accuracy": score} if row else {}
        facts["confirmation"] = confirmed and confirmed.as_dict()
        echo_json({**trial_facts(row), **facts} if row else None)
    elif row is None:
        see = f"navarch show {run.run_id}{db_flag(db_path(db))}"
        if run.workflow == NOISE:
            echo(f"run {run.run_id} measured noise and searched nothing, so it has no best: see {see}")
        else:
            echo(f"run {run.run_id} has no complete trial that counts: see {see}")
    else:
        show_best(row, test, confirmed, is_finished=run.state == "finished")


def _listed(memory: "Memory", row: "RunRow", state: str) -> dict[str, Any]:
    """Return a run's facts, and what is wrong with it: one that cannot be read does not hide the others."""
    try:
        top, problem = best_of(memory, row), None
    except NavarchError as error:
        top, problem = None, str(error)
    return {**run_facts(memory, row, state, top), "problem": problem}
