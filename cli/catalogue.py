"""`navarch tasks`, `workflows`, `graph`: what there is to choose from."""

from typing import Annotated

import typer

from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.options import AsJson


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: navarch tasks --json")(tasks)
    app.command(epilog="Example: navarch workflows")(workflows)
    app.command(epilog="Example: navarch graph navarch > graph.mmd")(graph)


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
