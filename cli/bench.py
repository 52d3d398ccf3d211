"""`navarch bench`: compare workflows on tasks over seeds, and report what a folder of such runs holds."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navarch import NavarchError
from navarch.cli.echo import echo, echo_json
from navarch.cli.options import AsJson
from navarch.cli.wording import accuracy

if TYPE_CHECKING:
    from navarch.graph.grid import Cell
    from navarch.graph.grid_pool import CellEnd
    from navarch.graph.settings import Settings

OUT = Path("bench")
FIGURES = "figures"

Optimum = Annotated[
    list[str] | None,
    typer.Option(
        "--optimum",
        help="TASK=PERCENT: the best validation accuracy there is, if known: the figure is of the regret.",
        show_default=False,
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference",
        help="The workflow to compare with. Default: the best classical one.",
        show_default=False,
    ),
]

group = typer.Typer(invoke_without_command=True)


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(group, name="bench")
    group.callback(
        epilog="Example: navarch bench --workflow navarch --workflow random --seeds 10 --budget 24"
    )(bench)
    group.command(epilog="Example: navarch bench report bench --json")(report)


def bench(
    context: typer.Context,
    workflow: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME, or NAME,KEY=VALUE for a variant; see `navarch workflows`; once for each.",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(help="See `navarch tasks`; once for each. Default: as for run.", show_default=False),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100_000, help="Seeds 0 to N-1.")] = 10,
    budget: Annotated[
        str | None,
        typer.Option(help="Of each run: trials, or trials=N,calls=N,tokens=N.", show_default=False),
    ] = None,
    obfuscate: Annotated[
        int | None,
        typer.Option(help="Hide the space from models under neutral names.", show_default=False),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE: any setting, such as table.path=FILE.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A settings file. Default: ./navarch.toml, if there.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder of the runs. Default: bench.", show_default=False)
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Runs at once. Default: cores over trials at once.", show_default=False),
    ] = None,
    reference: Reference = None,
    optimum: Optimum = None,
    as_json: AsJson = False,
) -> None:
    """Compare workflows: run each on every task with every seed, then report.

    Every run has a memory of its own in the folder --out. The same command goes on after a kill, does only what
    is missing when more is asked for, and prints the report when nothing is.
    """
    if context.invoked_subcommand is not None:
        if any((workflow, task, budget, assignments, config, out, jobs, reference, optimum, as_json)):
            raise NavarchError(
                f"put options behind the command: navarch bench {context.invoked_subcommand} --json"
            )
        return
    if not workflow:
        raise NavarchError("bench needs workflows to compare: give --workflow, once for each")
    from navarch.graph.grid import plan_grid
    from navarch.graph.settings import assign, parse_budget

    flags: dict[str, Any] = {} if obfuscate is None else {"obfuscate": obfuscate}
    if budget is not None:
        flags["budget"] = parse_budget(budget)
    for assignment in assignments or []:
        assign(flags, assignment)
    folder, optima = out or OUT, _optima(optimum)
    cells = plan_grid(folder, workflow, task or [], range(seeds), file=config, flags=flags)
    _refuse_strangers(reference, optima, {cell.workflow for cell in cells}, {cell.task for cell in cells})
    _work(cells, folder, jobs)
    _report(folder, reference, optima, as_json)


def report(
    out: Annotated[Path, typer.Argument(help="The folder of the runs.")] = OUT,
    reference: Reference = None,
    optimum: Optimum = None,
    as_json: AsJson = False,
) -> None:
    """Report what the finished runs of a folder show, and draw the figures."""
    _report(out, reference, _optima(optimum), as_json)


def _work(cells: "Sequence[Cell]", folder: Path, jobs: int | None) -> None:
    """Do what is not finished of the grid, with a line on stderr for each run that ends."""
    from navarch.graph.grid import notes_of, state_of
    from navarch.graph.grid_pool import run_grid

    left = [cell for cell in cells if state_of(cell) != "finished"]
    if len(left) < len(cells):
        echo(f"{len(cells) - len(left)} of {len(cells)} runs are finished already", err=True)
    if not left:
        return
    for note in notes_of(left):
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
        rest = (time.monotonic() - began) / done * (total - done)
        state = "" if end.state == "finished" else f" {end.state}: {end.reason},"
        echo(
            f"{done}/{total} {end.cell.name}:{state} best {accuracy(end.best)}, {end.trials} trials "
            f"in {end.wall_s:.1f} s; about {_duration(rest)} left",
            err=True,
        )

    return tell


def _report(folder: Path, reference: str | None, optima: dict[str, float], as_json: bool) -> None:
    from navarch.cli.bench_tables import show_report
    from navarch.viewer.bench_report import make_reports
    from navarch.viewer.bench_results import read_results

    results = read_results(folder)
    if results.unfinished:
        echo(f"{results.unfinished} runs are not finished and not in the report", err=True)
    reports = make_reports(results.cells, reference)
    _refuse_strangers(
        reference, optima, {cell.workflow for cell in results.cells}, {cell.task for cell in results.cells}
    )
    from navarch.viewer.curves import draw_curves

    files = draw_curves(reports, folder / FIGURES, optima)
    if as_json:
        echo_json({"unfinished": results.unfinished, "tasks": [one.as_dict() for one in reports]})
        return
    for one in reports:
        show_report(one, is_named=reference is not None)
    for file in files:
        echo(f"figure {file}")


def _refuse_strangers(
    reference: str | None, optima: dict[str, float], workflows: set[str], tasks: set[str]
) -> None:
    """Raise for a name that no run here has, before any work is done for it."""
    if reference is not None and reference not in workflows:
        raise NavarchError(
            f"--reference {reference!r} is none of the workflows: {', '.join(sorted(workflows))}"
        )
    for task in optima:
        if task not in tasks:
            raise NavarchError(
                f"--optimum names the task {task!r}; the tasks are: {', '.join(sorted(tasks))}"
            )


def _optima(given: Sequence[str] | None) -> dict[str, float]:
    optima = {}
    for text in given or []:
        task, separator, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not separator or not task or not 0 <= value <= 100:
            raise NavarchError(f"--optimum {text!r}: write TASK=PERCENT, such as nb201-cifar10=91.61")
        optima[task] = value
    return optima


def _default_jobs(settings: "Settings") -> int:
    """Return how many runs the cores can take: a run that trains keeps several busy."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    slots = {"train": settings.train.slots, "callable": settings.callable.slots}
    return max(1, cores // slots.get(settings.evaluator, 1))


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
