"""Work on what is left of a grid of runs, with a line on stderr for each run that ends."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from navarch import NavarchError
from navarch.cli.echo import echo
from navarch.cli.live_lines import rate_words
from navarch.cli.wording import accuracy, duration
from navarch.graph.counting import counted

if TYPE_CHECKING:
    from navarch.graph.grid import Cell
    from navarch.graph.grid_pool import CellEnd
    from navarch.graph.settings import Settings


def work_on(cells: "Sequence[Cell]", folder: Path, jobs: int | None, *, data: str = "") -> None:
    """Do what is not finished of the grid; a signal ends the command, and the same one goes on.

    data: what the evaluator reads, told if it cannot be made.
    """
    from navarch.graph.grid import notes_of, state_of
    from navarch.graph.grid_pool import run_grid

    left = [cell for cell in cells if state_of(cell) != "finished"]
    if len(left) < len(cells):
        echo(f"{len(cells) - len(left)} of {len(cells)} runs are finished already", err=True)
    if not left:
        return
    try:
        notes = notes_of(left)
    except NavarchError as error:
        raise NavarchError(f"{error}; what is needed is {data}" if data else str(error)) from None
    for note in notes:
        echo(f"note: {note}", err=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NavarchError(f"folder {str(folder)!r} cannot be made: {error.strerror}") from None
    signal = run_grid(left, jobs or _default_jobs(left[0].settings), folder, _teller(len(left)))
    if signal:
        echo("stopped; the same command goes on", err=True)
        raise typer.Exit(128 + signal)


def _teller(total: int) -> "Callable[[CellEnd], None]":
    """Return what tells of each run that ends: how many did, its result, and how long the rest may take."""
    began, done = time.monotonic(), 0

    def tell(end: "CellEnd") -> None:
        nonlocal done
        done += 1
        each = (time.monotonic() - began) / done
        left = f", about {duration(each * (total - done))} left" if done < total else ""
        state = "" if end.state == "finished" else f" {end.state}: {end.reason},"
        echo(
            f"{done}/{total} {end.cell.name}:{state} best {accuracy(end.best)}, {counted(end.trials, 'trial')} "
            f"in {end.wall_s:.1f} s; {rate_words(60 / each)} runs a minute{left}",
            err=True,
        )

    return tell


def _default_jobs(settings: "Settings") -> int:
    """Return how many runs the cores can take: a run that trains keeps several busy."""
    from navarch.evaluation.placement import usable_cores

    return max(1, usable_cores() // settings.slots)
