"""Stored trials as the plain records that evaluation works with."""

import json
from typing import TYPE_CHECKING, Literal, cast

from navarch.evaluation import CurvePoint, Evaluated, Fidelity, Job, Reason
from navarch.graph.paths import live_file
from navarch.memory import TrialRow
from navarch.spaces import SearchSpace

if TYPE_CHECKING:
    from navarch.graph.context import RunContext


def job_of(ctx: "RunContext", row: TrialRow) -> Job:
    """Return the job that trains a stored trial."""
    return Job(
        trial_id=row.trial_id,
        architecture=ctx.space.reveal(ctx.space.parse(row.architecture)),
        fidelity=Fidelity.from_dict(json.loads(row.fidelity)),
        seed=row.seed,
        live=""
        if ctx.evaluator.instant
        else str(live_file(ctx.settings.db, ctx.run_id, str(row.number)).absolute()),
    )


def evaluated(space: SearchSpace, row: TrialRow) -> Evaluated:
    """Return a finished trial as plain data, without SQLite."""
    return Evaluated(
        number=row.number,
        architecture=space.parse(row.architecture),
        digest=row.digest,
        state=cast(Literal["complete", "pruned", "failed"], row.state),
        reason=cast(Reason | None, row.reason),
        detail=row.detail,
        val_accuracy=row.val_accuracy,
        params=row.params,
        macs=row.macs,
        curve=tuple(CurvePoint(**point) for point in row.curve),
        seconds=float(row.cost.get("train_seconds", 0.0)),
    )
