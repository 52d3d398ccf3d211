"""The evaluator of shared weights: a trial inherits them, re-estimates its statistics and is validated."""

from collections.abc import Sequence

from navarch import NavarchError
from navarch.evaluation.costing import cost_on
from navarch.evaluation.evaluator import Job
from navarch.evaluation.job import Action, Request
from navarch.evaluation.placement import device_names
from navarch.evaluation.pool import WorkerPool, check_pool
from navarch.evaluation.pooled import PooledEvaluator
from navarch.evaluation.supernet.task import SupernetFile, supernet_task
from navarch.spaces import Architecture, SearchSpace

WORKER = "navarch.evaluation.supernet.worker"
PROGRESS_NAME = "progress.jsonl"  # of a training, in the work folder of its process: a line for each epoch


class SupernetEvaluator(PooledEvaluator):
    """Measure architectures with the weights of a trained supernet, each in a process of its own."""

    name = "supernet"

    def __init__(
        self,
        file: SupernetFile,
        space: SearchSpace,
        *,
        images: int = 2000,
        slots: int = 2,
        device: str | Sequence[str] = "auto",
        timeout_s: float = 120.0,
        silent_s: float | None = None,
        fault_hook: str | None = None,
        fault: str = "",
    ) -> None:
        """Check the settings; no process starts before the first trial.

        images: training images, at most, that set the statistics of batch normalisation. slots: trials at once on each
        device. device: auto, cpu, cuda, or a list of cuda:N. silent_s: a trial without a sign of life for so long is
        killed and run again, once; None: never. fault_hook, fault: for tests only, as of `TrainEvaluator`.
        Raises: NavarchError for numbers that make no sense.
        """
        check_pool(slots, timeout_s, silent_s)
        self.task = supernet_task(file, images=images)
        self._file, self._space, self._images, self._fault = file, space, images, fault
        super().__init__(
            WorkerPool(
                task=file.task.reference,
                slots=slots,
                timeout_s=timeout_s,
                memory_mb="share",
                devices=device_names(device),
                silent_s=silent_s,
                worker=WORKER,
                hook=fault_hook,
            )
        )

    def __enter__(self) -> "SupernetEvaluator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """Say what the accuracies are worth, and when fewer trials run at once."""
        return (
            "accuracies are those of weights that all architectures share; the best is to be trained alone "
            f"before it is used; weights {self._file.digest[:16]} of {self._file.path.name}",
            *super().notes,
        )

    def _refuse(self, job: Job) -> str | None:
        sizes = dict(self._file.skeleton)
        if dict(job.fidelity.skeleton) != sizes:
            return f"the supernet was trained with the skeleton {sizes}, not {dict(job.fidelity.skeleton)}"
        try:
            self._request("search", job)
        except NavarchError as error:  # an architecture of another space
            return str(error)
        return None

    def _request(self, action: Action, job: Job) -> Request:
        cost = cost_on(self.task, self._space, job.architecture, job.fidelity)
        call = {
            "do": "score",
            "path": str(self._file.path),
            "digest": self._file.digest,
            "images": self._images,
            "params": cost.params,
            "macs": cost.macs,
        }
        reference = self._file.task.reference
        return Request(action, self._request_id(job), reference, "cpu", job, self._fault, call)

    def _show(self, architecture: Architecture) -> str:
        return self._space.code(architecture)
