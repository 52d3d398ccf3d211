"""What a trial's process does for a user's own measurement: start the command, ask it, leave a reply.

The process leads a session of its own, and the command stays in it: both are killed together. The message goes in on
standard input, the answer is the last line of standard output; of what else is printed the tail is kept.
Not covered: a command that makes a session of its own.
"""

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from navarch.evaluation.callable.reply import Reply, read_reply
from navarch.evaluation.child import end_with_parent
from navarch.evaluation.forkserver import LOG_CAP, READ_SIZE
from navarch.evaluation.job import MAX_REPLY_BYTES, BadReplyError, Request, write_reply
from navarch.evaluation.outcome import Outcome, TrialCost, failed, judge

MESSAGE_NAME = "message.json"
POLL_S = 0.05  # how often the command's end is looked for while something else holds its output open


@dataclass(frozen=True, slots=True)
class Ended:
    """Tell how a command ended, and the tail of what it printed."""

    exit_code: int
    output: bytes
    errors: bytes


def warm_up(task: str) -> None:
    """Do nothing: a command brings what it needs."""


def run_request(request: Request, folder: Path, hook: object = None) -> None:
    """Carry out a request and leave its reply in the folder; whatever goes wrong becomes a failed outcome."""
    started = time.monotonic()
    call = request.call or {}
    body: Mapping[str, Any]
    try:
        ended = _run(call["arguments"], call["folder"], call["message"], folder)
        reply = _read(ended, request)
    except BadReplyError as error:
        body = {"outcome": failed("crashed", str(error), cost=_cost(started, 0)).to_dict()}
    else:
        body = _answer(reply, call["costs"], started)
    write_reply(folder, request.request_id, body)


def _run(arguments: list[str], working: str, message: Mapping[str, Any], folder: Path) -> Ended:
    """Start the command and wait for its end, keeping the tails of what it prints."""
    given = folder / MESSAGE_NAME
    given.write_text(json.dumps(message) + "\n", encoding="utf-8")
    try:
        with given.open("rb") as stdin:
            process = subprocess.Popen(
                arguments,
                cwd=working,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                preexec_fn=end_with_parent,
            )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise BadReplyError(f"the command {arguments[0]!r} could not be started: {error}") from None
    assert process.stdout is not None
    assert process.stderr is not None
    output, errors = _listen(process, {process.stdout: MAX_REPLY_BYTES, process.stderr: LOG_CAP})
    return Ended(process.wait(), output, errors)


def _listen(process: "subprocess.Popen[bytes]", caps: Mapping[Any, int]) -> tuple[bytes, ...]:
    """Read what a process prints until it ends, and return the tail of each pipe."""
    tails = {pipe: bytearray() for pipe in caps}
    pipes: list[BinaryIO] = list(caps)
    while pipes:
        # Looked at before reading: what the command itself printed is then in the pipes. Something that it left behind
        # may hold them open for ever.
        has_ended = process.poll() is not None
        ready, _, _ = select.select(pipes, [], [], 0.0 if has_ended else POLL_S)
        for pipe in ready:
            printed = os.read(pipe.fileno(), READ_SIZE)
            if not printed:
                pipes.remove(pipe)
            tails[pipe] += printed
            del tails[pipe][: -caps[pipe]]
        if has_ended:
            break
    return tuple(bytes(tail) for tail in tails.values())


def _read(ended: Ended, request: Request) -> Reply:
    """Return the command's reply. Raises: BadReplyError where it ended wrongly or its reply is no reply."""
    if ended.exit_code != 0:
        code = ended.exit_code
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        said = (ended.errors.strip() or ended.output[-LOG_CAP:].strip()).decode("utf-8", errors="replace")
        raise BadReplyError(f"the command ended with {how}" + (f": {said}" if said else ""))
    if len(ended.output) >= MAX_REPLY_BYTES and b"\n" not in ended.output.rstrip():
        raise BadReplyError(f"the last line of its output is longer than {MAX_REPLY_BYTES} bytes")
    output = ended.output.decode("utf-8", errors="replace")
    return read_reply(output, "test" if request.action == "test" else "val")


def _answer(reply: Reply, costs: Mapping[str, float], started: float) -> dict[str, Any]:
    """Return the body of a reply: an outcome, or for a test that was measured the test score."""
    epochs = reply.curve[-1].epoch if reply.curve else 0
    objectives = {"val_accuracy": reply.val_accuracy, **costs, **reply.costs}
    if reply.test_accuracy is not None:
        objectives["test_accuracy"] = reply.test_accuracy
    outcome = judge(Outcome("complete", None, "", objectives, reply.curve, _cost(started, epochs)))
    if outcome.state != "complete" or reply.test_accuracy is None:
        return {"outcome": outcome.to_dict()}
    seconds = time.monotonic() - started
    return {"accuracy": reply.test_accuracy, "val_accuracy": reply.val_accuracy, "seconds": seconds}


def _cost(started: float, epochs: int) -> TrialCost:
    """Return what the command cost; it has ended, so the system counts it among the children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.monotonic() - started
    return TrialCost(
        seconds=seconds,
        train_seconds=seconds,
        peak_memory_mb=used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10),
        device="command",
        epochs=epochs,
        cpu_seconds=used.ru_utime + used.ru_stime,
    )
