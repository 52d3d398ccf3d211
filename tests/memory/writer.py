"""A process that writes ten trials into a shared memory, and dies at the fault point it is told."""

import os
import signal
import sys
from contextlib import suppress

from navarch.memory import CallKey, Memory, NewProposal, NewTrial, StoreError

RUN = {
    "workflow": "w",
    "space": "s",
    "task": "t",
    "task_digest": "d",
    "evaluator": "e",
    "seed": 0,
    "version": "0",
}


def main(path: str, writer: str, deadly: str = "") -> None:
    def fault(point: str) -> None:
        if point == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    with Memory.open(path, fault=fault) as memory:
        for run_id in (f"own-{writer}", "shared"):
            with suppress(StoreError):  # another writer was faster, or this one was killed before
                memory.create_run(run_id=run_id, settings={}, **RUN)
        memory.open_round("shared", 0)
        key = CallKey("shared", 0, f"generator-{writer}")
        prompt = {"prompt": "g", "prompt_digest": "p", "prompt_version": "1", "schema_digest": "s"}
        call = memory.reserve_call(
            key, model="m", messages=[("user", "go")], source="model", reserved_tokens=9, **prompt
        )
        memory.settle_call(call.call_id, state="ok", reply="{}")
        memory.add_proposals("shared", 0, int(writer), [NewProposal(0, "generator", "{}")])
        for index in range(10):
            write_trial(memory, f"{writer}.{index}")
        memory.add_lesson("shared", 0, f"lesson of {writer}", None, None, "helps", [1], [])


def write_trial(memory: Memory, name: str) -> None:
    new = NewTrial("s", {"edge": name}, name, name, f"digest-{name}", "t", "d", {"epochs": 1}, 0, 10, 100)
    (trial,) = memory.add_trials("shared", 1, [new])
    memory.start_trial(trial.trial_id)
    memory.finish_trial(
        trial.trial_id,
        state="complete",
        reason=None,
        detail="",
        objectives={"val_accuracy": 50.0},
        curve=[],
        cost={"train_seconds": 1.0},
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
