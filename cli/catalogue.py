"""`navarch spaces`, `tasks`, `workflows`, `graph`: what there is to choose from."""

from itertools import groupby
from typing import Annotated

import typer

from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.options import AsJson


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: navarch spaces nas-bench-201")(spaces)
    app.command(epilog="Example: navarch tasks --json")(tasks)
    app.command(epilog="Example: navarch workflows")(workflows)
    app.command(epilog="Example: navarch graph navarch > graph.mmd")(graph)


def spaces(
    name: Annotated[str | None, typer.Argument(help="Show one space.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """List the search spaces, or describe one."""
    from navarch.spaces import get_space, space_names

    if name is not None:
        space = get_space(name)
        if as_json:
            echo_json(
                {"name": space.name, "title": space.title, **space.describe(), "schema": space.json_schema()}
            )
            return
        echo(f"{space.name}: {space.title}, {space.size:,} architectures")
        echo(space.summary)
        for options, dimensions in groupby(space.dimensions, key=lambda dimension: dimension.options):
            echo()
            for dimension in dimensions:
                echo(f"{dimension.name}: {dimension.meaning}")
            echo_columns(
                ("code", "option", "meaning"), [[o.code, o.name, o.meaning] for o in options], widest=110
            )
        return
    found = [get_space(known) for known in space_names()]
    if as_json:
        echo_json(
            [
                {"name": s.name, "title": s.title, "size": s.size, "dimensions": len(s.dimensions)}
                for s in found
            ]
        )
    else:
        headings = ("space", "architectures", "dimensions", "what it is")
        echo_columns(headings, [[s.name, f"{s.size:,}", len(s.dimensions), s.title] for s in found])


def tasks(as_json: AsJson = False) -> None:
    """List the tasks: data set, split and metric."""
    from navarch.evaluation import get_task, task_names

    found = [get_task(name) for name in task_names()]
    rows = [
        {
            "task": task.name,
            "evaluator": task.evaluator,
            "classes": task.classes,
            "input": f"{task.in_channels}x{task.resolution}x{task.resolution}",
            "train_val_test": f"{task.train_size}/{task.val_size}/{task.test_size}",
            "title": task.title,
        }
        for task in found
    ]
    if as_json:
        echo_json(rows)
    else:
        echo_columns(tuple(rows[0]), [list(row.values()) for row in rows], widest=80)


def workflows(as_json: AsJson = False) -> None:
    """List the workflows."""
    from navarch.graph.workflows import WORKFLOWS

    if as_json:
        echo_json([{"workflow": w.name, "roles": w.roles, "summary": w.summary} for w in WORKFLOWS])
    else:
        rows = [[w.name, ", ".join(w.roles) or None, w.summary] for w in WORKFLOWS]
        echo_columns(("workflow", "roles", "what it does"), rows, widest=80)


def graph(
    name: Annotated[str, typer.Argument(help="A workflow, see `navarch workflows`.")] = "navarch",
) -> None:
    """Print a workflow's graph as a Mermaid picture."""
    from navarch.graph.workflows import get_workflow

    echo(get_workflow(name).build().compile().get_graph().draw_mermaid().rstrip())
