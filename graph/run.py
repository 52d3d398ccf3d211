"""The run loop: start, resume, and the end, where the sealed test split is read once."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from langgraph.types import Durability

import navarch
from navarch import NavarchError
from navarch.evaluation import Evaluator
from navarch.graph.assemble import RunParts, make_context, make_evaluator, prepare
from navarch.graph.checkpoints import Saver, config_of, open_checkpoints, stored_position
from navarch.graph.confirmation import tested_trial, winner_of
from navarch.graph.confirming import confirm
from navarch.graph.context import RunContext
from navarch.graph.continuing import drop_weights
from navarch.graph.fault import fault
from navarch.graph.following import Follower, begin_test, shown_live, watched
from navarch.graph.interrupts import listening
from navarch.graph.lock import hold
from navarch.graph.noise import NOISE, check_noise, chosen, of_repeats, with_noise
from navarch.graph.paths import checkpoint_file, db_flag, lock_file, make_folder
from navarch.graph.places import moved, with_absolute_paths
from navarch.graph.progress import Progress, Silent
from navarch.graph.repeats import add_repeats, fresh_seeds, work_on_repeats
from navarch.graph.replaying import pin_recordings
from navarch.graph.result import RunResult, result_of
from navarch.graph.rules import round_sizes
from navarch.graph.screening import make_screen
from navarch.graph.settings import Settings, settings_of
from navarch.graph.state import start_state
from navarch.graph.stopping import StopRequest, StopRun, stop_reason
from navarch.graph.unchanged import refuse_other_data
from navarch.memory import Memory, RunRow


class RunFailed(NavarchError):
    """A run stopped on a problem; what it has done is kept, and it can be resumed."""


def start_run(settings: Settings, progress: Progress | None = None) -> RunResult:
    """Start a new run and work on it until it ends or is stopped. Raises: NavarchError before anything starts."""
    settings = pin_recordings(with_absolute_paths(settings))
    parts = prepare(settings)
    settings = settle(settings, parts)
    evaluator = make_evaluator(settings, parts)
    try:
        with Memory.open(settings.db, fault=fault) as memory:
            run = create_run(memory, settings, parts)
            settings = settings_of(run)
            return _work(memory, run, settings, parts, evaluator, progress or Silent())
    finally:
        evaluator.close()


def resume_run(
    name: str,
    db: Path,
    *,
    prompts: Path | None = None,
    base_url: str | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Go on with a stopped or killed run, with the settings that it was started with.

    `name` is a run id, a unique prefix, or `latest`. `prompts` and `base_url` replace the stored ones: where the text
    and the server lie may change, what is searched may not. A finished run is returned as it is.
    """
    with Memory.open(db, create=False, fault=fault) as memory:
        run = memory.get_run(name)
        settings = moved(settings_of(run), db, prompts, base_url)
        if run.state == "finished":
            return result_of(memory, run, settings)
        parts = prepare(settings)
        refuse_other_data(memory, run, parts)
        evaluator = make_evaluator(settings, parts)
        try:
            return _work(memory, run, settings, parts, evaluator, progress or Silent())
        finally:
            evaluator.close()


def start_noise(
    settings: Settings, codes: Sequence[str], seeds: int, progress: Progress | None = None
) -> RunResult:
    """Train architectures, by their codes, on fresh seeds: a run of repeats alone, which can be resumed.

    Without codes: what `noise.chosen` takes. What any run has repeated already is not trained again.
    Raises: NavarchError before anything starts.
    """
    settings = of_repeats(with_absolute_paths(settings))
    check_noise(settings, seeds)
    parts = prepare(settings)
    architectures = chosen(parts.space, codes, settings.seed)
    evaluator = make_evaluator(settings, parts)
    try:
        with Memory.open(settings.db, fault=fault) as memory:
            with memory.transaction():
                run = create_run(memory, settings, parts, workflow=NOISE)
                add_repeats(memory, run.run_id, parts, architectures, fresh_seeds(settings.train.seed, seeds))
            fault("candidates.admitted")
            return _work(memory, run, settings_of(run), parts, evaluator, progress or Silent())
    finally:
        evaluator.close()


