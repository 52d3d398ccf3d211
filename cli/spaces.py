"""`navarch spaces`: list the search spaces, show one or one of its architectures, cost architectures in bulk."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navarch import NavarchError
from navarch.cli.architectures import Reading, decode_line, read_architecture, read_lines
from navarch.cli.costs import Setting, costs_of, facts_of
from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.options import AsJson

if TYPE_CHECKING:
    from navarch.spaces import Dimension, SearchSpace

_LARGEST_EXACT = 10**9  # from here on a size is shown as a power of ten
_NEIGHBOURS_WIDTH = 50  # characters
_NARROWEST = 80  # characters; a drawing is not squeezed further

Name = Annotated[
    str, typer.Argument(help="A space's name, see `navarch spaces`, or a .toml file.", show_default=False)
]
Classes = Annotated[
    int | None, typer.Option("--classes", help="Classes. Default: the published number.", show_default=False)
]
Side = Annotated[
    int | None,
    typer.Option(
        "--input", help="Side of the image in pixels. Default: the published one.", show_default=False
    ),
]
Channels = Annotated[
    int | None,
    typer.Option(
        "--channels", help="Channels of the image. Default: the published number.", show_default=False
    ),
]

Skeleton = Annotated[
    list[str] | None,
    typer.Option(
        "--skeleton",
        help="NAME=SIZE: a size around the searched part, such as width=16. Default: the published one.",
        show_default=False,
    ),
]

group = typer.Typer(invoke_without_command=True)


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(group, name="spaces")
    group.callback(epilog="Example: navarch spaces")(list_spaces)
    group.command(epilog="Example: navarch spaces show nas-bench-201 333132 -o cell.svg")(show)
    group.command(epilog="Example: navarch spaces cost nas-bench-201 --classes 100 < cells.txt")(cost)


def list_spaces(context: typer.Context, as_json: AsJson = False) -> None:
    """List the search spaces; show, draw and cost architectures.

    Without a command: the spaces, how large they are, and what can evaluate them.
    """
    if context.invoked_subcommand is not None:
        if as_json:
            raise NavarchError(
                f"put --json behind the command: navarch spaces {context.invoked_subcommand} --json"
            )
        return
    from navarch.spaces import get_space, space_names

    rows = []
    for name in space_names():
        try:
            space = get_space(name)
        except NavarchError as error:  # one that another package offers; it must not hide the others
            echo(str(error), err=True)
            continue
        rows.append((space.name, space.size, len(space.dimensions), _evaluators(space.name), space.title))
    if as_json:
        keys = ("name", "size", "dimensions", "evaluators", "title")
        echo_json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    shown = [(name, _count(size), n, ", ".join(can), title) for name, size, n, can, title in rows]
    echo_columns(("space", "architectures", "dimensions", "evaluators", "what it is"), shown)


def show(
    name: Name,
    architecture: Annotated[
        str | None,
        typer.Argument(
            metavar="ARCH", help="An architecture: code, published encoding or JSON.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Draw the architecture into this .svg file.", show_default=False),
    ] = None,
    classes: Classes = None,
    side: Side = None,
    channels: Channels = None,
    skeleton: Skeleton = None,
    as_json: AsJson = False,
) -> None:
    """Describe a space, or show, cost and draw one architecture of it."""
    from navarch.spaces import get_space

    space, setting = get_space(name), Setting.checked(classes, side, channels, skeleton or ())
    if architecture is None:
        if output is not None or setting != Setting():
            raise NavarchError(
                "-o, --classes, --input, --channels and --skeleton are about an architecture: give one after NAME"
            )
        _describe(space, as_json)
        return
    reading = read_architecture(space, architecture.strip())
    facts = facts_of(reading, setting)
    if output is not None:
        _draw(reading, output)
    if as_json:
        echo_json(facts)
    else:
        _show_facts(space, reading, facts)
    if output is not None:
        echo(f"drawn into {output}", err=as_json)


def cost(
    name: Name,
    classes: Classes = None,
    side: Side = None,
    channels: Channels = None,
    skeleton: Skeleton = None,
) -> None:
    """Cost architectures: one a line in, JSON out.

    A line on standard input is a published encoding, a code, or JSON. Each gives one line: a JSON object with params,
    macs, the canonical form and the digest, or the number of the line and an error. The exit code is 1 if there
    were errors.
    """
    from navarch.spaces import get_space

    space, setting = get_space(name), Setting.checked(classes, side, channels, skeleton or ())
    setting.probe(space)
    all_good = True
    for number, line in read_lines(sys.stdin.buffer):
        record: dict[str, Any]
        try:
            text = decode_line(line)
            if not text:
                continue
            reading = read_architecture(space, text)
            record = {} if reading.space is space else {"space": reading.space.name}
            record |= costs_of(reading, setting)
        except NavarchError as error:
            all_good = False
            record = {"line": number, "error": str(error)}
        echo(json.dumps(record))
    if not all_good:
        raise typer.Exit(1)


def _show_facts(space: "SearchSpace", reading: Reading, facts: dict[str, Any]) -> None:
    from navarch.viewer import draw_text

    read, near = facts["input"], facts["neighbours"]
    image = f"{read['in_channels']}x{read['resolution']}x{read['resolution']}"
    some = near[: max(1, _NEIGHBOURS_WIDTH // (len(facts["code"]) + 2))]
    rest = ", ..." if len(near) > len(some) else ""
    if reading.space is not space:
        echo(f"{space.name} does not hold it: it is of {reading.space.name}")
    lines = {
        "code": facts["code"],
        "genotype": facts["genotype"] if facts["genotype"] != facts["code"] else None,
        "canonical": facts["canonical"],
        "digest": facts["digest"],
        "input": f"{image}, {read['classes']:,} classes",
        "params": f"{facts['params']:,}",
        "macs": f"{facts['macs']:,}",
        **{key: f"{value:,}" for key, value in facts["other_costs"].items()},
        "neighbours": f"{len(near):,} one edit away: {', '.join(some)}{rest}",
    }
    width = max(map(len, lines))
    for key, value in lines.items():
        if value is not None:
            echo(f"{key.ljust(width)}  {value}")
    echo()
    if (read["in_channels"], read["resolution"], read["classes"]) != _published(reading):
        echo("the drawing is that of the published input")
    width = max(get_terminal_size().columns, _NARROWEST)
    echo(draw_text(reading.space.sketch(reading.architecture), width))


def _published(reading: Reading) -> tuple[int, int, int]:
    """Return channels, side and classes of the input that a drawing shows."""
    space, given = reading.space, reading.space.input
    return given.channels, space.input_side(reading.architecture, given.resolution), given.classes


def _draw(reading: Reading, file: Path) -> None:
    from navarch.viewer import draw_svg

    if file.suffix.lower() != ".svg":
        raise NavarchError(f"file {str(file)!r} must end in .svg, the format of the drawing")
    if not file.parent.is_dir():
        raise NavarchError(f"folder {str(file.parent)!r} does not exist: make it before drawing into it")
    drawing = draw_svg(reading.space.sketch(reading.architecture), reading.space.structure.options)
    try:
        file.write_text(drawing, encoding="utf-8")
    except OSError as error:
        raise NavarchError(f"file {str(file)!r} cannot be written: {error.strerror}") from None


def _describe(space: "SearchSpace", as_json: bool) -> None:
    if as_json:
        head = {"name": space.name, "title": space.title, "input": asdict(space.input)}
        rest = {
            "siblings": space.siblings,
            "evaluators": _evaluators(space.name),
            "schema": space.json_schema(),
        }
        echo_json({**head, **space.describe(), **rest})
        return
    read = space.input
    echo(f"{space.name}: {space.title}, {_count(space.size)} architectures")
    echo(space.summary)
    echo()
    echo(f"published input: {read.channels}x{read.resolution}x{read.resolution}, {read.classes:,} classes")
    echo(f"evaluators: {', '.join(_evaluators(space.name))}")
    for dimensions in _alike(space.dimensions):
        echo()
        for dimension in dimensions:
            echo(f"{dimension.name}: {dimension.meaning}{_when(dimension)}")
        options = dimensions[0].options
        echo_columns(
            ("code", "option", "meaning"), [[o.code, o.name, o.meaning] for o in options], widest=160
        )
    if space.rules:
        echo()
        echo("rules")
        for rule in space.rules:
            echo(f"- {rule}")
    if space.structure.constraints:
        echo()
        echo("constraints")
        for why in dict.fromkeys(constraint.why for constraint in space.structure.constraints):
            echo(f"- {why}")


def _alike(dimensions: Iterable["Dimension"]) -> "list[list[Dimension]]":
    """Return the dimensions in groups that offer the same options, groups in order of appearance."""
    groups: dict[object, list[Dimension]] = {}
    for dimension in dimensions:
        groups.setdefault(dimension.options, []).append(dimension)
    return list(groups.values())


def _when(dimension: "Dimension") -> str:
    conditions = [f"{c.dimension} is {' or '.join(c.options)}" for c in dimension.when]
    return f" (in use only if {' and '.join(conditions)})" if conditions else ""


def _evaluators(name: str) -> list[str]:
    """Return what can evaluate a space: the evaluators of the tasks that know it, shared weights, its cost always."""
    from navarch.evaluation import get_task, task_names
    from navarch.evaluation.supernet.making import SPACES

    tasks = [get_task(task) for task in task_names()]
    shared = {"supernet"} if name in SPACES else set()
    return sorted({"cost", *shared, *(task.evaluator for task in tasks if name in task.default_fidelity)})


def _count(size: int) -> str:
    return f"{size:,}" if size <= _LARGEST_EXACT else f"{Decimal(size):.2e}"
