"""A pilot: a few rounds of a run played for real, in a memory of its own, to measure what they take."""

from collections.abc import Iterable
from contextlib import closing

from navarch import NavarchError
from navarch.agents.model import parse_replay
from navarch.graph.assemble import RunParts, make_evaluator
from navarch.graph.estimates import Measured, Question, Span
from navarch.graph.rehearsal import played
from navarch.graph.rules import rules_of
from navarch.graph.screening import make_screen
from navarch.graph.settings import RoleName, Settings
from navarch.memory import CallRow, Memory


def play_pilot(settings: Settings, parts: RunParts, rounds: int) -> tuple[dict[str, Measured], Span | None]:
    """Play a few rounds for real; return what was measured by prompt, and of a trial."""
    is_planned = parts.workflow.schedule is not None
    per_round = parts.workflow.trials_per_round if is_planned else rules_of(settings).trials
    trials = min(settings.budget.trials, max(rounds * per_round, len(parts.rungs)))
    recorded = [role for role, name in parts.models.items() if parse_replay(name) is not None]
    if recorded:
        raise NavarchError(
            f"--pilot measures a model, and the {recorded[0]} is a recording: plan with the model itself"
        )
    changes: dict[str, object] = {"budget": settings.budget.model_copy(update={"trials": trials})}
    if settings.workflow == "collm-nas":
        changes["collm"] = settings.collm.model_copy(update={"rounds": rounds})
    short = settings.model_copy(update=changes)
    evaluator = make_evaluator(short, parts)
    try:
        with (
            closing(make_screen(short, parts.task)) as screen,
            played(short, parts, evaluator, screen) as (memory, run_id),
        ):
            calls = memory.calls(run_id)
            names = dict.fromkeys(row.prompt for row in calls if row.source == "model")
            measured = {
                name: _measure(memory, [row for row in calls if row.prompt == name]) for name in names
            }
            return measured, time_of_epochs(memory, parts.task.digest)
    finally:
        evaluator.close()


def time_of_epochs(memory: Memory, task_digest: str) -> Span | None:
    """Return how long an epoch of a task took in the runs of a memory, in seconds of a trial; None if there is none."""
    found = [
        float(row.cost["seconds"]) / row.own_epochs
        for run in memory.runs()
        if run.task_digest == task_digest
        for row in (*memory.trials(run.run_id), *memory.repeats(run.run_id))
        if row.state == "complete" and row.reused_from is None and "seconds" in row.cost
        if row.cost.get("attempts", 1) == 1  # else the silence of the first is in it
    ]
    return Span(min(found), max(found)) if found else None


def question_of(memory: Memory, row: CallRow) -> Question:
    """Return the size of a stored call."""
    texts = [text for _, text in memory.rendered(row)]
    reply = memory.text(row.reply) if row.reply else ""
    return Question(row.round, row.prompt, role_of(row), len(texts), sum(map(len, texts)), len(reply))


def role_of(row: CallRow) -> RoleName:
    """Return the role of a stored call."""
    name: RoleName = row.role  # type: ignore[assignment]  # stored by us
    return name


def _measure(memory: Memory, rows: Iterable[CallRow]) -> Measured:
    """Return what the calls with one prompt show; an offline twin in a model's place shows nothing."""
    calls = [row for row in rows if row.source == "model"]
    told = [row for row in calls if row.input_tokens and row.output_tokens]
    rates = [question_of(memory, row).chars / row.input_tokens for row in told if row.input_tokens]
    written = [float(row.output_tokens) for row in told if row.output_tokens]
    waited = [row.latency_s for row in calls if row.latency_s is not None]
    questions = {(row.round, row.role, row.attempt) for row in calls}
    return Measured(
        chars_per_token=Span(min(rates), max(rates)) if rates else None,
        output_tokens=Span(min(written), max(written)) if written else None,
        seconds=Span(min(waited, default=0.0), max(waited, default=0.0)),
        turns=len(calls) / max(1, len(questions)),
    )
