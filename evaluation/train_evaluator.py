"""The evaluator that trains: every trial in a process of its own, none able to stop the search."""

from collections.abc import Sequence

from navarch import NavarchError
from navarch.evaluation.check import Limits, static_check
from navarch.evaluation.evaluator import Job
from navarch.evaluation.job import Action, Request
from navarch.evaluation.memory_limit import memory_limit_mb
from navarch.evaluation.placement import device_names
from navarch.evaluation.pool import WorkerPool, check_pool
from navarch.evaluation.pooled import PooledEvaluator
from navarch.evaluation.task import Task
from navarch.evaluation.task_data import training_recipe
from navarch.spaces import Architecture, get_space

AUTO_NOTE = "train.slots is auto: trials run one by one until the memory of one is measured"


class TrainEvaluator(PooledEvaluator):
    """Train architectures on the CPU or on CUDA and measure them on the validation split."""

    name = "train"

    def __init__(
        self,
        task: Task,
        *,
        slots: int | None = 2,
        device: str | Sequence[str] = "auto",
        timeout_s: float = 120.0,
        silent_s: float | None = None,
        limits: Limits | None = None,
        memory_mb: int | None = None,
        fault_hook: str | None = None,
        fault: str = "",
    ) -> None:
        """Check the settings; no process starts before the first trial.

        slots: trials at once on each device; None: as many as memory and cores allow once one was measured.
        device: auto, cpu, cuda, or a list of cuda:N. silent_s: a trial without a sign of life for so long is killed
        and run again, once; None: never. memory_mb: what one trial may take on the CPU; None: an equal share of the
        machine's memory for each slot.
        fault_hook, fault: for tests only: a module that acts out a fault inside the trial's process.
        Raises: NavarchError for a task without images, an unknown device, or numbers that make no sense.
        """
        training_recipe(task)
        check_pool(slots, timeout_s, silent_s)
        if memory_mb is not None and memory_mb < 1:
            raise NavarchError(f"The memory limit of a trial is {memory_mb!r} MiB; give at least 1.")
        devices = device_names(device)
        self.task = task
        self.limits = limits or Limits()
        self._fault = fault
        self._is_auto = slots is None
        self._memory_mb = memory_mb or memory_limit_mb(slots or 1)
        super().__init__(
            WorkerPool(
                task=task.reference,
                slots=slots,
                timeout_s=timeout_s,
                memory_mb=memory_mb or "share",
                devices=devices,
                silent_s=silent_s,
                hook=fault_hook,
            )
        )

    def __enter__(self) -> "TrainEvaluator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What of a published recipe is not done, and how many trials run at once where that is not given."""
        left_out = training_recipe(self.task).left_out
        recipe = (f"the recipe is followed but for: {', '.join(left_out)}",) if left_out else ()
        return (*recipe, *((AUTO_NOTE,) if self._is_auto else ()), *super().notes)

    def _refuse(self, job: Job) -> str | None:
        try:
            space = get_space(job.architecture.space)
            over = static_check(
                space, job.architecture, self.task, job.fidelity, self.limits, memory_mb=self._memory_mb
            )
        except NavarchError as error:  # a space, an option or a skeleton size that is not known
            return str(error)
        return None if over is None else str(over)

    def _request(self, action: Action, job: Job) -> Request:
        return Request(action, self._request_id(job), self.task.reference, "cpu", job, self._fault)

    def _show(self, architecture: Architecture) -> str:
        return get_space(architecture.space).code(architecture)
