"""The end of a run as a user reads it: why it ended, the best, what it cost, the next commands."""

from pathlib import Path
from typing import TYPE_CHECKING

from navarch.cli.confirmation import confirmation_of, show_confirmation, show_fresh
from navarch.cli.echo import echo, echo_columns, one_line
from navarch.cli.options import read_memory
from navarch.cli.wording import accuracy, big, money
from navarch.graph.counting import counted
from navarch.graph.paths import db_flag

if TYPE_CHECKING:
    from navarch.agents.ladder import Ladder
    from navarch.graph.result import RunResult
    from navarch.memory import ReplySources, TestScoreRow, TrialRow
    from navarch.viewer.confirmation import Confirmation


def show_result(result: "RunResult", db: Path) -> None:
    """Print how the segment ended and what to do next."""
    from navarch.cli.noise import show_noise
    from navarch.graph.ablation import left_out
    from navarch.graph.noise import NOISE
    from navarch.graph.settings import settings_of
    from navarch.graph.workflows import get_workflow

    run, where = result.run, db_flag(db)
    if run.workflow == NOISE and run.state == "finished":
        show_noise(run, db)
        return
    echo()
    echo(f"{run.run_id} {run.state}: {result.reason}")
    if result.best is not None:
        with read_memory(db) as memory:
            confirmed = confirmation_of(memory, run.run_id, settings_of(run))
        show_best(result.best, result.test, confirmed, is_finished=run.state == "finished")
    elif run.state == "finished":
        echo(f"no trial completed; see why: navarch show {run.run_id}{where}")
    if result.money is not None:
        echo(f"model calls cost {money(result.money)} in money")
    show_fallbacks(result.replies)
    echo()
    if run.state != "finished":
        echo(f"go on with: navarch resume {run.run_id}{where}")
        return
    echo("next")
    if result.replies.total:
        echo(f"  navarch trace {run.run_id}{where}    every prompt and reply of this run")
        workflow = get_workflow(run.workflow).leaving_out(left_out(settings_of(run)))
        name = next(prompt for prompt in workflow.prompts if prompt != "navigator")
        mine = Path(f"prompts/{name}.md").exists()
        copy = f"edit prompts/{name}.md       " if mine else f"navarch prompts copy {name}  "
        echo(f"  {copy}  a role's prompt: edit it, run again (a model reads it; offline roles do not)")
    else:
        echo(f"  navarch show {run.run_id}{where}    every trial of this run")
    echo(f"  navarch resume {run.run_id}{where}   shows this result again; goes on after a stop or a crash")


def show_best(
    best: "TrialRow",
    test: "TestScoreRow | None",
    confirmed: "Confirmation | None" = None,
    *,
    is_finished: bool,
) -> None:
    """Print the best architecture with its validation and test accuracy and its size."""
    echo(f"best architecture  {best.genotype}")
    echo(f"  trial {best.number}, code {best.code}, {best.params:,} parameters ({big(best.macs)} MACs)")
    if "latency_ms" in best.objectives:
        echo(f"  latency              {best.objectives['latency_ms']:.2f} ms")
    fresh = None if confirmed is None else confirmed.won
    by = "  (in the search)" if fresh else "  (it was chosen by this)"
    echo(f"  validation accuracy  {accuracy(best.val_accuracy)}{by}")
    if fresh is not None:
        show_fresh(fresh)
    if test is None and is_finished:
        echo("  test accuracy        none: there is no test split")
    elif test is None:
        echo("  test accuracy        sealed: it is read when the run finishes")
    else:
        echo(f"  test accuracy        {accuracy(test.accuracy)}  (sealed during the search, read once)")
    if test is not None and test.val_accuracy != best.val_accuracy:
        echo(f"  (trained again for the test it has validation accuracy {accuracy(test.val_accuracy)})")
    if confirmed is not None:
        show_confirmation(confirmed)


def show_fallbacks(replies: "ReplySources") -> None:
    """Say how many replies were not the model's, and why."""
    if replies.fallback:
        why = f": {one_line(replies.last_error, 120)}" if replies.last_error else ""
        echo(
            f"{replies.fallback} of {counted(replies.total, 'reply')} came from the offline twins "
            f"in a model's place{why}"
        )


def show_ladders(ladders: "list[Ladder]") -> None:
    """Print for each model how its questions ended; nothing where no model was asked."""
    if not ladders:
        return
    answered = ("at_once", "extracted", "repaired_1", "repaired_2", "partly_valid")
    headings = ("model", "questions", *answered, "spare", "twin", "unanswered", "requests")
    rows = [ladder.as_dict() for ladder in ladders]
    echo()
    echo_columns([name.replace("_", " ") for name in headings], [[row[h] for h in headings] for row in rows])
