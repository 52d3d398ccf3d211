"""What the finished runs of a grid hold, read from their memories: one curve and one count of each thing a run."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from navarch import NavarchError
from navarch.evaluation import Limits
from navarch.graph.confirmation import score_of, winner_of
from navarch.graph.grid import CELLS, refuse_unequal
from navarch.graph.grid_pool import read_costs
from navarch.graph.settings import Settings, settings_of
from navarch.graph.workflows import get_workflow
from navarch.memory import Memory, RunRow


@dataclass(frozen=True, slots=True)
class CellResult:
    """One finished run. Accuracies in percent.

    best: the highest validation accuracy within the limits after each trial of the budget, NaN before the first; a run
    that ended early keeps its last. test: of the one chosen by validation. proposed: valid and new architectures that
    roles or a searcher named, tried or not. fallbacks: of the replies, those of offline twins in a model's place.
    cpu_s: of `noted_trials` trials. uses_prior: it was told where the space says to start.
    """

    task: str
    workflow: str
    seed: int
    budget: int
    best: tuple[float, ...]
    test: float | None
    unique: int
    proposed: int
    duplicate: int
    invalid: int
    failed: int
    calls: int
    tokens: int
    replies: int
    fallbacks: int
    noted_trials: int
    cpu_s: float
    uses_prior: bool = False


@dataclass(frozen=True, slots=True)
class Results:
    """The finished cells of a folder, and how many are not finished."""

    cells: tuple[CellResult, ...]
    unfinished: int


def read_results(out: Path) -> Results:
    """Return what the finished cells hold. Raises: NavarchError for an empty folder, or unequal conditions."""
    paths = sorted(out.glob(CELLS))
    if not paths:
        raise NavarchError(
            f"folder {str(out)!r} holds no runs of a bench: make some with navarch bench --out"
        )
    costs = read_costs(out)
    cells: list[CellResult] = []
    of_task: dict[str, list[tuple[str, Path, RunRow]]] = {}
    for path in paths:
        with Memory.open(path, create=False, read_only=True) as memory:
            runs = memory.runs()
            if not runs or runs[0].state != "finished":
                continue
            of_task.setdefault(runs[0].task, []).append((path.parent.name, path, runs[0]))
            cells.append(read_cell(memory, runs[0], path.parent.name, costs.get(path, (0, 0.0))))
    for triples in of_task.values():
        refuse_unequal(triples)
    return Results(tuple(cells), len(paths) - len(cells))


def read_cell(memory: Memory, run: RunRow, workflow: str, cost: tuple[int, float] = (0, 0.0)) -> CellResult:
    """Return what a finished run holds. cost: trials and CPU seconds that were noted for it."""
    settings = settings_of(run)
    kind = get_workflow(settings.workflow)
    score = score_of(memory, winner_of(memory, run.run_id, settings))
    rows = memory.proposals(run.run_id)
    statuses = Counter(row.status for row in rows)
    spent, replies = memory.spent(run.run_id), memory.reply_sources(run.run_id)
    return CellResult(
        task=run.task,
        workflow=workflow,
        seed=run.seed,
        budget=settings.budget.trials,
        best=_curve(memory, run.run_id, settings),
        test=None if score is None else score.accuracy,
        unique=spent.trials,
        proposed=memory.count_new(run.run_id),
        duplicate=statuses["duplicate"],
        invalid=statuses["invalid"],
        failed=len(memory.trials(run.run_id, state="failed")),
        calls=spent.calls,
        tokens=spent.tokens,
        replies=replies.total,
        fallbacks=replies.fallback,
        noted_trials=cost[0],
        cpu_s=cost[1],
        uses_prior=kind.needs_prior or (settings.search.prior and "prior" in kind.uses),
    )


def _curve(memory: Memory, run_id: str, settings: Settings) -> tuple[float, ...]:
    limits = Limits(**settings.limits.bounds)
    best, curve = math.nan, []
    for trial in memory.trials(run_id):
        fits = limits.admits(trial.params, trial.macs, trial.objectives.get("latency_ms"))
        fits = fits and settings.full_epochs in (None, trial.epochs)
        if trial.val_accuracy is not None and fits and not trial.val_accuracy <= best:
            best = trial.val_accuracy
        curve.append(best)
    return tuple(curve + [best] * (settings.budget.trials - len(curve)))
