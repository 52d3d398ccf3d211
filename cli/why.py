"""`navarch why`: all that is known of one trial: who proposed it, what came out, and how that compares."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navarch.cli.echo import echo, echo_json
from navarch.cli.options import AsJson, Db, Run, read_memory
from navarch.cli.wording import accuracy, because, big
from navarch.graph.counting import counted

if TYPE_CHECKING:
    from navarch.memory import Memory, TrialRow

SHAPES = {
    "rising": "still rising at its end: more epochs would help it",
    "flat": "flat at its end",
    "overfitting": "overfitting: validation fell while training rose",
    "diverged": "diverged",
    "none": "too short to have a shape",
}
PARTS = {"build": "building the network", "data": "its images", "val": "validations"}


def add_to(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog="Example: navarch why latest 3")(why)


def why(
    name: Run,
    trial: Annotated[int, typer.Argument(help="The number of a trial.", show_default=False)],
    db: Db = None,
    as_json: AsJson = False,
) -> None:
    """Show why a trial was made, how it ended, and how it compares.

    The record is the one that the roles were given.
    """
    with read_memory(db) as memory:
        run = memory.get_run(name)
        row = memory.get_trial(run.run_id, trial)
        facts = _facts(memory, row)
    if as_json:
        echo_json(facts)
        return
    echo(
        f"trial {row.number} of run {run.run_id}  {row.code}  {row.state}"
        + (f" ({row.reason})" if row.reason else "")
    )
    _line("architecture", row.genotype)
    _show_origin(facts)
    if row.detail:
        _line("said", row.detail.strip().splitlines()[-1])
    _show_result(row, facts["feedback"])
    _show_cost(row, facts["queue_seconds"])
    _show_curve(row, facts["feedback"])
    for note in (facts["feedback"] or {}).get("neighbours", []):
        _line(f"beside trial {note['trial']}", _compare(note))


def _facts(memory: "Memory", row: "TrialRow") -> dict[str, Any]:
    proposals = [each for each in memory.proposals(row.run_id) if each.proposal_id == row.proposal_id]
    proposal = proposals[0] if proposals else None
    return {
        "run": row.run_id,
        "trial": row.number,
        "round": row.round,
        "code": row.code,
        "genotype": row.genotype,
        "architecture": row.architecture,
        "state": row.state,
        "reason": row.reason,
        "detail": row.detail,
        "objectives": row.objectives,
        "params": row.params,
        "macs": row.macs,
        "seed": row.seed,
        "fidelity": row.fidelity,
        "cost": row.cost,
        "queue_seconds": _queue_seconds(row),
        "curve": row.curve,
        "reused_from": row.reused_from,
        "origin": proposal.origin if proposal else None,
        "why": proposal.why if proposal else None,
        "because": because(proposal) if proposal else None,
        "feedback": row.feedback,
    }


def _show_origin(facts: dict[str, Any]) -> None:
    from navarch.memory import REPEATS

    said = f": {facts['why']}" if facts["why"] else ""
    if facts["round"] == REPEATS:
        _line("repeated", f"on seed {facts['seed']}: no trial of the search")
    else:
        _line("proposed", f"in round {facts['round']} by {facts['origin'] or 'the run itself'}{said}")
    if facts["because"]:
        _line("chosen", facts["because"])
    if facts["reused_from"]:
        _line("measured", f"by the earlier trial {facts['reused_from']}, and not again")


def _show_result(row: "TrialRow", feedback: dict[str, Any] | None) -> None:
    if row.val_accuracy is None:
        why_none = "it was stopped early" if row.state == "pruned" else "it was not measured"
        _line("validation", f"none: {why_none}")
        return
    record = feedback or {}
    place = f", rank {record['rank']}" if record.get("rank") else ""
    margin = record.get("margin_to_best")
    in_noise = record.get("margin_in_noise")
    units = "" if in_noise is None else f" ({in_noise:+.1f} deviations between seeds)"
    beside = "" if margin is None else f", {margin:+.2f} points{units} to the best of the others at its time"
    _line("validation", f"{accuracy(row.val_accuracy)}{place}{beside}")
    if record.get("val_error") is not None:
        _line(
            "noise", f"± {record['val_error']:.2f} points by the number of validation images (standard error)"
        )


def _show_cost(row: "TrialRow", queue_seconds: float | None) -> None:
    cost = row.cost
    _line("size", f"{big(row.params)} parameters, {big(row.macs)} MACs")
    if not cost or not (cost.get("epochs") or cost.get("seconds")):
        return
    epochs = f" for {counted(cost['epochs'], 'epoch')}" if cost.get("epochs") else ""
    where = "as the table simulates it" if cost["device"] == "table" else f"on {cost['device']}"
    of_what = "its command" if cost["device"] == "command" else f"training{epochs} {where}"
    trained = f"{cost['train_seconds']:.1f} s of {of_what}"
    if cost.get("start_epochs"):
        trained += f", on from trial {cost['continued_from']} after {cost['start_epochs']}"
    rest = cost["seconds"] - cost["train_seconds"]
    if rest < 0:  # a table said how long the training takes: what was measured here is none of it
        _line("time", trained)
        return
    if not cost["train_seconds"]:
        trained = "no training that ended"
    _line("time", f"{trained}, {rest:.1f} s around it, {cost['cpu_seconds']:.1f} s of one core")
    measured = {name: cost.get(f"{name}_seconds") for name in ("build", "data", "val")}
    if measured["build"]:  # an earlier version measured none of these
        words = ", ".join(f"{PARTS[name]} {seconds:.2f} s" for name, seconds in measured.items())
        _line("parts", words)
    if queue_seconds is not None:
        _line("queue", f"{queue_seconds:.1f} s between its selection and its end in which it did not run")
    _line("memory", f"{cost['peak_memory_mb']:,.0f} MiB at its peak")


def _queue_seconds(row: "TrialRow") -> float | None:
    """Return for how long a trial waited; None where it did not run, or more than once."""
    if row.finished_at is None or row.reused_from or row.starts != 1:
        return None
    passed = datetime.fromisoformat(row.finished_at) - datetime.fromisoformat(row.created_at)
    return max(0.0, passed.total_seconds() - float(row.cost.get("seconds", 0.0)))


def _show_curve(row: "TrialRow", feedback: dict[str, Any] | None) -> None:
    if not row.curve:
        return
    _line("curve", SHAPES.get((feedback or {}).get("curve_shape", ""), "by epoch"))
    for point in row.curve:
        echo(
            f"  epoch {point['epoch']:>4}  loss {_number(point['train_loss'], 3)}  "
            f"train {_number(point.get('train_accuracy'), 2)} %  validation {_number(point.get('val_accuracy'), 2)} %"
        )


def _compare(note: dict[str, Any]) -> str:
    margin = "one of the two has no result" if note["margin"] is None else f"{note['margin']:+.2f} points"
    edits = "; ".join(f"{name} was {before}, here {after}" for name, before, after in note["differences"])
    return f"{margin} ({edits or 'the same'})"


def _number(value: float | None, digits: int) -> str:
    return "nan" if value is None else f"{value:.{digits}f}"


def _line(name: str, text: str) -> None:
    echo(f"{name:<16}{' '.join(text.split())}")
