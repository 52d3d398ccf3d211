"""What travels between the driver and a trial's process, as JSON with caps on its size.

A request goes in (architecture, task, fidelity, seed, what to do), a reply comes out (an outcome, or a test
score). A reply names the request that it answers, so that the outcome of another trial is never taken for
this one's.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

from navarch.evaluation.evaluator import Continuation, Job, TestScore
from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.outcome import Outcome
from navarch.spaces import Architecture

Action = Literal["search", "test"]
MAX_REQUEST_BYTES = 64 * 1024
MAX_REPLY_BYTES = 1024 * 1024
REPLY_NAME = "reply.json"


class BadReplyError(ValueError):
    """A trial's process left no reply, or one that cannot be read as the answer to its request."""


@dataclass(frozen=True, slots=True)
class Request:
    """Ask a process to measure one architecture, for the search (validation) or for the final test."""

    action: Action
    request_id: str
    task: str
    device: str
    job: Job
    fault: str = ""  # a fault to act out; only the tests' hook reads it
    call: Mapping[str, Any] | None = None  # what a user's own command is, and what it is told

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return {
            "action": self.action,
            "request_id": self.request_id,
            "task": self.task,
            "device": self.device,
            "trial_id": self.job.trial_id,
            "space": self.job.architecture.space,
            "values": list(self.job.architecture.values),
            "fidelity": self.job.fidelity.to_dict(),
            "seed": self.job.seed,
            "live": self.job.live,
            "continuation": None if self.job.continuation is None else asdict(self.job.continuation),
            "bars": [list(bar) for bar in self.job.bars],
            "fault": self.fault,
            "call": self.call,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Request":
        """Read a request back; both ends are ours, so a wrong one is a mistake in the code and raises."""
        architecture = Architecture(data["space"], tuple(data["values"]))
        job = Job(
            data["trial_id"],
            architecture,
            Fidelity.from_dict(data["fidelity"]),
            data["seed"],
            None if data["continuation"] is None else Continuation(**data["continuation"]),
            tuple((epoch, accuracy) for epoch, accuracy in data["bars"]),
            data["live"],
        )
        action = cast(Action, data["action"])
        return cls(action, data["request_id"], data["task"], data["device"], job, data["fault"], data["call"])

    def encode(self) -> str:
        """Return one line of JSON. Raises: ValueError when it is larger than MAX_REQUEST_BYTES."""
        text = json.dumps(self.to_dict(), allow_nan=False)
        if len(text) > MAX_REQUEST_BYTES:
            raise ValueError(
                f"the job of trial {self.job.trial_id!r} has {len(text)} bytes of JSON; at most 65536 fit"
            )
        return text


def write_reply(folder: Path, request_id: str, body: Mapping[str, Any]) -> None:
    """Write a reply under a temporary name and rename it: a reader sees a whole reply or none."""
    temporary = folder / f"{REPLY_NAME}.part"
    temporary.write_text(json.dumps({"request_id": request_id, **body}, allow_nan=False), encoding="utf-8")
    temporary.replace(folder / REPLY_NAME)


def read_outcome(folder: Path, request_id: str) -> Outcome:
    """Return the outcome that a search request left. Raises: BadReplyError."""
    body = read_reply(folder, request_id)
    if set(body) != {"request_id", "outcome"}:
        raise BadReplyError("the reply carries no outcome")
    try:
        return Outcome.from_dict(body["outcome"])
    except ValueError as error:
        raise BadReplyError(str(error)) from None


def read_test_score(folder: Path, request_id: str) -> TestScore | Outcome:
    """Return the test score, or the failed outcome, that a test request left. Raises: BadReplyError."""
    body = read_reply(folder, request_id)
    if "outcome" in body:
        return read_outcome(folder, request_id)
    try:
        return TestScore(float(body["accuracy"]), float(body["val_accuracy"]), float(body["seconds"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadReplyError(f"the reply carries no test score: {error!r}") from None


def read_reply(folder: Path, request_id: str) -> dict[str, Any]:
    """Return the reply to a request as it was left. Raises: BadReplyError."""
    try:
        with (folder / REPLY_NAME).open("rb") as file:
            raw = file.read(MAX_REPLY_BYTES + 1)
    except OSError:
        raise BadReplyError("it ended without an outcome") from None
    if len(raw) > MAX_REPLY_BYTES:
        raise BadReplyError(f"its outcome is larger than {MAX_REPLY_BYTES} bytes")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadReplyError("its outcome is not whole JSON") from None
    if not isinstance(body, dict) or body.get("request_id") != request_id:
        raise BadReplyError("its outcome belongs to another trial")
    return body
