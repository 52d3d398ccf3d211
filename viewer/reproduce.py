"""Run a recipe: a grid's cells for every row and case, and what finished ones show beside the published figures.

A cell is an ordinary run of `navarch bench`, in a memory of its own under FOLDER/TRIALS/TASK/WORKFLOW. Rows that are to
have the same settings and budget share their runs.
"""

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from navarch import NavarchError
from navarch.graph.assemble import make_evaluator, prepare
from navarch.graph.grid import Cell, plan_grid, stored_run
from navarch.memory import Memory
from navarch.viewer.bench_report import fallback_share
from navarch.viewer.bench_results import CellResult, read_cell
from navarch.viewer.reproduce_recipe import Case, Figure, Recipe, Row
from navarch.viewer.statistics import Estimate, estimate

NOT_RUN = "published only"
NO_MODEL = "needs --model"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the recipe in one case. why_not: why it has no cells, empty where it has."""

    case: Case
    row: Row
    trials: int
    cells: tuple[Cell, ...]
    why_not: str


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as a table shows it. Accuracies in percent.

    val, test: of the best by validation, over the finished runs. by_test: the highest test accuracy of any trial of a
    run, which no honest choice can know; only where the published column was driven by test.
    """

    row: str
    trials: int | None
    published: Figure
    val: Estimate | None
    test: Estimate | None
    by_test: Estimate | None
    finished: int
    runs: int
    note: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        facts = asdict(self)
        facts["published"] = self.published.model_dump(exclude_none=True)
        for name in ("val", "test", "by_test"):
            found: Estimate | None = getattr(self, name)
            facts[name] = found and found._asdict()
        return facts


def plan_recipe(
    recipe: Recipe,
    out: Path,
    *,
    seeds: int | None = None,
    trials: int | None = None,
    model: str | None = None,
    base_url: str | None = None,
    flags: Mapping[str, Any] | None = None,
) -> list[Entry]:
    """Return every row in every case with the runs that it needs. Raises: NavarchError.

    seeds, trials: in place of the recipe's. model: plays the roles of rows that need one; without it they have no runs.
    """
    entries = []
    for case in recipe.cases:
        for row in recipe.rows:
            wanted = trials or recipe.trials_of(case, row)
            why_not = (
                NOT_RUN if row.workflow is None else NO_MODEL if row.needs_model and model is None else ""
            )
            cells: list[Cell] = []
            if row.workflow is not None and not why_not:
                variant = f"{row.workflow},model={model}" if row.needs_model else row.workflow
                own = _flags(flags, case, wanted, base_url if row.needs_model else None)
                folder = out / _folder(wanted, case)
                cells = plan_grid(folder, [variant], [case.task], range(seeds or recipe.seeds), flags=own)
            entries.append(Entry(case, row, wanted, tuple(cells), why_not))
    return entries


def show_entries(recipe: Recipe, entries: Sequence[Entry]) -> dict[str, list[Shown]]:
    """Return by case what the finished runs show. Raises: NavarchError where the sealed column cannot be read."""
    shown: dict[str, list[Shown]] = {}
    for entry in entries:
        shown.setdefault(entry.case.name, []).append(_show(entry, by_test=recipe.by_test))
    return shown


def _show(entry: Entry, *, by_test: bool) -> Shown:
    found = []
    for cell in entry.cells:
        run = stored_run(cell.settings.db)
        if run is not None and run.state == "finished":
            with Memory.open(cell.settings.db, create=False, read_only=True) as memory:
                found.append(read_cell(memory, run, cell.workflow))
    vals = [result.best[-1] for result in found if not math.isnan(result.best[-1])]
    tests = [result.test for result in found if result.test is not None]
    driven = _highest_tests(entry.cells) if by_test and found else []
    return Shown(
        row=entry.row.name,
        trials=entry.trials if entry.cells else None,
        published=entry.row.published.get(entry.case.name, Figure()),
        val=_of_all(vals, found),
        test=_of_all(tests, found),
        by_test=_of_all(driven, found),
        finished=len(found),
        runs=len(entry.cells),
        note=entry.why_not or _note(found),
    )


def _note(found: Sequence[CellResult]) -> str:
    """Say which part of a row is not the model's."""
    share = fallback_share(found)
    return f"{100 * share:.1f} % of the replies by offline twins" if share else ""


def _of_all(values: Sequence[float], found: Sequence[CellResult]) -> Estimate | None:
    """Return the mean, or None where a run has no value: nothing within the limits, or no test split."""
    return estimate(values) if values and len(values) == len(found) else None


def _highest_tests(cells: Sequence[Cell]) -> list[float]:
    """Return for each finished run the highest test accuracy among its trials: looked up in a table, never trained."""
    settings = cells[0].settings
    if settings.evaluator != "table":
        raise NavarchError("a column driven by test can only be looked up in a table, not measured")
    parts = prepare(settings)
    evaluator = make_evaluator(settings, parts)
    highest = []
    for cell in cells:
        run = stored_run(cell.settings.db)
        if run is None or run.state != "finished":
            continue
        with Memory.open(cell.settings.db, create=False, read_only=True) as memory:
            trials = [trial for trial in memory.trials(run.run_id) if trial.state == "complete"]
        scores = (
            evaluator.test(
                parts.space.reveal(parts.space.parse(trial.architecture)),
                parts.fidelity,
                trial.seed,
                split="test",
            )
            for trial in trials
        )
        known = [score.accuracy for score in scores if score is not None]
        highest += [max(known)] if known else []
    evaluator.close()
    return highest


def _flags(flags: Mapping[str, Any] | None, case: Case, trials: int, base_url: str | None) -> dict[str, Any]:
    """Return the user's flags with what the case and the budget say on top."""
    own: dict[str, Any] = deepcopy(dict(flags or {}))
    for key, value in case.set.items():
        own[key] = {**own.get(key, {}), **value} if isinstance(value, dict) else value
    own["budget"] = {**own.get("budget", {}), "trials": trials}
    if base_url is not None:
        own["server"] = {**own.get("server", {}), "base_url": base_url}
    return own


def _folder(trials: int, case: Case) -> str:
    parts = [f"{trials}-trials"]
    for key, value in case.set.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        parts += [f"{key}.{name}={part}".replace(".=", "=") for name, part in inner]
    return ",".join(parts)
