"""`navarch runs`, `show`, `best`: what the memory holds of runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from navarch import NavarchError
from navarch.cli.confirmation import confirmation_of, show_confirmation
from navarch.cli.echo import echo, echo_columns, echo_json, one_line
from navarch.cli.noise import noise_dict, noise_facts, show_noise_of
from navarch.cli.options import AsJson, Db, LatestRun, db_path, read_memory
from navarch.cli.summary import show_best, show_fallbacks, show_ladders
from navarch.cli.wording import money, roles_of, trials_at_once

if TYPE_CHECKING:
    from navarch.memory import Memory, RunRow, Spent, TrialRow


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(epilog="Example: navarch runs --json")(runs)
    app.command(epilog="Example: navarch show latest")(show)
    app.command(epilog="Example: navarch best latest")(best)


def runs(db: Db = None, as_json: AsJson = False) -> None:
    """List the runs, newest first."""
    with read_memory(db) as memory:
        rows = [_listed(memory, row, state_of(row, db)) for row in memory.runs()]
    if as_json:
        echo_json(rows)
        return
    headings = ("run", "state", "workflow", "space", "task", "seed", "trials", "best", "started")
    echo_columns(headings, [[row[name] for name in headings] for row in rows])
    for row in rows:
        if row["problem"]:
            echo(row["problem"])


def show(
    name: LatestRun = "latest",
    lessons: Annotated[
        bool, typer.Option("--lessons", help="Show the lessons, the retired ones too.")
    ] = False,
    is_followed: Annotated[
        bool,
        typer.Option("--follow", help="Look on while it works: running trials, their curves, what is left."),
    ] = False,
    db: Db = None,
    as_json: AsJson = False,
) -> None:
    """Show one run: its trials, its costs, its replies.

    Failed trials come with their reasons, models with how many of their replies could be used.
    """
    if is_followed:
        if lessons:
            raise NavarchError("--follow shows trials as they run: leave --lessons out")
        from navarch.cli.follow import follow

        with read_memory(db) as memory:
            follow(memory, db_path(db), name, as_json=as_json)
    else:
        _show_once(name, db, lessons=lessons, as_json=as_json)


def _show_once(name: str, db: Path | None, *, lessons: bool, as_json: bool) -> None:
    """Print the run as it is."""
    from navarch.agents.ladder import ladders
    from navarch.graph.money import money_of
    from navarch.graph.noise import NOISE
    from navarch.graph.settings import settings_of

    with read_memory(db) as memory:
        run = memory.get_run(name)
        facts = _run_facts(memory, run, state_of(run, db), _best_of(memory, run))
        rows = memory.trials(run.run_id)
        trials, at_once = [_trial_facts(row) for row in rows], trials_at_once(rows)
        refused = _refused(memory, run.run_id)
        kept = [_lesson_facts(row) for row in memory.lessons(run.run_id, active=False)]
        spent, replies = memory.spent(run.run_id), memory.reply_sources(run.run_id)
        cost = money_of(memory, run.run_id, settings_of(run))
        models = ladders(memory, run.run_id)
        new = memory.count_new(run.run_id)
        per_new = spent.tokens / new if spent.tokens and new else None
        confirmed = confirmation_of(memory, run.run_id, settings_of(run))
        noise = noise_facts(memory, run) if run.workflow == NOISE else None
    if as_json:
        echo_json(
            {
                "run": facts,
                "settings": run.settings,
                "spent": {
                    "calls": spent.calls,
                    "tokens": spent.tokens,
                    "cached_tokens": spent.cached_tokens,
                    "free_calls": spent.free_calls,
                    "free_tokens": spent.free_tokens,
                    "tokens_per_new": per_new,
                    "money": cost,
                    "train_seconds": spent.train_seconds,
                    "repeats": spent.repeats,
                    "repeat_seconds": spent.repeat_seconds,
                },
                "noise": noise_dict(run, *noise) if noise else settings_of(run).confirm.noise,
                "confirmation": confirmed and confirmed.as_dict(),
                "models": [ladder.as_dict() for ladder in models],
                "trials": trials,
                "trials_at_once": at_once,
                "refused": refused,
                "lessons": kept,
            }
        )
        return
    echo(f"run {run.run_id}  {facts['state']}" + (f": {run.stop_reason}" if run.stop_reason else ""))
    echo(
        f"workflow {run.workflow}, space {run.space}, task {run.task}, seed {run.seed}, {run.segments} segment(s)"
    )
    if roles := roles_of(settings_of(run)):
        echo(f"roles: {roles}")
    _show_ledger(spent, cost, per_new, refused)
    if at_once:
        echo(f"trials at once: {at_once}")
    show_fallbacks(replies)
    show_ladders(models)
    echo()
    has_rungs = len({row["epochs"] for row in trials}) > 1
    headings = (
        "trial",
        "round",
        *(("epochs",) if has_rungs else ()),
        "code",
        "state",
        "reason",
        "val_accuracy",
        "params",
        "seconds",
        "reused_from",
    )
    if noise is not None:
        show_noise_of(run, noise)
        return
    echo_columns(headings, [[row[heading] for heading in headings] for row in trials])
    for row in trials:
        if row["detail"]:
            echo(f"trial {row['trial']}: {one_line(row['detail'].strip().splitlines()[-1], 160)}")
    if confirmed is not None:
        show_confirmation(confirmed)
    if lessons and not kept:
        echo("no lessons")
    for lesson in kept if lessons else []:
        mark = "" if lesson["state"] == "active" else " (retired)"
        evidence = f"for {lesson['supports']}, against {lesson['contradicts']}"
        echo(f"lesson {lesson['lesson']}{mark}: {lesson['statement']}  [{evidence}]")


def _show_ledger(spent: "Spent", cost: float | None, per_new: float | None, refused: dict[str, int]) -> None:
    """Print what the run took: trials, training, calls, tokens, money."""
    again = f", {spent.repeat_seconds:.1f} s of it for {spent.repeats} repeats" * bool(spent.repeats)
    echo(f"{spent.trials} trials ({spent.reused} reused), {spent.train_seconds:.1f} s of training{again}")
    paid = "" if cost is None else f", {money(cost)} in money"
    free = ""
    if spent.free_calls:
        free = f", and {spent.free_calls} calls of {spent.free_tokens} tokens answered by earlier ones at no cost"
    echo(
        f"{spent.calls - spent.free_calls} model calls, {spent.tokens - spent.free_tokens} tokens{paid}{free}; "
        f"proposals refused: {_counts(refused)}"
    )
    if per_new is not None:
        cached = f"; {spent.cached_tokens} of the input out of the server's prompt cache" * bool(
            spent.cached_tokens
        )
        both = ", the earlier ones' included" * bool(spent.free_tokens)
        echo(f"{per_new:,.0f} tokens for each valid and new architecture{both}{cached}")


def best(name: LatestRun = "latest", db: Db = None, as_json: AsJson = False) -> None:
    """Show the best architecture of a run.

    It is chosen by validation, on fresh seeds where the run confirmed its best, and reported on test.
    """
    from navarch.graph.confirmation import score_of
    from navarch.graph.settings import settings_of

    with read_memory(db) as memory:
        run = memory.get_run(name)
        row = _best_of(memory, run)
        test = score_of(memory, row)
        confirmed = confirmation_of(memory, run.run_id, settings_of(run))
    if as_json:
        score = test.accuracy if test is not None else None
        facts = {"architecture": row.architecture, "macs": row.macs, "test_accuracy": score} if row else {}
        facts["confirmation"] = confirmed and confirmed.as_dict()
        echo_json({**_trial_facts(row), **facts} if row else None)
    elif row is None:
        echo(f"run {run.run_id} has no complete trial")
    else:
        show_best(row, test, confirmed, is_finished=run.state == "finished")


def _best_of(memory: "Memory", run: "RunRow") -> "TrialRow | None":
    from navarch.graph.confirmation import winner_of
    from navarch.graph.settings import settings_of

    return winner_of(memory, run.run_id, settings_of(run))


def state_of(row: "RunRow", db: Any) -> str:
    """Return the run's state as it is now."""
    from navarch.graph.result import state_now

    return state_now(row, db_path(db))


def _listed(memory: "Memory", row: "RunRow", state: str) -> dict[str, Any]:
    """Return a run's facts, and what is wrong with it: one that cannot be read does not hide the others."""
    try:
        top, problem = _best_of(memory, row), None
    except NavarchError as error:
        top, problem = None, str(error)
    return {**_run_facts(memory, row, state, top), "problem": problem}


def _run_facts(memory: "Memory", row: "RunRow", state: str, top: "TrialRow | None") -> dict[str, Any]:
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


def _trial_facts(row: "TrialRow") -> dict[str, Any]:
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


def _lesson_facts(row: Any) -> dict[str, Any]:
    return {
        "lesson": row.number,
        "round": row.round,
        "state": row.state,
        "statement": row.statement,
        "supports": row.supports,
        "contradicts": row.contradicts,
    }


def _refused(memory: "Memory", run_id: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in memory.proposals(run_id):
        if row.status in ("invalid", "duplicate", "vetoed"):
            counts[row.status] = counts.get(row.status, 0) + 1
    return counts


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
