"""`navarch bench`: compare workflows on tasks over seeds, and report what a folder of such runs holds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navarch import NavarchError
from navarch.cli.echo import echo, echo_json
from navarch.cli.grid_work import work_on
from navarch.cli.options import AsJson
from navarch.cli.run_options import tell_unread
from navarch.graph.counting import counted

if TYPE_CHECKING:
    from navarch.graph.grid import Cell

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
    _tell_unread(flags, workflow, cells)
    work_on(cells, folder, jobs)
    _report(folder, reference, optima, as_json)


def _tell_unread(flags: Mapping[str, Any], variants: Sequence[str], cells: "Sequence[Cell]") -> None:
    """Say which settings no workflow of the grid reads, and which of its own a variant does not."""
    from navarch.graph.grid import folder_name, variant_flags
    from navarch.graph.unread import unread_by_all

    arms = [cell for cell in cells if cell.seed == cells[0].seed]  # other seeds read no other settings
    tell_unread(unread_by_all(flags, (arm.settings for arm in arms)))
    for variant in dict.fromkeys(variants):
        own = [arm.settings for arm in arms if arm.workflow == folder_name(variant)]
        tell_unread(unread_by_all(variant_flags(variant), own))


def report(
    out: Annotated[Path, typer.Argument(help="The folder of the runs.")] = OUT,
    reference: Reference = None,
    optimum: Optimum = None,
    as_json: AsJson = False,
) -> None:
    """Report what the finished runs of a folder show, and draw the figures."""
    _report(out, reference, _optima(optimum), as_json)


def _report(folder: Path, reference: str | None, optima: dict[str, float], as_json: bool) -> None:
    from navarch.cli.bench_tables import show_report
    from navarch.viewer.bench_report import make_reports
    from navarch.viewer.bench_results import read_results

    results = read_results(folder)
    if results.unfinished:
        echo(f"not finished and not in the report: {counted(results.unfinished, 'run')}", err=True)
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
        show_report(one, is_named=reference is not None, optimum=optima.get(one.task))
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
        if 0 < value <= 1:
            raise NavarchError(f"--optimum {text!r}: accuracies are in percent: write {task}={100 * value:g}")
        optima[task] = value
    return optima
