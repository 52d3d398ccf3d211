"""The report of a bench as tables: accuracy by number of trials, the curves, then comparison and what was spent."""

from typing import TYPE_CHECKING

from navarch.cli.echo import echo, echo_columns

if TYPE_CHECKING:
    from navarch.viewer.bench_report import TaskReport, WorkflowRow
    from navarch.viewer.statistics import Estimate

_LEAST_P = 0.0001


def show_report(report: "TaskReport", *, is_named: bool = False, optimum: float | None = None) -> None:
    """Print the tables of one task; `is_named`: the user named the reference. optimum: percent, for the regret."""
    why = "the reference" if is_named else "the best classical workflow here that uses no prior"
    echo(
        f"{report.task}: best validation accuracy after so many trials, and test accuracy of the one it chose"
    )
    echo("percent, mean over the seeds [95 % bootstrap interval]")
    marks = report.checkpoints
    headings = ("workflow", "seeds", *(f"@{mark}" for mark in marks), "test")
    rows = [
        (_name(row), row.seeds, *(estimate_text(row.val[mark]) for mark in marks), estimate_text(row.test))
        for row in report.rows
    ]
    echo_columns(headings, rows)
    if any(row.uses_prior for row in report.rows):
        echo("* uses the space's prior: it begins where the space's declaration says that good ones are")
    echo()
    _show_curves(report, optimum)
    if report.reference is None:
        echo("no reference to compare with: neither a classical workflow nor the one that was named ran here")
    else:
        echo(f"gain over {report.reference}, {why}, in points at {report.budget} trials, paired by seed;")
        echo("p: Wilcoxon signed-rank test, two-sided, exact; counts and costs: means of a run")
    columns = ("workflow", "gain", "won", "p", "p Holm", "unique", "duplicate", "invalid", "failed")
    echo_columns(
        (*columns, "calls", "tokens", "tokens/new", "CPU ms/trial"), [_second(row) for row in report.rows]
    )
    for row in report.rows:
        if row.fallback_share:
            share = f"{100 * row.fallback_share:.1f} % of the replies"
            echo(f"{row.workflow}: {share} are of offline twins, not of the model")
    echo()


def _second(row: "WorkflowRow") -> list[object]:
    versus: list[object] = [None, None, None, None]
    if row.versus is not None:
        found = row.versus
        won = f"{found.won}/{found.seeds}"
        versus = [estimate_text(found.gain, sign="+"), won, _p(found.p), _p(found.p_holm)]
    counts = (row.unique, row.duplicate, row.invalid, row.failed)
    spent = (row.calls, row.tokens)
    per_new = None if row.tokens_per_new is None else f"{row.tokens_per_new:,.0f}"
    cpu = None if row.cpu_ms is None else f"{row.cpu_ms:.1f}"
    return [_name(row), *versus, *(f"{n:.1f}" for n in counts), *(f"{n:,.0f}" for n in spent), per_new, cpu]


def _name(row: "WorkflowRow") -> str:
    return f"{row.workflow} *" if row.uses_prior else row.workflow


def _show_curves(report: "TaskReport", optimum: float | None) -> None:
    """Print every curve as numbers, where there is more than one."""
    curves = [(row, report.curve_of(row.workflow)) for row in report.rows]
    marks = tuple(curves[0][1])
    if len(marks) < 2:
        return
    what = (
        "best validation accuracy" if optimum is None else f"regret, {optimum:g} % minus the best validation"
    )
    echo(f"mean {what} after so many trials")
    rows = [(_name(row), *(_point(value, optimum) for value in curve.values())) for row, curve in curves]
    echo_columns(("workflow", *(f"@{mark}" for mark in marks)), rows)
    echo()


def _point(value: float | None, optimum: float | None) -> str | None:
    if value is None:
        return None
    return f"{value if optimum is None else optimum - value:.2f}"


def estimate_text(found: "Estimate | None", sign: str = "") -> str | None:
    """Return a mean with its interval, or None."""
    if found is None:
        return None
    shown = format(found.mean, f"{sign}.2f")
    if found.low is None or found.high is None:
        return shown
    return f"{shown} [{found.low:{sign}.2f}, {found.high:{sign}.2f}]"


def _p(value: float) -> str:
    return f"<{_LEAST_P}" if value < _LEAST_P else f"{value:.4f}"