def create_run(memory: Memory, settings: Settings, parts: RunParts, *, workflow: str | None = None) -> RunRow:
    """Store a new run with the settings that it is made of. workflow: what stands in the place of its own."""
    settings = with_noise(memory, settle(settings, parts), parts)
    return memory.create_run(
        workflow=workflow or parts.workflow.name,
        space=parts.space.origin.name,
        task=parts.task.name,
        task_digest=parts.task.digest,
        evaluator=settings.evaluator,
        seed=settings.seed,
        settings=settings.model_dump(mode="json"),
        version=navarch.__version__,
        dimensions={dimension.name: dimension.values for dimension in parts.space.dimensions},
    )


def settle(settings: Settings, parts: RunParts) -> Settings:
    """Return settings that say what the workflow's own defaults are now, whatever a later version makes of them."""
    own = {**round_sizes(settings), "rungs": parts.rungs}
    return settings.model_copy(update={"search": settings.search.model_copy(update=own)})


def finish_run(ctx: RunContext, reason: str) -> None:
    """End a run whose search is over: the best are confirmed where that is wanted, and the test split is read once."""
    ctx.memory.set_run_state(ctx.run_id, "finishing", reason)
    _cancel_unfinished(ctx)
    confirm(ctx)
    _read_test(ctx)
    drop_weights(ctx)
    ctx.memory.set_run_state(ctx.run_id, "finished", reason)


def _work(
    memory: Memory, run: RunRow, settings: Settings, parts: RunParts, evaluator: Evaluator, progress: Progress
) -> RunResult:
    began = time.monotonic()
    stop = StopRequest()
    make_folder(settings.db)
    with (
        closing(make_screen(settings, parts.task)) as screen,
        hold(lock_file(settings.db, run.run_id), run.run_id, db_flag(settings.db)),
        shown_live(settings.db, run.run_id),
        listening(stop),
    ):
        run = memory.begin_segment(run.run_id)
        memory.requeue_running(run.run_id)
        ctx = make_context(
            settings,
            parts,
            evaluator,
            run_id=run.run_id,
            memory=memory,
            progress=progress,
            elapsed_s=lambda: time.monotonic() - began,
            stop=stop,
            screen=screen,
        )
        progress.began(run, parts, evaluator)
        for note in evaluator.notes:
            progress.noted(note)
        with _stopping(ctx), watched(progress, Follower(memory, settings.db, run.run_id)):
            if run.workflow == NOISE:
                memory.set_run_state(run.run_id, "finished", work_on_repeats(ctx))
                return result_of(memory, memory.get_run(run.run_id), settings, stop.signal)
            _note_changed_prompts(ctx, parts)
            reason = run.stop_reason if run.state == "finishing" else search(ctx, parts)
            finish_run(ctx, reason or "the search is over")
        return result_of(memory, memory.get_run(run.run_id), settings, stop.signal)


@contextmanager
def _stopping(ctx: RunContext) -> Iterator[None]:
    """Store how the segment ended if it did not finish: stopped by a wish, or failed by an error."""
    try:
        yield
    except StopRun as wish:
        _leave(ctx, "stopped", wish.reason)
    except KeyboardInterrupt:
        _leave(ctx, "stopped", "interrupted twice")
        raise
    except BrokenPipeError:
        _leave(ctx, "stopped", "nobody reads its output any more")
        raise
    except NavarchError as error:
        _leave(ctx, "failed", str(error))
        raise RunFailed(
            f"{error}\nwhat run {ctx.run_id} has done is kept; go on with: navarch resume {ctx.run_id}"
            f"{db_flag(ctx.settings.db)}"
        ) from error


def _leave(ctx: RunContext, state: Literal["stopped", "failed"], reason: str) -> None:
    ctx.memory.requeue_running(ctx.run_id)
    if ctx.memory.get_run(ctx.run_id).state != "finishing":  # a run that is finishing goes on finishing
        ctx.memory.set_run_state(ctx.run_id, state, reason)


