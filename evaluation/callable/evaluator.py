"""The evaluator that asks a user's own command or Python function."""

from typing import Any

from navarch import NavarchError
from navarch.evaluation.callable.command import Command
from navarch.evaluation.costing import cost_on
from navarch.evaluation.evaluator import Job
from navarch.evaluation.job import Action, Request
from navarch.evaluation.pool import WorkerPool, check_pool
from navarch.evaluation.pooled import PooledEvaluator
from navarch.evaluation.task import Task
from navarch.spaces import Architecture, SearchSpace

WORKER = "navarch.evaluation.callable.worker"


class CallableEvaluator(PooledEvaluator):
    """Start a command for each trial, a few at a time, each with a deadline and killed with all that it started."""

    name = "callable"

    def __init__(
        self, command: Command, task: Task, space: SearchSpace, *, slots: int = 1, timeout_s: float = 3600.0
    ) -> None:
        """Check the settings; nothing is started before the first trial.

        space: whose architectures the command measures. timeout_s: the deadline of one trial.
        Raises: NavarchError for numbers that make no sense, and for a task of another space.
        """
        check_pool(slots, timeout_s)
        task.fidelity(space.name)
        self.task = task
        self._command = command
        self._space = space
        super().__init__(
            WorkerPool(
                task=task.name,
                slots=slots,
                timeout_s=timeout_s,
                memory_mb=None,
                file_mb=None,
                processes=None,
                worker=WORKER,
                threads=None,
            )
        )

    def _refuse(self, job: Job) -> str | None:
        try:
            self._request("search", job).encode()
        except (NavarchError, ValueError) as error:
            return str(error)
        return None

    def _request(self, action: Action, job: Job) -> Request:
        call = {
            "arguments": list(self._command.arguments),
            "folder": str(self._command.folder),
            "message": self._message(action, job),
            "costs": self._costs(job.architecture),
        }
        return Request(action, self._request_id(job), self.task.name, "none", job, call=call)

    def _message(self, action: Action, job: Job) -> dict[str, Any]:
        """Return what the command reads."""
        arch = job.architecture
        return {
            "space": self._space.name,
            "architecture": self._space.to_dict(arch),
            "code": self._space.code(arch),
            "genotype": self._space.genotype(arch),
            "seed": job.seed,
            "split": "test" if action == "test" else "val",
        }

    def _costs(self, architecture: Architecture) -> dict[str, float]:
        cost = cost_on(self.task, self._space, architecture, None)
        return {"params": float(cost.params), "macs": float(cost.macs)}

    def _show(self, architecture: Architecture) -> str:
        return self._space.code(architecture)
