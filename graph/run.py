"""The run loop: start, resume, and the end, where the sealed test split is read once."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import navarch
from navarch import NavarchError
from navarch.evaluation import Evaluator
from navarch.graph.assemble import RunParts, make_context, make_evaluator, prepare
from navarch.graph.checkpoints import config_of, open_checkpoints, stored_position
from navarch.graph.context import RunContext
from navarch.graph.fault import fault
from navarch.graph.interrupts import listening
from navarch.graph.lock import hold
from navarch.graph.paths import checkpoint_file, lock_file
from navarch.graph.progress import Progress, Silent
from navarch.graph.settings import Settings
from navarch.graph.state import start_state
from navarch.graph.stopping import StopRequest, StopRun, stop_reason
from navarch.memory import Memory, RunRow, TestScoreRow, TrialRow


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a segment of a run ended. `signal` is the signal that stopped it, 0 if none."""

    run: RunRow
    reason: str
    best: TrialRow | None
    test: TestScoreRow | None
    signal: int


def start_run(settings: Settings, progress: Progress | None = None) -> RunResult:
    """Start a new run and work on it until it ends or is stopped. Raises: NavarchError before anything starts."""
    parts = prepare(settings)
    evaluator = make_evaluator(settings, parts)
    try:
        with Memory.open(settings.db, fault=fault) as memory:
            run = _create(memory, settings, parts)
            return _work(memory, run, settings, parts, evaluator, progress or Silent())
    finally:
        evaluator.close()


def resume_run(
    name: str, db: Path, prompts: Path | None = None, progress: Progress | None = None
) -> RunResult:
    """Go on with a stopped or killed run, with the settings that it was started with.

    `name` is a run id, a unique prefix, or `latest`. A finished run is returned as it is: its test split was read.
    """
    listener = progress or Silent()
    with Memory.open(db, create=False, fault=fault) as memory:
        run = memory.get_run(name)
        settings = Settings(**{**run.settings, "db": db, **({"prompts": prompts} if prompts else {})})
        if run.state == "finished":
            return _result(memory, run, settings, run.stop_reason or "", 0)
        parts = prepare(settings)
        _refuse_other_task(run, parts)
        evaluator = make_evaluator(settings, parts)
        try:
            return _work(memory, run, settings, parts, evaluator, listener)
        finally:
            evaluator.close()


def _create(memory: Memory, settings: Settings, parts: RunParts) -> RunRow:
    return memory.create_run(
        workflow=parts.workflow.name,
        space=parts.space.name,
        task=parts.task.name,
        task_digest=parts.task.digest,
        evaluator=settings.evaluator,
        seed=settings.seed,
        settings=settings.model_dump(mode="json"),
        version=navarch.__version__,
    )


def _refuse_other_task(run: RunRow, parts: RunParts) -> None:
    if run.task_digest != parts.task.digest:
        raise NavarchError(
            f"run {run.run_id!r} was started on task {run.task!r} with data {run.task_digest}, and the data is now "
            f"{parts.task.digest}: bring the old data back, or start a new run"
        )


def _work(
    memory: Memory, run: RunRow, settings: Settings, parts: RunParts, evaluator: Evaluator, progress: Progress
) -> RunResult:
    began = time.monotonic()
    stop = StopRequest()
    with hold(lock_file(settings.db, run.run_id), run.run_id), listening(stop):
        memory.begin_segment(run.run_id)
        memory.requeue_running(run.run_id)
        run = memory.get_run(run.run_id)
        ctx = make_context(
            settings,
            parts,
            evaluator,
            run_id=run.run_id,
            memory=memory,
            progress=progress,
            elapsed_s=lambda: time.monotonic() - began,
            stop=stop,
        )
        progress.began(run, parts, evaluator)
        with _stopping(ctx):
            reason = _search(ctx, parts)
            _cancel_unfinished(ctx)
            _read_test(ctx)
            memory.set_run_state(run.run_id, "finished", reason)
        ended = memory.get_run(run.run_id)
        return _result(memory, ended, settings, ended.stop_reason or "", stop.signal)


