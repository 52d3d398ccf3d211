"""The evaluator that trains: every trial in a process of its own, none able to stop the search."""

import itertools
from collections.abc import Sequence
from typing import Literal

from navarch import NavarchError
from navarch.evaluation.check import Limits, static_check
from navarch.evaluation.evaluator import Job, OnOutcome, OnStart, ShouldStop, TestFailedError, TestScore
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.job import Action, BadReplyError, Request, read_outcome, read_test_score
from navarch.evaluation.memory_limit import memory_limit_mb
from navarch.evaluation.outcome import NO_COST, Outcome, TrialCost, failed, judge
from navarch.evaluation.pool import Exit, WorkerPool
from navarch.evaluation.task import Task, training_recipe
from navarch.spaces import Architecture, get_space

DEVICES = ("auto", "cpu", "cuda")


class TrainEvaluator:
    """Train architectures on the CPU or on CUDA and measure them on the validation split."""

    name = "train"

    def __init__(
        self,
        task: Task,
        *,
        slots: int = 2,
        device: str = "auto",
        timeout_s: float = 120.0,
        limits: Limits | None = None,
        memory_mb: int | None = None,
        fault_hook: str | None = None,
        fault: str = "",
    ) -> None:
        """Check the settings; no process starts before the first trial.

        memory_mb: what one trial may take on the CPU; None shares the machine's memory between the slots.
        fault_hook, fault: for tests only: a module that acts out a fault inside the trial's process.
        Raises: NavarchError for a task without images, an unknown device, or numbers that make no sense.
        """
        training_recipe(task)
        _check_settings(slots, device, timeout_s, memory_mb)
        self.task = task
        self.slots = slots
        self.device = device
        self.limits = limits or Limits()
        self._fault = fault
        self._numbers = itertools.count(1)
        self._memory_mb = memory_mb or memory_limit_mb(slots)
        self._pool = WorkerPool(
            task=task.name, slots=slots, timeout_s=timeout_s, memory_mb=self._memory_mb, hook=fault_hook
        )

    def evaluate(self, architecture: Architecture, fidelity: Fidelity, seed: int) -> Outcome:
        """Train one architecture."""
        outcomes: list[Outcome] = []
        self.evaluate_many(
            [Job("single", architecture, fidelity, seed)],
            on_start=lambda _job: None,
            on_outcome=lambda _job, outcome: outcomes.append(outcome),
            should_stop=lambda: False,
        )
        return outcomes[0]

    def evaluate_many(
        self, jobs: Sequence[Job], *, on_start: OnStart, on_outcome: OnOutcome, should_stop: ShouldStop
    ) -> None:
        """Train all jobs, `slots` at a time; see `Evaluator.evaluate_many`."""
        requests = []
        for job in jobs:
            refusal = self._refuse(job)
            if refusal is None:
                requests.append(self._request("search", job))
            elif not should_stop():
                on_start(job)
                on_outcome(job, failed("invalid", refusal))
        self._pool.run(
            requests,
            on_start=lambda request: on_start(request.job),
            on_exit=lambda ended: on_outcome(ended.request.job, _read_search(ended)),
            should_stop=should_stop,
        )

    def test(
        self, architecture: Architecture, fidelity: Fidelity, seed: int, *, split: Literal["test"]
    ) -> TestScore:
        """Train again with the same seed and read the sealed test split. Raises: TestFailedError."""
        if split != "test":
            raise ValueError(f"split is {split!r}; the sealed split is called 'test'")
        request = self._request("test", Job("test", architecture, fidelity, seed))
        results: list[TestScore | Outcome] = []
        self._pool.run(
            [request],
            on_start=lambda _request: None,
            on_exit=lambda ended: results.append(_read_test(ended)),
            should_stop=lambda: False,
        )
        result = results[0]
        if isinstance(result, Outcome):
            code = get_space(architecture.space).code(architecture)
            raise TestFailedError(
                f"The final test of {code} failed ({result.reason}: {result.detail}); "
                "the search's results are kept, and the test can be repeated."
            )
        return result

    def close(self) -> None:
        """End the worker processes."""
        self._pool.close()

    def __enter__(self) -> "TrainEvaluator":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def server_pid(self) -> int | None:
        """The process id of the fork server while it runs; for tests and for `doctor`."""
        return self._pool.server_pid

    def _refuse(self, job: Job) -> str | None:
        """Return why a job is not worth a process, or None."""
        try:
            space = get_space(job.architecture.space)
            over = static_check(
                space, job.architecture, self.task, job.fidelity, self.limits, memory_mb=self._memory_mb
            )
        except NavarchError as error:  # a space, an option or a skeleton size that is not known
            return str(error)
        return None if over is None else str(over)

    def _request(self, action: Action, job: Job) -> Request:
        number = next(self._numbers)
        return Request(action, f"{number}:{job.trial_id}", self.task.name, self.device, job, self._fault)


def _read_search(ended: Exit) -> Outcome:
    """Turn an exit into an outcome: what the trial wrote, else the reason of its end."""
    cost = TrialCost(ended.seconds, 0.0, ended.peak_memory_mb, NO_COST.device, 0)
    if ended.reason is not None or ended.folder is None:
        return failed(ended.reason or "crashed", ended.detail, cost=cost)
    try:
        return judge(read_outcome(ended.folder, ended.request.request_id))
    except BadReplyError as error:
        return failed("crashed", f"its process ended with exit code 0, but {error}", cost=cost)


def _read_test(ended: Exit) -> TestScore | Outcome:
    if ended.reason is not None or ended.folder is None:
        return _read_search(ended)
    try:
        return read_test_score(ended.folder, ended.request.request_id)
    except BadReplyError as error:
        return failed("crashed", f"its process ended with exit code 0, but {error}")


def _check_settings(slots: int, device: str, timeout_s: float, memory_mb: int | None) -> None:
    if device not in DEVICES and not (device.startswith("cuda:") and device[5:].isdecimal()):
        raise NavarchError(f"The device is {device!r}; give auto, cpu, cuda or cuda:N.")
    if slots < 1:
        raise NavarchError(f"The number of trials at once is {slots!r}; give at least 1.")
    if not timeout_s > 0:
        raise NavarchError(f"The time limit of a trial is {timeout_s!r} seconds; give more than 0.")
    if memory_mb is not None and memory_mb < 1:
        raise NavarchError(f"The memory limit of a trial is {memory_mb!r} MiB; give at least 1.")
