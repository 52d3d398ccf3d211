"""The run loop: start, resume, and the end, where the sealed test split is read once."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from os.path import isfile
from pathlib import Path
from typing import Literal

import navarch
from navarch import NavarchError
from navarch.evaluation import Evaluator
from navarch.evaluation.images.finding import is_image_path
from navarch.graph.assemble import RunParts, make_context, make_evaluator, prepare
from navarch.graph.checkpoints import Saver, config_of, open_checkpoints, stored_position
from navarch.graph.context import RunContext
from navarch.graph.continuing import drop_weights
from navarch.graph.fault import fault
from navarch.graph.following import Follower, begin_test, shown_live, watched
from navarch.graph.interrupts import listening
from navarch.graph.lock import hold
from navarch.graph.money import money_of
from navarch.graph.paths import checkpoint_file, lock_file, make_folder
from navarch.graph.progress import Progress, Silent
from navarch.graph.replaying import pin_recordings
from navarch.graph.rules import round_sizes, rules_of
from navarch.graph.rungs import goes_on
from navarch.graph.screening import make_screen
from navarch.graph.settings import Settings, settings_of
from navarch.graph.state import start_state
from navarch.graph.stopping import StopRequest, StopRun, stop_reason
from navarch.graph.unchanged import refuse_other_data
from navarch.memory import Memory, ReplySources, RunRow, TestScoreRow, TrialRow


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a segment of a run ended.

    money: what its model calls cost, None where no price is stated. signal: what stopped it, 0 if none.
    """

    run: RunRow
    reason: str
    best: TrialRow | None
    test: TestScoreRow | None
    replies: ReplySources
    money: float | None
    signal: int


class RunFailed(NavarchError):
    """A run stopped on a problem; what it has done is kept, and it can be resumed."""


def start_run(settings: Settings, progress: Progress | None = None) -> RunResult:
    """Start a new run and work on it until it ends or is stopped. Raises: NavarchError before anything starts."""
    settings = pin_recordings(_with_absolute_paths(settings))
    parts = prepare(settings)
    settings = settle(settings, parts)
    evaluator = make_evaluator(settings, parts)
    try:
        with Memory.open(settings.db, fault=fault) as memory:
            run = create_run(memory, settings, parts)
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
        settings = _moved(settings_of(run), db, prompts, base_url)
        if run.state == "finished":
            return result_of(memory, run, settings)
        parts = prepare(settings)
        refuse_other_data(memory, run, parts)
        evaluator = make_evaluator(settings, parts)
        try:
            return _work(memory, run, settings, parts, evaluator, progress or Silent())
        finally:
            evaluator.close()


def create_run(memory: Memory, settings: Settings, parts: RunParts) -> RunRow:
    """Store a new run with the settings that it is made of."""
    return memory.create_run(
        workflow=parts.workflow.name,
        space=parts.space.origin.name,
        task=parts.task.name,
        task_digest=parts.task.digest,
        evaluator=settings.evaluator,
        seed=settings.seed,
        settings=settle(settings, parts).model_dump(mode="json"),
        version=navarch.__version__,
    )


def settle(settings: Settings, parts: RunParts) -> Settings:
    """Return settings that say what the workflow's own defaults are now, whatever a later version makes of them."""
    own = {
        **round_sizes(settings),
        "rungs": parts.rungs,
        "continuation": goes_on(settings),
    }
    return settings.model_copy(update={"search": settings.search.model_copy(update=own)})


def finish_run(ctx: RunContext, reason: str) -> None:
    """End a run whose search is over: from here on it trains nothing new, and the test split is read once."""
    ctx.memory.set_run_state(ctx.run_id, "finishing", reason)
    _cancel_unfinished(ctx)
    _read_test(ctx)
    drop_weights(ctx)
    ctx.memory.set_run_state(ctx.run_id, "finished", reason)


