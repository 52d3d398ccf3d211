"""`navarch reproduce`: run the rows of a published table, and print ours beside the published figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navarch import NavarchError
from navarch.cli.bench_tables import estimate_text
from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.grid_work import work_on
from navarch.cli.options import AsJson

if TYPE_CHECKING:
    from navarch.viewer.reproduce import Shown
    from navarch.viewer.reproduce_recipe import Recipe

OUT = Path("reproduce")


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: navarch reproduce nb201-baselines --seeds 3 --set table.path=nb201.csv.gz")(
        reproduce
    )


def reproduce(
    name: Annotated[
        str | None, typer.Argument(help="A recipe; without one they are listed.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="openai:NAME: plays the roles of the rows that need a model.", show_default=False),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="An OpenAI-compatible server, http://HOST:PORT/v1.", show_default=False)
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, max=100_000, help="Runs of each row. Default: the recipe's.", show_default=False),
    ] = None,
    budget: Annotated[
        int | None,
        typer.Option(
            min=1, help="Trials of every run in place of the recipe's: for a quick look.", show_default=False
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE: any setting, such as table.path=FILE.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The folder of the runs. Default: reproduce/NAME.", show_default=False),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs at once. Default: as many as cores.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Reproduce a published table: run its rows, and print ours beside the published figures.

    The same command goes on after a kill, and prints the table when nothing is left to do.
    """
    if name is None:
        _list(as_json)
        return
    from navarch.graph.settings import assign
    from navarch.viewer.reproduce import NO_MODEL, plan_recipe, show_entries
    from navarch.viewer.reproduce_recipe import load_recipe

    if model == "offline":
        raise NavarchError(
            "--model offline: rows with offline roles are run without it; name a model server's model"
        )
    flags: dict[str, Any] = {}
    for assignment in assignments or []:
        assign(flags, assignment)
    recipe = load_recipe(name)
    folder = out or OUT / name
    entries = plan_recipe(
        recipe, folder, seeds=seeds, trials=budget, model=model, base_url=base_url, flags=flags
    )
    waiting = sorted({entry.row.name for entry in entries if entry.why_not == NO_MODEL})
    if waiting:
        echo(f"these rows need a language model, --model openai:NAME: {', '.join(waiting)}", err=True)
    cells = {cell.settings.db: cell for entry in entries for cell in entry.cells}
    work_on(sorted(cells.values(), key=lambda cell: cell.seed), folder, jobs, data=recipe.data)
    shown = show_entries(recipe, entries)
    if as_json:
        cases = {case: [row.as_dict() for row in rows] for case, rows in shown.items()}
        facts = {"recipe": name, "source": recipe.source, "cautions": recipe.cautions, "trials": budget}
        echo_json({**facts, "cases": cases})
        return
    echo(recipe.title)
    echo(f"published: {recipe.source}")
    echo("ours: of the best by validation, percent, mean over the runs [95 % bootstrap interval]")
    if budget is not None:
        echo(
            f"budgets are not the recipe's: every run had {budget} trials, so figures are not to be compared"
        )
    for case, rows in shown.items():
        echo()
        _show_case(recipe, case, rows)
    echo()
    echo("read with care")
    for caution in recipe.cautions:
        echo(f"- {caution}")


def _list(as_json: bool) -> None:
    from navarch.viewer.reproduce_recipe import load_recipe, recipe_names

    found = [(name, load_recipe(name)) for name in recipe_names()]
    rows = [
        {
            "recipe": name,
            "rows": len(recipe.rows),
            "cases": len(recipe.cases),
            "trials": recipe.trials,
            "seeds": recipe.seeds,
            "title": recipe.title,
            "data": recipe.data,
        }
        for name, recipe in found
    ]
    if as_json:
        echo_json(rows)
        return
    headings = ("recipe", "rows", "cases", "trials", "seeds", "title")
    echo_columns(headings, [[row[heading] for heading in headings] for row in rows], widest=120)


def _show_case(recipe: "Recipe", case: str, rows: "list[Shown]") -> None:
    headings = [case, "trials", "published val", "published test", "val", "test"]
    headings += ["by test", "runs", ""] if recipe.by_test else ["runs", ""]
    lines = []
    for row in rows:
        figure = row.published
        published = (_figure(figure.val, figure.val_spread), _figure(figure.test, figure.test_spread))
        trials = "" if row.trials is None else str(row.trials)
        line: list[object] = [row.row, trials, *published, estimate_text(row.val), estimate_text(row.test)]
        line += [estimate_text(row.by_test)] if recipe.by_test else []
        lines.append([*line, f"{row.finished}/{row.runs}" if row.runs else "", row.note])
    echo_columns(headings, lines)


def _figure(value: float | None, spread: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:.2f}" + (f" ± {spread:.2f}" if spread is not None else "")
