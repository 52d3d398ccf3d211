"""The evaluator's node: admit the round's candidates as trials, run them, store outcomes and feedback."""

from pathlib import Path

from langgraph.runtime import Runtime

from navarch.evaluation import Fidelity, Job, Outcome, Task, cost_on, make_feedback
from navarch.evaluation.live import begin_live, end_live
from navarch.graph.context import RunContext, context_of
from navarch.graph.continuing import jobs_of, keep_useful
from navarch.graph.progress import Later, Trying
from navarch.graph.records import job_of
from navarch.graph.rungs import fidelity_of, start_of
from navarch.graph.screening import leave_out, screened
from navarch.graph.selection import valid_proposals, wanted
from navarch.graph.state import RunState, Update, position_of
from navarch.memory import NewTrial, ProposalRow, TrialRow
from navarch.spaces import Architecture, SearchSpace


def evaluator(state: RunState, runtime: Runtime[RunContext]) -> Update:
    """Run the trials of this round that are not finished yet, reuse known ones, and close the round."""
    ctx = context_of(runtime)
    round = position_of(state).round
    ctx.leave_if_asked()
    if ctx.evaluator.instant:
        _try_at_once(ctx, round)
    else:
        _try(ctx, round, ctx.progress)
        ctx.leave_if_asked()
        _close(ctx, round)
    return ctx.done(attempt=0)


def _try_at_once(ctx: RunContext, round: int) -> None:
    """Store a whole round in one transaction: what takes no time to measure is not worth a write of its own."""
    told = Later()
    with ctx.memory.transaction():
        _try(ctx, round, told)
        _close(ctx, round)
    told.tell(ctx.progress)


def _try(ctx: RunContext, round: int, progress: Trying) -> None:
    """Admit the candidates of the round, and finish every trial of it that is not finished yet."""
    _admit(ctx, round)
    waiting = [
        row for row in ctx.memory.trials(ctx.run_id, round=round) if row.state in ("waiting", "running")
    ]
    finish_trials(ctx, waiting, progress)


def finish_trials(ctx: RunContext, waiting: list[TrialRow], progress: Trying) -> None:
    """Finish stored trials: known ones from earlier runs, the others by measuring them; a wish to stop leaves some."""
    fresh = [row for row in waiting if not _reuse(ctx, row, progress)]
    _run(ctx, fresh, progress)


def _close(ctx: RunContext, round: int) -> None:
    """Give feedback on the round's trials, all of which are finished, and store the round as done."""
    with ctx.memory.transaction():
        rows = ctx.memory.trials(ctx.run_id, round=round)
        _give_feedback(ctx, rows, round)
        best = max((accuracy for row in rows if (accuracy := _counted(ctx, row)) is not None), default=None)
        ctx.memory.close_round(ctx.run_id, round, new_trials=len(rows), best=best)


def _counted(ctx: RunContext, row: TrialRow) -> float | None:
    """Return the accuracy that a trial counts with: none if it failed, is over a limit, or trained for fewer epochs."""
    latency_ms = row.objectives.get("latency_ms")
    counts = row.epochs == ctx.fidelity.epochs and ctx.limits.admits(row.params, row.macs, latency_ms)
    return row.val_accuracy if counts else None


def _admit(ctx: RunContext, round: int) -> None:
    candidates, left_out = screened(ctx.settings, valid_proposals(ctx, round), wanted(ctx, round))
    leave_out(ctx, left_out)
    selected = sorted((row for row in candidates if row.status == "selected"), key=_rank)
    admitted = selected or [row for row in candidates if row.status == "valid"][: wanted(ctx, round)]
    fidelity = fidelity_of(ctx, round)
    ctx.memory.add_trials(ctx.run_id, round, [_trial(ctx, row, fidelity) for row in admitted])
    ctx.fault("candidates.admitted")


def _rank(row: ProposalRow) -> int:
    return int((row.verdict or {}).get("rank") or 0)


def _trial(ctx: RunContext, row: ProposalRow, fidelity: Fidelity) -> NewTrial:
    architecture, seed = ctx.space.parse(row.architecture), ctx.settings.train.seed
    return new_trial(ctx.space, ctx.task, architecture, fidelity, seed, row.proposal_id)


