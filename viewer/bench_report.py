"""From the finished runs of a grid to a comparison: for each task one row a workflow, with intervals and paired tests.

Chosen by validation, reported on test. Each workflow is compared with a reference in the validation accuracy at the
full budget: differences are paired by seed, tested by Wilcoxon's signed ranks, and the p values of a task adjusted by
Holm's method. The reference is the classical workflow (no role, no model, no prior of the space) of the highest mean
unless one is named; workflows that use the space's prior stand apart, after all others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navarch.graph.grid import workflow_of
from navarch.graph.workflows import WORKFLOWS
from navarch.viewer.bench_results import CellResult
from navarch.viewer.statistics import Bands, Estimate, bands, estimate, holm, signed_rank

CHECKPOINTS = (10, 20, 50, 100)
CURVE = tuple(range(10, 101, 10))
CLASSICAL = frozenset(workflow.name for workflow in WORKFLOWS if not workflow.roles)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A workflow against the reference: mean gain in points of validation accuracy over the seeds of both."""

    seeds: int
    won: int
    gain: Estimate
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    """One workflow on one task. Accuracies in percent; counts are means of a run.

    val: by number of trials; None where a run had no result yet. uses_prior: begins where the space's declaration says
    that good ones are. tokens_per_new: of models, for each valid and new architecture that was proposed, tried or not.
    fallback_share: of the replies, those that offline twins gave in a model's place. cpu_ms: of our own process for a
    trial.
    """

    workflow: str
    seeds: int
    uses_prior: bool
    val: dict[int, Estimate | None]
    test: Estimate | None
    versus: Comparison | None
    unique: float
    duplicate: float
    invalid: float
    failed: float
    calls: float
    tokens: float
    tokens_per_new: float | None
    fallback_share: float
    cpu_ms: float | None


@dataclass(frozen=True, slots=True)
class TaskReport:
    """One task: rows with the best first, those with a prior last; each workflow's curve over the trials of the budget.

    highest: the best validation accuracy that any of the runs reached, percent.
    """

    task: str
    budget: int
    highest: float
    reference: str | None
    rows: tuple[WorkflowRow, ...]
    curves: dict[str, Bands]

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """The numbers of trials at which the rows have accuracies; the last is the budget."""
        return checkpoints_of(self.budget)

    def curve_of(self, workflow: str) -> dict[int, float | None]:
        """Return a workflow's mean after each tenth trial up to the hundredth, percent, as far as the budget goes."""
        mean = self.curves[workflow].mean
        return {mark: _plain(mean[mark - 1 : mark])[0] for mark in CURVE if mark <= self.budget}

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, NaN as None."""
        curves = {
            name: {part: _plain(values) for part, values in band._asdict().items()}
            for name, band in self.curves.items()
        }
        rows = [asdict(row) for row in self.rows]
        for row, facts in zip(self.rows, rows, strict=True):
            facts["val"] = {mark: found and found._asdict() for mark, found in row.val.items()}
            facts["test"] = row.test and row.test._asdict()
            if row.versus is not None:
                facts["versus"]["gain"] = row.versus.gain._asdict()
        head = {"task": self.task, "budget": self.budget, "reference": self.reference}
        return {**head, "rows": rows, "curves": curves}


def checkpoints_of(budget: int) -> tuple[int, ...]:
    """Return the usual checkpoints within a budget, and the budget itself."""
    return (*(mark for mark in CHECKPOINTS if mark < budget), budget)


def make_reports(cells: Iterable[CellResult], reference: str | None = None) -> list[TaskReport]:
    """Return one report for each task, by name. reference: compare with this workflow, not the best classical one."""
    of_task: dict[str, list[CellResult]] = {}
    for cell in cells:
        of_task.setdefault(cell.task, []).append(cell)
    return [_report(task, of_task[task], reference) for task in sorted(of_task)]


def _report(task: str, cells: Sequence[CellResult], named: str | None) -> TaskReport:
    budget = cells[0].budget
    of_workflow: dict[str, dict[int, CellResult]] = {}
    for cell in sorted(cells, key=lambda cell: (cell.workflow, cell.seed)):
        of_workflow.setdefault(cell.workflow, {})[cell.seed] = cell
    curves = {
        name: bands(np.array([cell.best for cell in of_seed.values()]))
        for name, of_seed in of_workflow.items()
    }
    seeded = {name for name, of_seed in of_workflow.items() if any(c.uses_prior for c in of_seed.values())}
    ranking = sorted(
        of_workflow,
        key=lambda name: (name in seeded, -np.nan_to_num(curves[name].mean[-1], nan=-1.0)),
    )
    free = [name for name in ranking if workflow_of(name) in CLASSICAL and name not in seeded]
    fit = [name for name in ranking if name == named] if named else free
    reference = fit[0] if fit else None
    versus = _compare(of_workflow, reference) if reference is not None else {}
    rows = [_row(name, list(of_workflow[name].values()), budget, versus.get(name)) for name in ranking]
    highest = max((cell.best[-1] for cell in cells if not np.isnan(cell.best[-1])), default=float("nan"))
    return TaskReport(task, budget, highest, reference, tuple(rows), {name: curves[name] for name in ranking})


def _row(workflow: str, cells: Sequence[CellResult], budget: int, versus: Comparison | None) -> WorkflowRow:
    def mean(name: str) -> float:
        return fmean(getattr(cell, name) for cell in cells)

    tests = [cell.test for cell in cells if cell.test is not None]
    noted = sum(cell.noted_trials for cell in cells)
    tokens, proposed = sum(cell.tokens for cell in cells), sum(cell.proposed for cell in cells)
    return WorkflowRow(
        workflow=workflow,
        seeds=len(cells),
        uses_prior=any(cell.uses_prior for cell in cells),
        val={mark: _known([cell.best[mark - 1] for cell in cells]) for mark in checkpoints_of(budget)},
        test=estimate(tests) if len(tests) == len(cells) else None,
        versus=versus,
        unique=mean("unique"),
        duplicate=mean("duplicate"),
        invalid=mean("invalid"),
        failed=mean("failed"),
        calls=mean("calls"),
        tokens=mean("tokens"),
        tokens_per_new=tokens / proposed if tokens and proposed else None,
        fallback_share=fallback_share(cells),
        cpu_ms=1000 * sum(cell.cpu_s for cell in cells) / noted if noted else None,
    )


def fallback_share(cells: Sequence[CellResult]) -> float:
    """Return which share of the replies in these runs offline twins gave in a model's place."""
    return sum(cell.fallbacks for cell in cells) / max(1, sum(cell.replies for cell in cells))


def _known(values: Sequence[float]) -> Estimate | None:
    return None if np.isnan(values).any() else estimate(values)


def _compare(of_workflow: dict[str, dict[int, CellResult]], reference: str) -> dict[str, Comparison]:
    """Return the comparison of each workflow that shares seeds with the reference."""
    found: dict[str, tuple[list[float], float]] = {}
    for name, of_seed in of_workflow.items():
        pairs = [
            (cell.best[-1], of_workflow[reference][seed].best[-1])
            for seed, cell in of_seed.items()
            if seed in of_workflow[reference]
        ]
        gains = [ours - theirs for ours, theirs in pairs if not np.isnan(ours - theirs)]
        if name != reference and gains:
            found[name] = (gains, signed_rank(gains))
    adjusted = holm([p for _, p in found.values()])
    return {
        name: Comparison(len(gains), sum(gain > 0 for gain in gains), estimate(gains), p, p_holm)
        for (name, (gains, p)), p_holm in zip(found.items(), adjusted, strict=True)
    }


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
