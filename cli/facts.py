"""What commands tell of runs, trials and lessons, as plain data."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from navarch.memory import Memory, RunRow, TrialRow


def best_of(memory: "Memory", run: "RunRow") -> "TrialRow | None":
    """Return the trial that a run is to be judged by: its winner, confirmed where it was."""
    from navarch.graph.confirmation import winner_of
    from navarch.graph.settings import settings_of

    return winner_of(memory, run.run_id, settings_of(run))


def run_facts(memory: "Memory", row: "RunRow", state: str, top: "TrialRow | None") -> dict[str, Any]:
    """Return what lists and JSON tell of a run; top: its best trial."""
    return {
        "run": row.run_id,
        "state": state,
        "workflow": row.workflow,
        "space": row.space,
        "task": row.task,
        "seed": row.seed,
        "trials": memory.spent(row.run_id).trials,
        "best": top.val_accuracy if top is not None else None,
        "started": row.created_at[:19],
        "stop_reason": row.stop_reason,
    }


def trial_facts(row: "TrialRow") -> dict[str, Any]:
    """Return what is told of a trial."""
    return {
        "trial": row.number,
        "round": row.round,
        "epochs": row.epochs,
        "code": row.code,
        "genotype": row.genotype,
        "state": row.state,
        "reason": row.reason,
        "detail": row.detail,
        "val_accuracy": row.val_accuracy,
        "params": row.params,
        "latency_ms": row.objectives.get("latency_ms"),
        "seconds": row.train_seconds,
        "reused_from": row.reused_from,
        "feedback": row.feedback,
    }


def lesson_facts(row: Any) -> dict[str, Any]:
    """Return what is told of a lesson."""
    return {
        "lesson": row.number,
        "round": row.round,
        "state": row.state,
        "statement": row.statement,
        "supports": row.supports,
        "contradicts": row.contradicts,
    }


def refused(memory: "Memory", run_id: str) -> dict[str, int]:
    """Count the proposals of a run that were not evaluated, by why."""
    counts: dict[str, int] = {}
    for row in memory.proposals(run_id):
        if row.status in ("invalid", "duplicate", "vetoed"):
            counts[row.status] = counts.get(row.status, 0) + 1
    return counts
