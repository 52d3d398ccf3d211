"""Write a memory as this version makes it, vN.sqlite and vN.json; those of older versions never change again.

Run: python tests/memory/golden/make.py
"""

import json
from pathlib import Path

from navarch.memory import CallKey, Memory, NewProposal, NewTrial, ProposalUpdate
from navarch.memory.omitted import TOLD
from navarch.memory.schema import MIGRATIONS

HERE = Path(__file__).parent
RUN = {"workflow": "navarch", "space": "nas-bench-201", "task": "digits", "task_digest": "task-1"}
VERDICT = {
    "candidate": 1, "decision": "accept", "rank": None, "reason": "new", "score": 0.5, "uncriticised": False
}  # fmt: skip


def fill(memory: Memory) -> None:
    """Write a small run that uses every table."""
    memory.create_run(
        run_id="golden", evaluator="train", seed=7, settings={"rounds": 1}, version="0.1.0",
        dimensions={"edge_0_1": ["none", "skip_connect"]}, **RUN,
    )  # fmt: skip
    memory.begin_segment("golden")
    memory.open_round("golden", 0)
    prompt = {"prompt": "generator.md", "prompt_digest": "p", "prompt_version": "1", "schema_digest": "s"}
    messages = [("system", "You design networks."), ("user", "Go on: \u2192")]
    call = memory.reserve_call(
        CallKey("golden", 0, "generator"),
        model="offline",
        messages=messages,
        source="offline",
        reserved_tokens=0,
        **prompt,
    )
    memory.settle_call(
        call.call_id, state="ok", reply='{"proposals": []}', parsed={"proposals": []}, latency_s=0.01
    )
    memory.set_direction("golden", 0, {"proposals": []}, call.call_id)
    proposals = [NewProposal(index, "generator", "{}", "why not", call.call_id) for index in range(3)]
    stored = memory.add_proposals("golden", 0, 0, proposals)
    for number, proposal in enumerate(stored, start=1):
        facts = {"architecture": {"edge_0_1": "none"}, "code": str(number)}
        selected = ProposalUpdate(
            proposal.proposal_id, "selected", digest=f"d{number}", verdict=VERDICT, **facts
        )
        memory.judge_proposals("golden", [selected])
        new = NewTrial(
            space="nas-bench-201",
            **facts,
            genotype="|none~0|",
            digest=f"d{number}",
            task="digits",
            task_digest="task-1",
            fidelity={"epochs": 4},
            seed=0,
            params=1000 * number,
            macs=20_000,
            proposal_id=proposal.proposal_id,
        )
        memory.add_trials("golden", 0, [new])
    for number, (state, reason, objectives, loss) in enumerate(
        [("complete", None, {"val_accuracy": 90.5}, 0.25), ("failed", "diverged", {}, float("nan"))], start=1
    ):
        trial = memory.start_trial(f"golden/t{number}")
        memory.finish_trial(
            trial.trial_id, state=state, reason=reason, detail="", objectives=objectives,
            curve=[{"epoch": 1, "train_loss": loss}], cost={"train_seconds": 1.5},
        )  # fmt: skip
        told = {name: getattr(memory.get_trial("golden", number), name) for name in TOLD[1:]}
        memory.set_feedback(trial.trial_id, {"rank": number, "trial": number, **told})
    memory.add_lesson("golden", 0, "none on edge 0-1 is fine", "edge_0_1", "none", "helps", [1], [2])
    memory.close_round("golden", 0, new_trials=3, best=90.5)
    memory.set_test_score("golden", "golden/t1", 89.0, 90.5, 2.0)


if __name__ == "__main__":
    path = HERE / f"v{len(MIGRATIONS)}.sqlite"
    path.unlink(missing_ok=True)
    with Memory.open(path, clock=lambda: 1_800_000_000.0) as memory:
        fill(memory)
        expected = {
            "table": memory.trial_table_digest("golden"),
            "rows": memory.get_trial("golden", 1).row_digest,
        }
    path.with_suffix(".json").write_text(json.dumps(expected, indent=2) + "\n")