def _with_absolute_paths(settings: Settings) -> Settings:
    """Return settings that mean the same files when the run is resumed from another folder."""
    table, own = settings.table, settings.callable
    given = {name: path for name in ("path", "latency") if (path := getattr(table, name)) is not None}
    # What is no file is the name of imported data.
    table = table.model_copy(
        update={name: path.absolute() if isfile(path) else path for name, path in given.items()}
    )
    own = own.model_copy(update={"folder": own.folder.absolute()})
    prompts = settings.prompts.absolute() if settings.prompts is not None else None
    space = str(Path(settings.space).absolute()) if settings.space.endswith(".toml") else settings.space
    task = settings.task
    if settings.evaluator == "train" and task is not None and is_image_path(task):
        task = str(Path(task).expanduser().absolute())
    update = {"prompts": prompts, "table": table, "callable": own, "space": space, "task": task}
    return settings.model_copy(update=update)


def _moved(settings: Settings, db: Path, prompts: Path | None, base_url: str | None) -> Settings:
    changes: dict[str, object] = {"db": db}
    if prompts is not None:
        changes["prompts"] = prompts.absolute()
    if base_url is not None:
        changes["server"] = settings.server.model_copy(update={"base_url": base_url})
    return settings.model_copy(update=changes)


def _work(
    memory: Memory, run: RunRow, settings: Settings, parts: RunParts, evaluator: Evaluator, progress: Progress
) -> RunResult:
    began = time.monotonic()
    stop = StopRequest()
    make_folder(settings.db)
    with (
        closing(make_screen(settings, parts.task)) as screen,
        hold(lock_file(settings.db, run.run_id), run.run_id),
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
    except NavarchError as error:
        _leave(ctx, "failed", str(error))
        raise RunFailed(
            f"{error}\nwhat run {ctx.run_id} has done is kept; go on with: navarch resume {ctx.run_id}"
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
    rules = rules_of(ctx.settings)
    config = config_of(ctx.run_id, rules.most_rounds(ctx.settings.budget.trials), rules.retries)
    last = ctx.memory.last_round(ctx.run_id)
    position = stored_position(saver, config)
    fits = position is not None and position["written"] <= ctx.memory.written(ctx.run_id, position["round"])
    start = None
    if not fits or not graph.get_state(config).next:
        saver.delete_thread(ctx.run_id)
        if last:
            ctx.progress.noted(f"no usable checkpoint: round {last} is taken up again from the memory")
        # Replaying the last round is free: every finished call and trial of it is found in the memory.
        start = start_state(ctx.run_id, max(0, last - 1))
    try:
        graph.invoke(start, config, context=ctx, durability="sync")
    finally:
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
    """Read the test split once, for the best by validation within the limits; a task may have none."""
    best = ctx.standing().best
    if best is None or not ctx.task.has_test or ctx.memory.test_score(ctx.run_id) is not None:
        return
    ctx.progress.testing(best)
    begin_test(ctx.settings.db, ctx.run_id)
    score = ctx.evaluator.test(
        ctx.space.reveal(ctx.space.parse(best.architecture)), ctx.fidelity, best.seed, split="test"
    )
    if score is None:
        ctx.progress.noted("the evaluator has no test split: there is no final test score")
        return
    ctx.memory.set_test_score(ctx.run_id, best.trial_id, score.accuracy, score.val_accuracy, score.seconds)
    ctx.fault("test.scored")


def result_of(memory: Memory, run: RunRow, settings: Settings, signal: int = 0) -> RunResult:
    """Return how a run stands, read from the memory."""
    best = memory.best_trial(run.run_id, **settings.admitted)
    test = memory.test_score(run.run_id)
    if test is not None and best is not None and test.trial_id != best.trial_id:
        test = None  # it belongs to another architecture
    replies, money = memory.reply_sources(run.run_id), money_of(memory, run.run_id, settings)
    return RunResult(run, run.stop_reason or "", best, test, replies, money, signal)
