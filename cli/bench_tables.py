"""The report of a bench as tables: accuracy by number of trials, then comparison and what was spent."""

from typing import TYPE_CHECKING

from navarch.cli.echo import echo, echo_columns

if TYPE_CHECKING:
    from navarch.viewer.bench_report import TaskReport, WorkflowRow
    from navarch.viewer.statistics import Estimate

_LEAST_P = 0.0001


def show_report(report: "TaskReport", *, is_named: bool = False) -> None:
    """Print the tables of one task; `is_named`: the user named the reference."""
    why = "the reference" if is_named else "the best classical workflow here"
    echo(
        f"{report.task}: best validation accuracy after so many trials, and test accuracy of the one it chose"
    )
    echo("percent, mean over the seeds [95 % bootstrap interval]")
    marks = report.checkpoints
    headings = ("workflow", "seeds", *(f"@{mark}" for mark in marks), "test")
    rows = [
        (row.workflow, row.seeds, *(_estimate(row.val[mark]) for mark in marks), _estimate(row.test))
        for row in report.rows
    ]
    echo_columns(headings, rows)
    echo()
    if report.reference is None:
        echo("no reference to compare with: neither a classical workflow nor the one that was named ran here")
    else:
        echo(f"gain over {report.reference}, {why}, in points at {report.budget} trials, paired by seed;")
        echo("p: Wilcoxon signed-rank test, two-sided, exact; counts and costs: means of a run")
    columns = ("workflow", "gain", "won", "p", "p Holm", "unique", "duplicate", "invalid", "failed")
    echo_columns((*columns, "calls", "tokens", "CPU ms/trial"), [_second(row) for row in report.rows])
    echo()


def _second(row: "WorkflowRow") -> list[object]:
    versus: list[object] = [None, None, None, None]
    if row.versus is not None:
        found = row.versus
        won = f"{found.won}/{found.seeds}"
        versus = [_estimate(found.gain, sign="+"), won, _p(found.p), _p(found.p_holm)]
    counts = (row.unique, row.duplicate, row.invalid, row.failed)
    spent = (row.calls, row.tokens)
    cpu = None if row.cpu_ms is None else f"{row.cpu_ms:.1f}"
    return [row.workflow, *versus, *(f"{n:.1f}" for n in counts), *(f"{n:,.0f}" for n in spent), cpu]


def _estimate(found: "Estimate | None", sign: str = "") -> str | None:
    if found is None:
        return None
    shown = format(found.mean, f"{sign}.2f")
    if found.low is None or found.high is None:
        return shown
    return f"{shown} [{found.low:{sign}.2f}, {found.high:{sign}.2f}]"


def _p(value: float) -> str:
    return f"<{_LEAST_P}" if value < _LEAST_P else f"{value:.4f}"
