"""The end of a run as a user reads it: why it ended, the best, what it cost, the next commands."""

from pathlib import Path
from typing import TYPE_CHECKING

from navarch.cli.echo import echo
from navarch.cli.wording import accuracy, big

if TYPE_CHECKING:
    from navarch.graph.run import RunResult

DEFAULT_DB = Path("navarch.db")


def show_result(result: "RunResult", db: Path) -> None:
    """Print how the segment ended and what to do next."""
    run = result.run
    where = "" if db == DEFAULT_DB else f" --db {db}"
    echo()
    echo(f"{run.run_id} {run.state}: {result.reason}")
    if result.best is not None:
        show_best(result)
    elif run.state == "finished":
        echo("no trial completed; see why: navarch show " + run.run_id + where)
    echo()
    if run.state == "finished":
        echo("next")
        echo(f"  navarch trace {run.run_id}{where}    every prompt and reply of this run")
        echo("  navarch prompts copy generator    edit a role's prompt, then run again")
        echo(
            f"  navarch resume {run.run_id}{where}   shows this result again; goes on after a stop or a crash"
        )
    else:
        echo(f"go on with: navarch resume {run.run_id}{where}")


def show_best(result: "RunResult") -> None:
    """Print the best architecture with its validation and test accuracy and its size."""
    best, test = result.best, result.test
    if best is None:
        return
    echo(f"best architecture  {best.genotype}")
    echo(f"  trial {best.number}, code {best.code}, {best.params:,} parameters ({big(best.macs)} MACs)")
    echo(f"  validation accuracy  {accuracy(best.val_accuracy)}  (it was chosen by this)")
    if test is not None:
        echo(f"  test accuracy        {accuracy(test.accuracy)}  (sealed during the search, read once)")
