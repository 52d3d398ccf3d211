"""One piece of a supernet's work in a process of its own, as trials are run: a deadline, no keys, gone with us."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from navarch.evaluation.evaluator import Job
from navarch.evaluation.job import BadReplyError, Request, read_outcome
from navarch.evaluation.placement import device_names
from navarch.evaluation.pool import WorkerPool
from navarch.evaluation.running import Exit
from navarch.evaluation.supernet.evaluator import WORKER
from navarch.evaluation.task import Task


def run_alone(
    call: Mapping[str, Any],
    job: Job,
    task: Task,
    *,
    device: str,
    timeout_s: float,
    look: Callable[[Path | None], object] = lambda folder: None,
) -> str | None:
    """Return why it ended badly, or None. look: told again and again, and at the end, of the process's work folder."""
    pool = WorkerPool(
        task=task.reference,
        slots=1,
        timeout_s=timeout_s,
        memory_mb="share",
        devices=device_names(device),
        file_mb=None,
        worker=WORKER,
    )

    request = Request("search", "supernet", task.reference, "cpu", job, call=call)
    failures: list[str] = []

    def should_stop() -> bool:
        look(pool.folder_of(request.request_id))
        return False

    def end(ended: Exit) -> None:
        look(ended.folder)
        failures.extend(_failure(ended))

    try:
        pool.run([request], on_start=lambda request: None, on_exit=end, should_stop=should_stop)
    finally:
        pool.close()
    return failures[0] if failures else None


def _failure(ended: Exit) -> list[str]:
    """Return why it ended badly; nothing when it did not."""
    if ended.reason is not None or ended.folder is None:
        return [ended.detail]
    try:
        outcome = read_outcome(ended.folder, ended.request.request_id)
    except BadReplyError as error:
        return [str(error)]
    return [] if outcome.state == "complete" else [outcome.detail.strip().splitlines()[-1]]
