"""How a confirmation reads in the terminal: each candidate in the search and on fresh seeds."""

from typing import TYPE_CHECKING

from navarch.cli.echo import echo, echo_columns
from navarch.cli.wording import accuracy

if TYPE_CHECKING:
    from navarch.graph.settings import Settings
    from navarch.memory import Memory
    from navarch.viewer.confirmation import Candidate, Confirmation
    from navarch.viewer.statistics import Estimate


def confirmation_of(memory: "Memory", run_id: str, settings: "Settings") -> "Confirmation | None":
    """Return what fresh seeds say of a run; None where it asks for none."""
    if not settings.confirm.top:
        return None
    from navarch.viewer.confirmation import read_confirmation

    return read_confirmation(memory, run_id, settings)


def show_confirmation(found: "Confirmation") -> None:
    """Print the table of candidates, and what may and may not be said of them."""
    from navarch.viewer.cautions import confirmation_sentences

    headings = ("trial", "code", "search", "fresh seeds", "mean", "behind", "best with")
    echo()
    echo("confirmed on fresh seeds" if found.is_over else "the confirmation is not over")
    echo_columns(headings, [_row(one) for one in found.candidates])
    for one in found.candidates:
        for row in one.confirmed.failed:
            echo(f"trial {one.confirmed.trial.number} failed on seed {row.seed}: {row.reason}")
    for sentence in confirmation_sentences(found):
        echo(sentence)


def show_fresh(one: "Candidate") -> None:
    """Print what fresh seeds say of the best architecture."""
    if one.mean is None:
        return
    count = len(one.confirmed.accuracies)
    echo(f"  on {count} fresh seeds     {accuracy(one.mean.mean)}{_span(one.mean)}  (it was chosen by this)")
    if one.chance is not None:
        echo(f"  best of the confirmed with probability {one.chance:.2f}")


def _row(one: "Candidate") -> list[object]:
    row = one.confirmed
    fresh = " ".join(f"{value:.2f}" for value in row.accuracies) or None
    behind = None if one.behind is None else f"{one.behind.mean:.2f}{_span(one.behind)}"
    chance = None if one.chance is None else f"{one.chance:.3f}"
    mean = None if one.mean is None else f"{one.mean.mean:.2f}{_span(one.mean)}"
    return [row.trial.number, row.trial.code, row.trial.val_accuracy, fresh, mean, behind, chance]


def _span(found: "Estimate") -> str:
    return "" if found.low is None or found.high is None else f" ({found.low:.2f} to {found.high:.2f})"
