"""Weights of a run's trials: where they lie, which trial goes on from which, and whose are of no more use.

They lie beside the memory, in a folder of the run. Whatever is missing there costs epochs and never a trial.
"""

import re
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from navarch.evaluation import Continuation, Job
from navarch.graph.context import RunContext
from navarch.graph.paths import weights_folder
from navarch.graph.records import job_of
from navarch.graph.rungs import goes_on, promising
from navarch.graph.stop_rule import bars_for
from navarch.memory import REPEATS, TrialRow

_FILE = re.compile(r"t(\d+)\.pt(\.part)?", re.ASCII)


def jobs_of(ctx: RunContext, rows: list[TrialRow]) -> list[Job]:
    """Return the jobs of a round's trials, with the weights that they go on from and the bars that they must reach.

    Repeats begin anew, with weights of their own seeds, and end when they end.
    """
    jobs = [job_of(ctx, row) for row in rows]
    if any(row.round == REPEATS for row in rows):
        return jobs
    bars = bars_for(ctx, rows)
    if bars:
        jobs = [replace(job, bars=bars) for job in jobs]
    if not goes_on(ctx.settings):
        return jobs
    folder = _folder(ctx)
    with suppress(OSError):  # the trials will say that their weights could not be kept
        folder.mkdir(mode=0o700, exist_ok=True)
    known = {(row.digest, row.epochs): row for row in ctx.memory.trials(ctx.run_id)}
    return [
        replace(job, continuation=_continuation(ctx, folder, row, known))
        for job, row in zip(jobs, rows, strict=True)
    ]


def keep_useful(ctx: RunContext) -> None:
    """Remove the weights of finished trials that none can go on from, and of the least promising above the bound."""
    if not goes_on(ctx.settings) or not (files := _files(_folder(ctx))):
        return
    rows = ctx.memory.trials(ctx.run_id)
    left = ctx.settings.search.weights_mb * 2**20
    kept = {row.number for row in rows if not row.is_finished}
    for number in promising(rows, ctx.settings):
        left -= sum(_size(path) for path in files.get(number, ()))
        if left < 0:
            break
        kept.add(number)
    for number, paths in files.items():
        for path in paths if number not in kept else ():
            path.unlink(missing_ok=True)


def drop_weights(ctx: RunContext) -> None:
    """Remove all weights of a run whose search is over."""
    shutil.rmtree(_folder(ctx), ignore_errors=True)


def _continuation(
    ctx: RunContext, folder: Path, row: TrialRow, known: dict[tuple[str, int], TrialRow]
) -> Continuation:
    rungs = ctx.settings.search.rungs or ()
    place = rungs.index(row.epochs)
    save = str(_file(folder, row)) if place < len(rungs) - 1 else ""
    lower = known.get((row.digest, rungs[place - 1])) if place else None
    if lower is None:
        return Continuation(save=save)
    return Continuation(str(_file(folder, lower)), lower.number, lower.epochs, save)


def _folder(ctx: RunContext) -> Path:
    return weights_folder(ctx.memory.path, ctx.run_id)


def _file(folder: Path, row: TrialRow) -> Path:
    return folder / f"t{row.number}.pt"


def _files(folder: Path) -> dict[int, list[Path]]:
    """Return the files of each trial, those that are half written included."""
    found: dict[int, list[Path]] = {}
    with suppress(OSError):
        for path in folder.iterdir():
            if (named := _FILE.fullmatch(path.name)) is not None:
                found.setdefault(int(named[1]), []).append(path)
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
