"""`navarch run`, `resume`, `stop`: work on a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navarch import NavarchError
from navarch.cli.echo import echo
from navarch.cli.options import Db, LatestRun, Prompts, Run, db_path
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
from navarch.graph.paths import db_flag

if TYPE_CHECKING:
    from navarch.graph.assemble import RunParts
    from navarch.graph.result import RunResult
    from navarch.graph.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: navarch run --workflow random --budget 12 --seed 1")(run)
    app.command(epilog="Example: navarch resume latest")(resume)
    app.command(epilog="Example: navarch stop r3")(stop)


def run(
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would run, and start nothing.")
    ] = False,
) -> None:
    """Search: start a run and work on it to its end.

    Settings come from navarch.toml, NAVARCH_... variables and flags; flags win.
    """
    from navarch.graph.replaying import pin_recordings

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
    if dry_run:
        _show_plan(pin_recordings(settings))
        return

    from navarch.cli.progress import ConsoleProgress
    from navarch.graph.run import start_run

    with left_at_once(settings.db):
        result = start_run(settings, ConsoleProgress())
    end(result, settings.db)


def resume(
    name: LatestRun = "latest",
    base_url: Annotated[
        str | None, typer.Option(help="The model server, if it has moved.", show_default=False)
    ] = None,
    prompts: Prompts = None,
    db: Db = None,
) -> None:
    """Go on with a stopped or killed run.

    Nothing that is finished is lost or done again.
    """
    from navarch.cli.progress import ConsoleProgress
    from navarch.graph.run import resume_run

    path = db_path(db)
    with left_at_once(path):
        result = resume_run(name, path, prompts=prompts, base_url=base_url, progress=ConsoleProgress())
    end(result, path)


def stop(name: Run, db: Db = None) -> None:
    """Stop a running search from another terminal.

    It ends cleanly and can be resumed.
    """
    from navarch.graph.lock import is_held
    from navarch.graph.paths import lock_file
    from navarch.memory import Memory

    path = db_path(db)
    with Memory.open(path, create=False) as memory:
        row = memory.get_run(name)
        if not is_held(lock_file(path, row.run_id)):
            hint = (
                "" if row.state == "finished" else f"; go on with: navarch resume {row.run_id}{db_flag(path)}"
            )
            raise NavarchError(f"run {row.run_id!r} is not running: there is nothing to stop{hint}")
        memory.request_stop(row.run_id)
    echo(f"asked {row.run_id} to stop; it goes on with: navarch resume {row.run_id}{db_flag(path)}")


@contextmanager
def left_at_once(db: Path) -> Iterator[None]:
    """Say how to go on after a second Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        echo(f"left at once; go on with: navarch resume{db_flag(db)}", err=True)
        raise typer.Exit(130) from None


def _show_plan(settings: "Settings") -> None:
    from navarch.cli.wording import ablated, measuring
    from navarch.graph.assemble import make_evaluator, prepare

    parts = prepare(settings)
    evaluator = make_evaluator(settings, parts)
    try:
        echo(f"workflow   {parts.workflow.name}: {parts.workflow.summary}")
        echo(f"space      {parts.space.name}: {parts.space.title}, {parts.space.size:,} architectures")
        echo(f"task       {parts.task.name}: {parts.task.title}")
        echo(f"evaluator  {measuring(evaluator, parts)}")
        for note in evaluator.notes:
            echo(f"           {note}")
        for prompt in map(parts.library.get, parts.workflow.prompts):
            model = parts.models[prompt.role]
            echo(f"role       {prompt.role}: {model}; prompt {prompt.path} ({prompt.digest[:12]})")
        if absent := ablated(settings):
            echo(f"ablation   {absent}")
        if any("openai:" in model for model in parts.models.values()):
            echo(f"server     {settings.server.base_url or 'the default of openai models'}")
        echo(f"budget     {_given(settings.budget.model_dump())}; seed {settings.seed}")
        echo(f"search     {_given(_search_settings(settings, parts))}")
        if settings.evaluator in ("train", "supernet"):
            echo(f"device     {', '.join(getattr(settings, settings.evaluator).device)}")
        if settings.train.stop_rule and settings.evaluator == "train":
            echo(f"stopping   trials early, by the {settings.train.stop_rule} of those before")
        if settings.confirm.top:
            again = (
                f"the best {settings.confirm.top} trained again on {settings.confirm.seeds} fresh seeds each"
            )
            echo(f"confirm    {again}")
        bounds = {
            "target": settings.target,
            "patience": settings.search.patience,
            **settings.limits.model_dump(),
        }
        echo(f"limits     {_given(bounds) or 'none'}")
        echo(f"memory     {settings.db} ({_state_of_memory(settings.db)})")
        echo("nothing was started (--dry-run)")
    finally:
        evaluator.close()


def _search_settings(settings: "Settings", parts: "RunParts") -> dict[str, Any]:
    """Return the settings of the search that the workflow reads."""
    from navarch.graph.rules import most_per_round, rules_of
    from navarch.graph.rungs import goes_on

    workflow = parts.workflow
    own = {} if workflow.section is None else getattr(settings, workflow.section).model_dump()
    trials = {"trials_per_round": most_per_round(settings), "grow_every": settings.grow_every or None}
    settled = {
        **settings.search.model_dump(),
        "proposals": rules_of(settings).proposals,
        "rungs": parts.rungs,
        "continuation": goes_on(settings),
        **trials,
    }
    return {**own, **{name: value for name, value in settled.items() if name in workflow.uses}}


def _given(values: dict[str, Any]) -> str:
    """Return settings as they are given with --set."""
    shown = {name: value for name, value in values.items() if value is not None}
    return ", ".join(f"{name}={_as_given(value)}" for name, value in shown.items())


def _as_given(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{','.join(map(_as_given, value))}]"
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _state_of_memory(db: Path) -> str:
    from navarch.memory import Memory

    if not db.exists():
        return "to be made"
    with Memory.open(db, create=False, read_only=True) as memory:
        count = len(memory.runs())
    return counted(count, "run")


def end(result: "RunResult", db: Path) -> None:
    """Print how a run ended, and leave with the exit code of what stopped it."""
    from navarch.cli.summary import show_result

    show_result(result, db)
    if result.signal:
        raise typer.Exit(128 + result.signal)
