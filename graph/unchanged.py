"""What a resumed run must find as it left it: trials on two sets of data cannot be compared."""

from navarch import NavarchError
from navarch.graph.assemble import RunParts
from navarch.memory import Memory, RunRow


def refuse_other_data(memory: Memory, run: RunRow, parts: RunParts) -> None:
    """Compare the task, and the latencies that trials have, with what is found now. Raises: NavarchError."""
    if run.task_digest != parts.task.digest:
        raise NavarchError(
            f"run {run.run_id!r} was started on task {run.task!r} with data or code {run.task_digest}, and that is now "
            f"{parts.task.digest}: bring the old back, or start a new run"
        )
    for trial in memory.trials(run.run_id):
        measured = trial.objectives.get("latency_ms")
        if measured is None or parts.latency is None:
            continue
        now = parts.latency.of(parts.space.reveal(parts.space.parse(trial.architecture)))
        if now != measured:
            found = "none" if now is None else f"{now:g} ms"
            raise NavarchError(
                f"run {run.run_id!r} was started with other latencies: trial {trial.number} had {measured:g} ms, "
                f"and the table has {found} for it now: bring the old table back, or start a new run"
            )
