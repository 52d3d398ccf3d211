"""What evaluators share whose trials are processes: jobs become requests, exits become outcomes or test scores."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from navarch.evaluation.evaluator import Job, OnOutcome, OnStart, ShouldStop, TestFailedError, TestScore
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.job import Action, BadReplyError, Request, read_outcome, read_test_score
from navarch.evaluation.outcome import DETAIL_CAP, NO_COST, Outcome, TrialCost, failed, judge
from navarch.evaluation.pool import WorkerPool
from navarch.evaluation.running import Exit
from navarch.spaces import Architecture


class PooledEvaluator(ABC):
    """Run every trial in a process of its own, none able to stop the search."""

    instant = False

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._numbers = itertools.count(1)
        self._chosen: list[str] = []

    @property
    def slots(self) -> int:
        """How many trials run at once."""
        return self._pool.slots

    @property
    def notes(self) -> tuple[str, ...]:
        """How many trials run at once, where that was chosen by what was measured."""
        return tuple(self._chosen)

    def evaluate(self, architecture: Architecture, fidelity: Fidelity, seed: int) -> Outcome:
        """Measure one architecture."""
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
        """Measure all jobs, `slots` at a time; see `Evaluator.evaluate_many`."""
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
            on_exit=lambda ended: on_outcome(ended.request.job, self._learn(ended, _read_search(ended))),
            should_stop=should_stop,
        )

    def test(
        self, architecture: Architecture, fidelity: Fidelity, seed: int, *, split: Literal["test"]
    ) -> TestScore | None:
        """Measure again with the same seed and read the sealed test split; None where the trial knows none.

        Raises: TestFailedError.
        """
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
        if isinstance(result, TestScore):
            return result
        if result.state == "complete":
            return None
        raise TestFailedError(
            f"The final test of {self._show(architecture)} failed ({result.reason}: {result.detail}); "
            "the search's results are kept, and the test can be repeated."
        )

    def _learn(self, ended: Exit, outcome: Outcome) -> Outcome:
        """Have the pool learn what a trial took that came to its end, or that memory ran out; say what that changed."""
        if outcome.state in ("complete", "pruned") or outcome.reason == "diverged":
            changed = self._pool.learn(outcome.cost.peak_memory_mb)
            self._chosen += [changed] if changed is not None else []
        lowered = self._pool.lower(ended) if outcome.reason == "oom" or outcome.cost.halved else None
        if lowered is None:
            return outcome
        self._chosen.append(f"trials at once: {lowered}")
        return replace(outcome, detail=_join(outcome.detail, lowered))

    def close(self) -> None:
        """End the worker processes."""
        self._pool.close()

    @property
    def server_pid(self) -> int | None:
        """The process id of the fork server while it runs; for tests and for `doctor`."""
        return self._pool.server_pid

    @abstractmethod
    def _refuse(self, job: Job) -> str | None:
        """Return why a job is not worth a process, or None."""

    @abstractmethod
    def _request(self, action: Action, job: Job) -> Request:
        """Return what the job's process is asked."""

    @abstractmethod
    def _show(self, architecture: Architecture) -> str:
        """Return an architecture as a sentence shows it."""

    def _request_id(self, job: Job) -> str:
        return f"{next(self._numbers)}:{job.trial_id}"


def _read_search(ended: Exit) -> Outcome:
    """Turn an exit into an outcome: what the trial wrote, else the reason of its end, with what the pool knows."""
    outcome = _read_reply(ended)
    cost = replace(
        outcome.cost,
        seconds=outcome.cost.seconds + ended.lost_s,
        device=outcome.cost.device if ended.device == NO_COST.device else ended.device,
        slots=ended.slots,
        attempts=ended.attempts,
    )
    again = f"run again after {ended.lost_s:.0f} s, as it had fallen silent" if ended.attempts > 1 else ""
    return replace(outcome, cost=cost, detail=_join(again, outcome.detail))


def _join(*parts: str) -> str:
    """Return what is said of a trial as one text, its tail where it is long; lines stay lines."""
    between = "\n" if any("\n" in part for part in parts) else "; "
    return between.join(filter(None, parts))[-DETAIL_CAP:]


def _read_reply(ended: Exit) -> Outcome:
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
