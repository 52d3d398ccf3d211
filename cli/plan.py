"""`navarch plan`: what a run would take, before it is started."""

from typing import TYPE_CHECKING, Annotated

import typer

from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.estimates import about, about_money, about_time, facts_of
from navarch.cli.options import AsJson, Db, Prompts
from navarch.cli.run_options import (
    Assignments,
    BaseUrl,
    BudgetText,
    Config,
    EvaluatorName,
    ModelName,
    NoMemory,
    Obfuscate,
    RoleModels,
    Seed,
    SpaceName,
    Target,
    TaskName,
    Without,
    WorkflowName,
    read_settings,
)
from navarch.graph.counting import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from navarch.graph.assemble import RunParts
    from navarch.graph.estimates import Forecast, Span
    from navarch.graph.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: navarch plan --model openai:NAME --budget 40 --pilot 1")(plan)


def plan(
    config: Config = None,
    workflow: WorkflowName = None,
    space: SpaceName = None,
    obfuscate: Obfuscate = None,
    task: TaskName = None,
    evaluator: EvaluatorName = None,
    model: ModelName = None,
    base_url: BaseUrl = None,
    role: RoleModels = None,
    without: Without = None,
    no_memory: NoMemory = False,
    budget: BudgetText = None,
    seed: Seed = None,
    target: Target = None,
    prompts: Prompts = None,
    db: Db = None,
    assignments: Assignments = None,
    pilot: Annotated[
        int,
        typer.Option(min=0, max=100, help="Rounds to play for real, within the budget, to measure instead."),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Forecast what a run takes: calls, tokens, money and time.

    The run is rehearsed with offline roles and made-up accuracies, and its prompts are counted: nothing is
    trained and no model is called, unless a --pilot is wanted. Takes the flags of `navarch run`.
    """
    from navarch.graph.assemble import prepare
    from navarch.graph.forecast import forecast

    given = {
        "workflow": workflow,
        "space": space,
        "obfuscate": obfuscate,
        "task": task,
        "evaluator": evaluator,
        "model": model,
        "without": without,
        "seed": seed,
        "target": target,
        "prompts": prompts,
        "db": db,
    }
    settings = read_settings(
        config,
        given,
        base_url=base_url,
        budget=budget,
        roles=role,
        assignments=assignments,
        no_memory=no_memory,
    )
    parts = prepare(settings)
    slots, known = _known(settings, parts)
    found = forecast(settings, parts, slots=slots, pilot=pilot, epoch_seconds=known)
    if as_json:
        echo_json({**facts_of(found), "pilot": pilot, "limits": list(_limits(settings, found))})
    else:
        _show(settings, found, pilot)


def _known(settings: "Settings", parts: "RunParts") -> "tuple[int, Span | None]":
    """Return how many trials run at once, and what is known of the time of an epoch, from earlier runs."""
    from navarch.graph.assemble import make_evaluator
    from navarch.graph.estimates import Span
    from navarch.graph.pilot import time_of_epochs
    from navarch.memory import Memory

    evaluator = make_evaluator(settings, parts)
    try:
        if evaluator.instant:
            return evaluator.slots, Span(0.0, 0.0)
        if not settings.db.exists():
            return evaluator.slots, None
        with Memory.open(settings.db, create=False, read_only=True) as memory:
            return evaluator.slots, time_of_epochs(memory, parts.task.digest)
    finally:
        evaluator.close()


def _show(settings: "Settings", found: "Forecast", pilot: int) -> None:
    echo(
        f"a run of {counted(found.trials, 'trial')} in {counted(found.rounds, 'round')}, workflow {settings.workflow}"
    )
    if not found.prompts:
        echo("no role is a model: nothing is sent")
    else:
        headings = ("prompt", "model", "calls", "tokens in", "tokens out", "longest prompt")
        rows = [
            [
                one.prompt,
                one.model,
                *map(about, (one.calls, one.input_tokens, one.output_tokens, one.longest)),
            ]
            for one in found.prompts
        ]
        total = [about(span) for span in (found.calls, found.input_tokens, found.output_tokens)]
        echo_columns(headings, [*rows, ["all", "", *total, ""]])
        if found.money is None:
            echo("money      unknown: set server.price_input and server.price_output, per million tokens")
        else:
            echo(f"money      {about_money(found.money)}")
        echo(f"models     {_time(found.model_seconds, 'a --pilot of 1 round measures it')}")
    echo(f"training   {_training(found)}")
    if found.seconds is not None:
        echo(f"in all     {about_time(found.seconds)}, {counted(found.slots, 'trial')} at once")
    for limit in _limits(settings, found):
        echo(limit)
    if found.prompts and not pilot:
        echo("tokens are estimates: 2.5 to 4.5 characters each; a reply may be as long as its prompt allows")


def _training(found: "Forecast") -> str:
    span = found.train_seconds
    if span is not None and not span.high:
        return "none: trials are looked up"
    one_by_one = "" if span is None else ", trials one after another"
    return _time(span, "a --pilot of 1 round measures it") + one_by_one


def _time(span: "Span | None", otherwise: str) -> str:
    return f"unknown: {otherwise}" if span is None else about_time(span)


def _limits(settings: "Settings", found: "Forecast") -> "Iterator[str]":
    """Yield the limits of the budget that end the run early, or may."""
    budget = settings.budget
    tokens = found.input_tokens + found.output_tokens
    planned = {
        "calls": found.calls,
        "tokens": tokens,
        "money": found.money,
        "seconds": found.seconds,
        "train_seconds": found.train_seconds,
    }
    for name, span in planned.items():
        limit = getattr(budget, name)
        if limit is None or span is None or span.high <= limit:
            continue
        what = "ends" if span.low > limit else "may end"
        yield f"budget.{name} of {limit:,g} {what} the run before its {budget.trials} trials are done"
