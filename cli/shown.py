"""`navarch show`: one run as it is, as text and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from navarch.cli.confirmation import confirmation_of, show_confirmation
from navarch.cli.echo import echo, echo_columns, echo_json, one_line
from navarch.cli.facts import best_of, lesson_facts, refused, run_facts, trial_facts
from navarch.cli.noise import noise_dict, noise_facts, show_noise_of
from navarch.cli.options import read_memory
from navarch.cli.summary import show_fallbacks, show_ladders
from navarch.cli.wording import money, roles_of, trials_at_once
from navarch.graph.counting import counted

if TYPE_CHECKING:
    from navarch.agents.ladder import Ladder
    from navarch.cli.noise import Facts
    from navarch.graph.settings import Settings
    from navarch.memory import Memory, ReplySources, RunRow, Spent
    from navarch.viewer.confirmation import Confirmation

HEADINGS = (
    "trial",
    "round",
    "epochs",
    "code",
    "state",
    "reason",
    "val_accuracy",
    "params",
    "seconds",
    "reused_from",
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Hold all that is told of a run; confirmation and noise are None where there is none."""

    run: "RunRow"
    facts: dict[str, Any]
    settings: "Settings"
    spent: "Spent"
    money: float | None
    tokens_per_new: float | None
    replies: "ReplySources"
    models: "list[Ladder]"
    trials: list[dict[str, Any]]
    at_once: str | None
    refused: dict[str, int]
    lessons: list[dict[str, Any]]
    confirmation: "Confirmation | None"
    noise: "Facts | None"


def show_once(name: str, db: Path | None, *, lessons: bool, as_json: bool) -> None:
    """Print a run as it is."""
    with read_memory(db) as memory:
        seen = _look(memory, name)
    if as_json:
        echo_json(_as_dict(seen))
        return
    _print_head(seen)
    echo()
    if seen.noise is not None:
        show_noise_of(seen.run, seen.noise)
        return
    _print_trials(seen.trials)
    if seen.confirmation is not None:
        show_confirmation(seen.confirmation)
    if lessons:
        _print_lessons(seen.lessons)


def _look(memory: "Memory", name: str) -> _Seen:
    from navarch.agents.ladder import ladders
    from navarch.graph.money import money_of
    from navarch.graph.noise import NOISE
    from navarch.graph.result import state_now
    from navarch.graph.settings import settings_of

    run = memory.get_run(name)
    settings, rows, spent = settings_of(run), memory.trials(run.run_id), memory.spent(run.run_id)
    new = memory.count_new(run.run_id)
    return _Seen(
        run=run,
        facts=run_facts(memory, run, state_now(run, memory.path), best_of(memory, run)),
        settings=settings,
        spent=spent,
        money=money_of(memory, run.run_id, settings),
        tokens_per_new=spent.tokens / new if spent.tokens and new else None,
        replies=memory.reply_sources(run.run_id),
        models=ladders(memory, run.run_id),
        trials=[trial_facts(row) for row in rows],
        at_once=trials_at_once(rows),
        refused=refused(memory, run.run_id),
        lessons=[lesson_facts(row) for row in memory.lessons(run.run_id, active=False)],
        confirmation=confirmation_of(memory, run.run_id, settings),
        noise=noise_facts(memory, run) if run.workflow == NOISE else None,
    )


def _as_dict(seen: _Seen) -> dict[str, Any]:
    spent = seen.spent
    return {
        "run": seen.facts,
        "settings": seen.run.settings,
        "spent": {
            "calls": spent.calls,
            "tokens": spent.tokens,
            "cached_tokens": spent.cached_tokens,
            "free_calls": spent.free_calls,
            "free_tokens": spent.free_tokens,
            "tokens_per_new": seen.tokens_per_new,
            "money": seen.money,
            "train_seconds": spent.train_seconds,
            "repeats": spent.repeats,
            "repeat_seconds": spent.repeat_seconds,
        },
        "noise": noise_dict(seen.run, *seen.noise) if seen.noise else seen.settings.confirm.noise,
        "confirmation": seen.confirmation and seen.confirmation.as_dict(),
        "models": [ladder.as_dict() for ladder in seen.models],
        "trials": seen.trials,
        "trials_at_once": seen.at_once,
        "refused": seen.refused,
        "lessons": seen.lessons,
    }


def _print_head(seen: _Seen) -> None:
    run = seen.run
    echo(f"run {run.run_id}  {seen.facts['state']}" + (f": {run.stop_reason}" if run.stop_reason else ""))
    echo(
        f"workflow {run.workflow}, space {run.space}, task {run.task}, seed {run.seed}, "
        f"{counted(run.segments, 'segment')}"
    )
    if roles := roles_of(seen.settings):
        echo(f"roles: {roles}")
    _print_ledger(seen)
    if seen.at_once:
        echo(f"trials at once: {seen.at_once}")
    show_fallbacks(seen.replies)
    show_ladders(seen.models)


def _print_ledger(seen: _Seen) -> None:
    """Print what the run took: trials, training, calls, tokens, money; what measures noise makes repeats alone."""
    if seen.noise is not None:
        echo(f"{counted(seen.spent.repeats, 'repeat')}, {seen.spent.repeat_seconds:.1f} s of training")
        return
    spent, per_new = seen.spent, seen.tokens_per_new
    again = (
        f", {spent.repeat_seconds:.1f} s of it for {counted(spent.repeats, 'repeat')}"
        if spent.repeats
        else ""
    )
    kind = "simulated training, as the table has it" if seen.settings.evaluator == "table" else "training"
    echo(
        f"{counted(spent.trials, 'trial')} ({spent.reused} reused), {spent.train_seconds:.1f} s of {kind}{again}"
    )
    paid = "" if seen.money is None else f", {money(seen.money)} in money"
    free = ""
    if spent.free_calls:
        calls, tokens = counted(spent.free_calls, "call"), counted(spent.free_tokens, "token")
        free = f", and {calls} of {tokens} answered by earlier ones at no cost"
    calls = counted(spent.calls - spent.free_calls, "model call")
    tokens = counted(spent.tokens - spent.free_tokens, "token")
    echo(f"{calls}, {tokens}{paid}{free}; proposals refused: {_counts(seen.refused)}")
    if per_new is not None:
        cached = f"; {spent.cached_tokens} of the input out of the server's prompt cache" * bool(
            spent.cached_tokens
        )
        both = ", the earlier ones' included" * bool(spent.free_tokens)
        echo(f"{per_new:,.0f} tokens for each valid and new architecture{both}{cached}")


def _print_trials(trials: Sequence[dict[str, Any]]) -> None:
    has_rungs = len({row["epochs"] for row in trials}) > 1
    headings = [heading for heading in HEADINGS if has_rungs or heading != "epochs"]
    echo_columns(headings, [[row[heading] for heading in headings] for row in trials])
    for row in trials:
        if row["detail"]:
            echo(f"trial {row['trial']}: {one_line(row['detail'].strip().splitlines()[-1], 160)}")


def _print_lessons(lessons: Sequence[dict[str, Any]]) -> None:
    if not lessons:
        echo("no lessons")
    for lesson in lessons:
        mark = "" if lesson["state"] == "active" else " (retired)"
        evidence = f"for {lesson['supports']}, against {lesson['contradicts']}"
        echo(f"lesson {lesson['lesson']}{mark}: {lesson['statement']}  [{evidence}]")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
