"""The screen: zero-cost proxies of candidates before any is trained, each in a process of its own."""

from collections.abc import Callable, Sequence

from navarch.evaluation.evaluator import Job
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.job import BadReplyError, Request, read_reply
from navarch.evaluation.pool import WorkerPool, check_pool
from navarch.evaluation.proxies.names import check_names
from navarch.evaluation.proxies.scores import Scores
from navarch.evaluation.running import Exit
from navarch.evaluation.task import Task
from navarch.spaces import Architecture

WORKER = "navarch.evaluation.proxies.worker"
OnScores = Callable[[int, Scores], None]


class ProxyScreen:
    """Measure proxies on the CPU, with a deadline for each architecture; nothing it measures can stop a search.

    The images are those of a task that networks train on, else Gaussian noise of the task's size.
    """

    def __init__(
        self, names: Sequence[str], task: Task, *, slots: int = 1, batch: int = 64, timeout_s: float = 60.0
    ) -> None:
        """Start nothing before the first architecture. Raises: NavarchError for unknown names and senseless numbers."""
        self.names = check_names(names)
        check_pool(slots, timeout_s)
        self._task, self._batch = task, batch
        self._images_of = task.reference if task.evaluator == "train" else ""
        self._pool = WorkerPool(
            task=self._images_of,
            slots=slots,
            timeout_s=timeout_s,
            memory_mb="share",
            devices=("cpu",),
            worker=WORKER,
        )

    def measure(
        self,
        architectures: Sequence[Architecture],
        fidelity: Fidelity,
        *,
        on_scores: OnScores,
        should_stop: Callable[[], bool],
    ) -> None:
        """Report the scores of every architecture by its place, in any order; a process that fails is a reason.

        After a stop, what is not finished is not reported.
        """
        requests = [
            self._request(number, architecture, fidelity) for number, architecture in enumerate(architectures)
        ]
        self._pool.run(
            requests,
            on_start=lambda _request: None,
            on_exit=lambda ended: on_scores(int(ended.request.request_id), self._read(ended)),
            should_stop=should_stop,
        )

    def close(self) -> None:
        """End the processes; closing twice is fine."""
        self._pool.close()

    def _request(self, number: int, architecture: Architecture, fidelity: Fidelity) -> Request:
        task, job = self._task, Job(str(number), architecture, fidelity, 0)
        call = {
            "names": list(self.names),
            "batch": self._batch,
            "shape": [task.in_channels, task.resolution, task.resolution],
            "classes": task.classes,
        }
        return Request("search", str(number), self._images_of, "cpu", job, call=call)

    def _read(self, ended: Exit) -> Scores:
        why = (
            f"{ended.reason}: {ended.detail.strip().splitlines()[-1] if ended.detail.strip() else 'no word'}"
        )
        if ended.reason is None and ended.folder is not None:
            try:
                return Scores.from_dict(read_reply(ended.folder, ended.request.request_id)["scores"])
            except (BadReplyError, KeyError, TypeError, ValueError) as error:
                why = f"crashed: it left no scores ({error})"
        return Scores({}, {}, dict.fromkeys(self.names, why[-500:]))
