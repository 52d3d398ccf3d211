"""Figures of a bench: for each task the mean of every workflow over the queries, with its interval as a band.

matplotlib is imported here and only when a figure is drawn. Colours are told apart by colour-blind people, and lines
also by their dashes, so that they stay apart in print. Source of the first seven colours: Okabe and Ito 2008.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from navarch import NavarchError
from navarch.graph.grid import workflow_of
from navarch.graph.workflows import WORKFLOWS
from navarch.viewer.bench_report import TaskReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIRST = 10  # a curve begins at this query where the budget is at least twice that: the first few are luck
LEAST_REGRET = 0.01  # points: the foot of the logarithmic axis; published accuracies have two decimals
_COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9"),
    *("#7A4E1D", "#8A2BE2", "#7F7F7F", "#B8002E", "#6B8E00"),
)
_DASHES = ("-", (0, (5, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (1.2, 1.2)), (0, (3, 1, 1, 1, 1, 1)))
_STYLE: dict[Any, Any] = {  # the keys are a Literal of 300 names
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "svg.hashsalt": "navarch",
    "svg.fonttype": "none",
    "legend.frameon": False,
}


def draw_curves(
    reports: Sequence[TaskReport], folder: Path, optima: Mapping[str, float] | None = None
) -> list[Path]:
    """Draw one figure a task into `folder`, as SVG and as PNG; return the files.

    optima: the best validation accuracy that a task is known to have, percent: the figure is then of the regret.
    Raises: NavarchError.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    names = sorted({name for report in reports for name in report.curves}, key=_place)
    for report in reports:
        _refuse_low(report, (optima or {}).get(report.task))
    files = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for report in reports:
            with rc_context(_STYLE):
                figure = Figure(figsize=(7.2, 3.8), layout="constrained")
                _draw(figure.add_subplot(), report, names, (optima or {}).get(report.task))
                figure.legend(loc="outside right upper")
                stem = folder / report.task.replace("/", "-").replace(":", "-")
                for suffix, about in ((".svg", {"Date": None}), (".png", {"Software": None})):
                    file = stem.with_name(stem.name + suffix)
                    figure.savefig(file, dpi=200, metadata=about)
                    files.append(file)
    except OSError as error:
        raise NavarchError(f"figures cannot be written into {str(folder)!r}: {error.strerror}") from None
    return files


def _place(name: str) -> tuple[int, str]:
    """Return what sorts workflows as the registry does: their colours are by this order in every figure."""
    known = [workflow.name for workflow in WORKFLOWS]
    own = workflow_of(name)
    return (known.index(own) if own in known else len(known), name)


def _draw(axes: "Axes", report: TaskReport, names: Sequence[str], optimum: float | None) -> None:
    queries = np.arange(1, report.budget + 1)
    start = FIRST - 1 if report.budget >= 2 * FIRST else 0
    for row in report.rows:
        band, place = report.curves[row.workflow], names.index(row.workflow)
        colour, dashes = _COLOURS[place % len(_COLOURS)], _DASHES[place % len(_DASHES)]
        lines = [values[start:] for values in (band.mean, band.low, band.high)]
        mean, low, high = (
            lines if optimum is None else [np.maximum(optimum - values, LEAST_REGRET) for values in lines]
        )
        axes.fill_between(queries[start:], low, high, step="post", color=colour, alpha=0.12, linewidth=0)
        (line,) = axes.plot(queries[start:], mean, color=colour, linewidth=1.6, zorder=3, label=row.workflow)
        line.set(drawstyle="steps-post", linestyle=dashes)
    axes.set_xlim(queries[start], max(report.budget, queries[start] + 1))
    _label(axes, report, optimum)


def _label(axes: "Axes", report: TaskReport, optimum: float | None) -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("queries (unique architectures evaluated)")
    if optimum is None:
        axes.set_ylabel("best validation accuracy so far (%)")
    else:
        axes.set_ylabel(f"regret: {optimum:g} % minus best\nvalidation accuracy so far (points)")
        axes.set_yscale("log")
        axes.set_ylim(bottom=LEAST_REGRET)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    seeds = sorted({row.seeds for row in report.rows})
    counted = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    axes.set_title(f"{report.task}: mean over {counted} seeds, band: 95 % bootstrap interval", fontsize=9)


def _refuse_low(report: TaskReport, optimum: float | None) -> None:
    if optimum is not None and report.highest > optimum + LEAST_REGRET:
        raise NavarchError(
            f"the optimum {optimum:g} % of task {report.task!r} is below {report.highest:.2f} %, "
            "which a run here reached"
        )