@contextmanager
def _stopping(ctx: RunContext) -> Iterator[None]:
    """Store how the segment ended if it did not finish: stopped by a wish, or failed by an error."""
    try:
        yield
    except StopRun as wish:
        ctx.memory.requeue_running(ctx.run_id)
        ctx.memory.set_run_state(ctx.run_id, "stopped", wish.reason)
    except KeyboardInterrupt:
        ctx.memory.requeue_running(ctx.run_id)
        ctx.memory.set_run_state(ctx.run_id, "stopped", "interrupted twice")
        raise
    except NavarchError as error:
        ctx.memory.requeue_running(ctx.run_id)
        ctx.memory.set_run_state(ctx.run_id, "failed", str(error))
        raise


def _search(ctx: RunContext, parts: RunParts) -> str:
    """Run the graph until the search is over; return why it is."""
    try:
        _invoke(ctx, parts)
    except StopRun as wish:
        if not wish.final:
            raise
        return wish.reason
    except sqlite3.Error as error:
        raise NavarchError(
            f"checkpoint file {str(checkpoint_file(ctx.settings.db))!r} cannot be written ({error}): free disk space "
            f"or check its permissions, then run `navarch resume {ctx.run_id}`"
        ) from error
    return stop_reason(ctx.memory, ctx.run_id, ctx.settings, ctx.elapsed_s) or "the workflow ended"


def _invoke(ctx: RunContext, parts: RunParts) -> None:
    rounds = ctx.memory.rounds(ctx.run_id)
    last = max((row.round for row in rounds), default=0)
    with open_checkpoints(checkpoint_file(ctx.settings.db), ctx.fault, ctx.progress.noted) as saver:
        graph = parts.workflow.build().compile(checkpointer=saver)
        config = config_of(ctx.run_id, ctx.settings.budget.trials, ctx.settings.search.retries)
        position = stored_position(saver, config)
        usable = position is not None and position["round"] <= last and bool(graph.get_state(config).next)
        if not usable:
            saver.delete_thread(ctx.run_id)
        if not usable and last:
            ctx.progress.noted(f"no usable checkpoint: round {last} is taken up again from the memory")
        # Replaying the last round is free: every finished call and trial of it is found in the memory.
        start = None if usable else start_state(ctx.run_id, max(0, last - 1))
        graph.invoke(start, config, context=ctx, durability="sync")
        saver.keep_newest(ctx.run_id)


def _cancel_unfinished(ctx: RunContext) -> None:
    """Close trials that a spent time budget left waiting, so that a finished run has no open trial."""
    for row in ctx.memory.trials(ctx.run_id):
        if row.state in ("waiting", "running"):
            ctx.memory.finish_trial(
                row.trial_id,
                state="failed",
                reason="cancelled",
                detail="the budget was spent first",
                objectives={},
                curve=[],
                cost={},
            )


def _read_test(ctx: RunContext) -> None:
    """Read the test split once, for the best by validation within the limits."""
    best = ctx.standing().best
    if best is None or ctx.memory.test_score(ctx.run_id) is not None:
        return
    ctx.progress.testing(best)
    score = ctx.evaluator.test(ctx.space.parse(best.architecture), ctx.fidelity, best.seed, split="test")
    ctx.memory.set_test_score(ctx.run_id, best.trial_id, score.accuracy, score.val_accuracy, score.seconds)
    ctx.fault("test.scored")


def _result(memory: Memory, run: RunRow, settings: Settings, reason: str, signal: int) -> RunResult:
    limits = settings.limits
    best = memory.best_trial(run.run_id, max_params=limits.max_params, max_macs=limits.max_macs)
    return RunResult(run, reason, best, memory.test_score(run.run_id), signal)