def _note_changed_prompts(ctx: RunContext, parts: RunParts) -> None:
    """Say which prompts are not what this run's earlier calls used, so that versions never mix silently."""
    last = {row.prompt: row for row in ctx.memory.calls(ctx.run_id)}
    for name, earlier in last.items():
        if earlier.prompt_digest != parts.library.get(name).digest:
            ctx.progress.noted(
                f"prompt {name!r} has changed since round {earlier.round}: new calls use the new text, "
                "and the trace shows which"
            )


def search(ctx: RunContext, parts: RunParts) -> str:
    """Run the graph until the search is over; return why it is."""
    try:
        with open_checkpoints(checkpoint_file(ctx.settings.db), ctx.fault, ctx.progress.noted) as saver:
            _invoke(ctx, parts, saver)
    except StopRun as wish:
        if not wish.final:
            raise
        return wish.reason
    return stop_reason(ctx.memory, ctx.run_id, ctx.settings, ctx.elapsed_s) or "the workflow ended"


def _invoke(ctx: RunContext, parts: RunParts, saver: Saver) -> None:
    """Run the graph from the newest checkpoint if the memory bears it out, else from the memory's last round."""
    graph = parts.workflow.build().compile(checkpointer=saver)
    rounds = ctx.rules.most_rounds(ctx.settings.budget.trials)
    config = config_of(ctx.run_id, rounds, ctx.rules.retries)
    last = ctx.memory.last_round(ctx.run_id)
    position = stored_position(saver, config)
    fits = (
        position is not None
        # before these it is an earlier segment's, after them the memory has lost its round
        and position["round"] in (last - 1, last)
        and position["written"] <= ctx.memory.written(ctx.run_id, position["round"])
    )
    start = None
    if not fits or not graph.get_state(config).next:
        saver.delete_thread(ctx.run_id)
        if last:
            ctx.progress.noted(f"no usable checkpoint: round {last} is taken up again from the memory")
        # Replaying the last round is free: every finished call and trial of it is found in the memory.
        start = start_state(ctx.run_id, max(0, last - 1))
    # A round that takes no time is not worth a checkpoint of its own.
    durability: Durability = "exit" if ctx.evaluator.instant else "sync"
    try:
        graph.invoke(start, config, context=ctx, durability=durability)
    finally:
        saver.keep_newest(ctx.run_id)


def _cancel_unfinished(ctx: RunContext) -> None:
    """Close trials that a spent time budget left waiting, so that a finished run has no open trial."""
    memory, run_id = ctx.memory, ctx.run_id
    for row in (*memory.trials(run_id, state="waiting"), *memory.trials(run_id, state="running")):
        memory.finish_trial(
            row.trial_id,
            state="failed",
            reason="cancelled",
            detail="the budget was spent first",
            objectives={},
            curve=[],
            cost={},
        )


def _read_test(ctx: RunContext) -> None:
    """Read the test split once, for the winner within the limits; a task may have none.

    A confirmed winner is tested with its first fresh seed: that of the search is the one that it was lucky with.
    """
    winner = winner_of(ctx.memory, ctx.run_id, ctx.settings)
    if winner is None or not ctx.task.has_test or ctx.memory.test_score(ctx.run_id) is not None:
        return
    row = tested_trial(ctx.memory, winner)
    ctx.progress.testing(row)
    begin_test(ctx.settings.db, ctx.run_id)
    score = ctx.evaluator.test(
        ctx.space.reveal(ctx.space.parse(row.architecture)), ctx.fidelity, row.seed, split="test"
    )
    if score is None:
        ctx.progress.noted("the evaluator has no test split: there is no final test score")
        return
    ctx.memory.set_test_score(ctx.run_id, row.trial_id, score.accuracy, score.val_accuracy, score.seconds)
    ctx.fault("test.scored")
