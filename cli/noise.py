"""`navarch noise`: how far the same architecture's accuracies lie apart between seeds."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.options import AsJson, Db
from navarch.cli.run_options import (
    Assignments,
    Config,
    EvaluatorName,
    Seed,
    SpaceName,
    TaskName,
    read_settings,
)

if TYPE_CHECKING:
    from navarch.evaluation import Noise
    from navarch.graph.noise import Repeated
    from navarch.memory import Memory, RunRow

    Facts = tuple[list[Repeated], Noise | None, list[tuple[str, int, str]]]

_MEANS = (1, 3, 5, 10)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: navarch noise --task digits --seeds 5 --arch 120340")(noise)


def noise(
    config: Config = None,
    space: SpaceName = None,
    task: TaskName = None,
    evaluator: EvaluatorName = None,
    arch: Annotated[
        list[str] | None,
        typer.Option(
            help="An architecture, once for each. Default: the space's prior, else one drawn by the seed.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=1000, help="Training seeds for each architecture, at least 3.")
    ] = 5,
    seed: Seed = None,
    db: Db = None,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Measure the noise of a setting: the same architecture, several seeds.

    The trainings are stored as a run, resumed like one, and not repeated; later runs on the same task, space
    and fidelity compare their trials in units of the noise.
    """
    from navarch.cli.progress import ConsoleProgress
    from navarch.cli.run import end, left_at_once
    from navarch.graph.progress import Silent
    from navarch.graph.run import start_noise

    given = {"space": space, "task": task, "evaluator": evaluator, "seed": seed, "db": db}
    settings = read_settings(config, given, assignments=assignments, is_noise=True)
    with left_at_once(settings.db):
        result = start_noise(settings, arch or [], seeds, Silent() if as_json else ConsoleProgress())
    if result.run.state != "finished":
        end(result, settings.db)
        return
    show_noise(result.run, settings.db, as_json=as_json)


def show_noise(run: "RunRow", db: Any, *, as_json: bool = False) -> None:
    """Print what a run that measured noise says, together with all other repeats of the same setting."""
    from navarch.memory import Memory

    with Memory.open(db, create=False, read_only=True) as memory:
        facts = noise_facts(memory, run)
    if as_json:
        echo_json(noise_dict(run, *facts))
        return
    echo()
    show_noise_of(run, facts)


def show_noise_of(run: "RunRow", facts: "Facts") -> None:
    """Print the table of what was repeated, and the noise."""
    known, found, failed = facts
    echo(f"noise of task {run.task}, space {run.space}: every repeat in this memory at the same fidelity")
    rows = [
        (one.code, len(one.accuracies), sum(one.accuracies) / len(one.accuracies), _deviation(one))
        for one in known
    ]
    echo_columns(("code", "seeds", "mean", "deviation"), rows)
    for code, seed, reason in failed:
        echo(f"{code} failed on seed {seed}: {reason}")
    echo(noise_sentence(found))
    if found is not None:
        shown = ", ".join(f"{found.smallest_difference(n):.2f} of {n}" for n in _MEANS[1:])
        echo(
            f"smallest difference that is told apart (95 %): {found.smallest_difference():.2f} points of two single "
            f"trials; of means over seeds: {shown}"
        )


def noise_facts(memory: "Memory", run: "RunRow") -> "Facts":
    """Return what a memory has repeated at the fidelity of a run, the noise of it, and which repeats of it failed."""
    from navarch.graph.noise import known_repeats, noise_of

    own = memory.repeats(run.run_id)
    known = known_repeats(memory, run.space, run.task_digest, own[0].fidelity) if own else []
    failed = [(row.code, row.seed, str(row.reason)) for row in own if row.state == "failed"]
    return known, noise_of(known), failed


def noise_dict(
    run: "RunRow", known: "list[Repeated]", found: "Noise | None", failed: list[tuple[str, int, str]]
) -> dict[str, Any]:
    """Return the same as plain data."""
    return {
        "run": run.run_id,
        "architectures": [{"code": one.code, "accuracies": list(one.accuracies)} for one in known],
        "failed": [{"code": code, "seed": seed, "reason": reason} for code, seed, reason in failed],
        "deviation": found and found.deviation,
        "low": found and found.low,
        "high": found and found.high,
        "degrees_of_freedom": found and found.freedom,
        "smallest_difference": found and {n: found.smallest_difference(n) for n in _MEANS},
    }


def noise_sentence(found: "Noise | None") -> str:
    """Say in one sentence what the noise is."""
    if found is None:
        return "noise unknown: too few repeats are complete, or every seed gave the same"
    return (
        f"standard deviation between seeds {found.deviation:.2f} points "
        f"(95 %: {found.low:.2f} to {found.high:.2f}; {found.freedom} degrees of freedom)"
    )


def _deviation(one: "Repeated") -> float:
    from statistics import stdev

    return stdev(one.accuracies)