def new_trial(
    space: SearchSpace,
    task: Task,
    architecture: Architecture,
    fidelity: Fidelity,
    seed: int,
    proposal_id: str | None = None,
) -> NewTrial:
    """Return a trial of an architecture to be stored."""
    cost = cost_on(task, space, architecture, fidelity)
    return NewTrial(
        proposal_id=proposal_id,
        space=space.origin.name,
        architecture=space.to_dict(architecture),
        code=space.code(architecture),
        genotype=space.genotype(architecture),
        digest=space.digest(architecture),
        task=task.name,
        task_digest=task.digest,
        fidelity=fidelity.key(),
        seed=seed,
        params=cost.params,
        macs=cost.macs,
    )


def _reuse(ctx: RunContext, row: TrialRow, progress: Trying) -> bool:
    """Finish a trial from an earlier run's equal one, if there is one; tell whether there was."""
    known = ctx.memory.find_finished(
        digest=row.digest,
        task_digest=row.task_digest,
        fidelity=row.fidelity,
        seed=row.seed,
        exclude_run=ctx.run_id,
        most_start_epochs=start_of(ctx.settings, row.epochs),
    )
    if known is None:
        return False
    ctx.memory.start_trial(row.trial_id)
    stored = ctx.memory.finish_trial(
        row.trial_id,
        state="complete",
        reason=None,
        detail="",
        # Equal networks may differ in dead edges, which count as parameters and MACs.
        objectives={
            **{name: value for name, value in known.objectives.items() if name != "latency_ms"},
            "params": row.params,
            "macs": row.macs,
            **_latency(ctx, job_of(ctx, row)),
        },
        curve=known.curve,
        cost=known.cost,
        reused_from=known.trial_id,
    )
    progress.finished(stored, ctx.standing())
    return True


def _latency(ctx: RunContext, job: Job) -> dict[str, float]:
    """Return the objective that a table of latencies adds: none without one, or where it lacks the architecture."""
    found = None if ctx.latency is None else ctx.latency.of(job.architecture)
    return {} if found is None else {"latency_ms": found}


def _run(ctx: RunContext, rows: list[TrialRow], progress: Trying) -> None:
    known = set(ctx.evaluator.notes)

    def start(job: Job) -> None:
        ctx.fault("worker.started")
        if job.live:  # only a training is counted in epochs
            epochs = job.fidelity.epochs if ctx.evaluator.name == "train" else 0
            begin_live(Path(job.live), epochs, job.start_epochs)
        progress.started(ctx.memory.start_trial(job.trial_id))

    def finish(job: Job, outcome: Outcome) -> None:
        ctx.fault("outcome.received")
        latency = _latency(ctx, job) if outcome.state == "complete" else {}
        stored = ctx.memory.finish_trial(
            job.trial_id,
            state=outcome.state,
            reason=outcome.reason,
            detail=outcome.detail,
            objectives={**outcome.objectives, **latency},
            curve=outcome.plain_curve(),
            cost=outcome.cost,
        )
        if job.live:
            end_live(Path(job.live))
        keep_useful(ctx)
        progress.finished(stored, ctx.standing())
        for note in ctx.evaluator.notes:
            if note not in known:
                known.add(note)
                ctx.progress.noted(note)

    if rows:
        jobs = jobs_of(ctx, rows)
        asked = (lambda: False) if ctx.evaluator.instant else ctx.should_stop
        ctx.evaluator.evaluate_many(jobs, on_start=start, on_outcome=finish, should_stop=asked)


def _give_feedback(ctx: RunContext, rows: list[TrialRow], round: int) -> None:
    history = ctx.past.close(round, rows)
    val_images = ctx.task.val_size if ctx.task.evaluator in ("train", "supernet") else 0
    for row in rows:
        if row.feedback is None:  # the noise is that of whole trainings
            noise = ctx.settings.confirm.noise if row.epochs == ctx.fidelity.epochs else None
            feedback = make_feedback(history[row.number], history, val_images=val_images, noise=noise)
            ctx.memory.set_feedback(row.trial_id, feedback.to_dict())
