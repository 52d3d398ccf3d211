"""A grid of runs: workflows x tasks x seeds, each cell an ordinary run in a memory of its own under one folder.

A memory of its own: no method may profit from what another has trained. What is finished is found on the disk, so a
grid that was killed, or that is asked for more, does only what is missing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from navarch import NavarchError
from navarch.evaluation.images.finding import is_image_path
from navarch.graph.settings import Settings, assign, settings_of
from navarch.graph.task_settings import load_run_settings
from navarch.memory import Memory, RunRow

CELLS = "*/*/seed-*.db"
"""Where the memories of a grid lie in its folder: TASK/WORKFLOW/seed-N.db."""

# What the cells of a grid differ in by design, and what else workflows may differ in; all the rest must be equal.
_VARIED = ("workflow", "seed", "db")
_METHOD = (
    *("search", "proxies", "collm", "seki", "model", "roles", "without", "server", "prompts"),
    "confirm.noise",  # what the roles are told of it: a replayed run keeps to what its recording knew
)
_NAMED = "obfuscate"  # may differ where the name of a variant says so: a row of its own beside the plain one

CellState = Literal["new", "begun", "finished"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of the grid, and where it is kept (`settings.db`)."""

    task: str
    workflow: str
    seed: int
    settings: Settings

    @property
    def name(self) -> str:
        """What a person calls the cell."""
        return f"{self.task} {self.workflow} seed {self.seed}"


def plan_grid(
    out: Path,
    workflows: Sequence[str],
    tasks: Sequence[str],
    seeds: Iterable[int],
    *,
    file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
) -> list[Cell]:
    """Return the cells, all of one seed before the next. Without tasks: the one that the settings name.

    `workflows`: names, or variants such as `navarch,search.proposals=8`: a workflow with settings of its own. `file`
    and `flags` are as for `load_settings`. Everything that the settings name is found and checked here.
    Raises: NavarchError, for variants too that would not search under equal conditions.
    """
    from navarch.graph.assemble import prepare

    arms: list[tuple[str, str, Settings]] = []
    for task in dict.fromkeys(tasks) or [None]:
        first: tuple[str, Settings] | None = None
        for variant in sorted(dict.fromkeys(workflows), key=_is_obfuscated):
            settings = load_run_settings(file, variant_flags(variant, flags), task)
            first = first or (variant, settings)
            found = difference(settings, first[1], but=_may_differ(variant, first[0]))
            if found is not None:
                raise NavarchError(
                    f"--workflow {variant!r} runs with {found}: only equal conditions are compared"
                )
            arms.append((prepare(settings).task.name, folder_name(variant), settings))
    cells = []
    for seed in seeds:
        for task_name, workflow, settings in arms:
            db = out / folder_name(task_name) / workflow / f"seed-{seed}.db"
            own = settings.model_copy(update={"seed": seed, "db": db})
            cells.append(Cell(task_name, workflow, seed, own))
    return cells


def _is_obfuscated(variant: str) -> bool:
    return any(part.partition("=")[0] == _NAMED for part in variant.split(",")[1:])


def _may_differ(variant: str, other: str) -> tuple[str, ...]:
    """Return the settings in which two variants may differ and still search under equal conditions."""
    named = (_NAMED,) if _is_obfuscated(variant) or _is_obfuscated(other) else ()
    return (*_VARIED, *_METHOD, *named)


def workflow_of(variant: str) -> str:
    """Return the workflow that a variant is made of."""
    return variant.partition(",")[0]


def variant_flags(variant: str, flags: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return `flags` with what a variant says on top, as for `load_settings`."""
    own = {**deepcopy(dict(flags or {})), "workflow": workflow_of(variant)}
    without = []
    for assignment in variant.split(",")[1:]:
        key, _, value = assignment.partition("=")
        if key == "without":
            without.append(value)  # may be given more than once
        else:
            assign(own, assignment)
    return {**own, "without": without} if without else own


def state_of(cell: Cell) -> CellState:
    """Return how far a cell is. Raises: NavarchError if its memory holds a run with other settings."""
    run = stored_run(cell.settings.db)
    if run is None:
        return "new"
    found = difference(settings_of(run), cell.settings, but=_VARIED, settled=True)
    if found is not None:
        raise NavarchError(
            f"{str(cell.settings.db)!r} holds a run with {found}: use the same settings, or another --out"
        )
    return "finished" if run.state == "finished" else "begun"


def notes_of(cells: Iterable[Cell]) -> list[str]:
    """Make the evaluator of each task once, and return what a person should know of it. Raises: NavarchError."""
    from navarch.graph.assemble import make_evaluator, prepare

    notes = []
    for cell in {cell.task: cell for cell in cells}.values():
        evaluator = make_evaluator(cell.settings, prepare(cell.settings))
        notes += [f"{cell.task}: {note}" for note in evaluator.notes]
        evaluator.close()
    return notes


def stored_run(db: Path) -> RunRow | None:
    """Return the run of a cell's memory, or None if it was not begun."""
    if not db.exists():
        return None
    with Memory.open(db, create=False, read_only=True) as memory:
        runs = memory.runs()
        return runs[0] if runs else None


def refuse_unequal(runs: Iterable[tuple[str, Path, RunRow]]) -> None:
    """Raise NavarchError if (workflow, memory, run) triples of one task do not search under equal conditions.

    All must agree in budget, task, space, limits and training; those of one workflow in everything but the seed.
    """
    first: tuple[str, RunRow] | None = None
    of_workflow: dict[str, RunRow] = {}
    for workflow, db, run in sorted(runs, key=lambda triple: _is_obfuscated(triple[0])):
        first = first or (workflow, run)
        own = of_workflow.setdefault(workflow, run)
        may_differ = _may_differ(workflow, first[0])
        found = difference(settings_of(run), settings_of(first[1]), but=may_differ)
        found = found or difference(settings_of(run), settings_of(own), but=_VARIED)
        if found is None and run.task_digest != first[1].task_digest:
            found = f"task data {run.task_digest}, not {first[1].task_digest}"
        if found is not None:
            raise NavarchError(
                f"{str(db)!r} holds a run with {found}, unlike the others of task {run.task!r}: "
                "only runs under equal conditions are compared"
            )


def difference(one: Settings, other: Settings, *, but: Sequence[str], settled: bool = False) -> str | None:
    """Say in which setting the first differs, such as `budget.trials = 50, not 100`; None if in none.

    settled: a setting of the method that the second leaves open (None) may be anything in the first, since a run stores
    what its workflow made of it.
    """
    ours, theirs = _flat(one, but), _flat(other, but)
    for key in sorted(ours.keys() | theirs.keys()):
        is_open = settled and theirs.get(key) is None and _is_named(key, _METHOD)
        if ours.get(key) != theirs.get(key) and not is_open:
            return f"{key} = {ours.get(key)}, not {theirs.get(key)}"
    return None


def _is_named(key: str, names: Sequence[str]) -> bool:
    """Return whether one of the names is a setting's, or that of the table that it stands in."""
    return key in names or key.split(".")[0] in names


def _flat(settings: Settings, but: Sequence[str]) -> dict[str, object]:
    """Return the settings by dotted key; of files the name alone, so that a folder can be moved."""
    found: dict[str, object] = {}

    def walk(values: Mapping[str, Any], prefix: str) -> None:
        for key, value in values.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            else:
                found[prefix + key] = value.name if isinstance(value, Path) else value

    walk(settings.model_dump(), "")
    found = {key: value for key, value in found.items() if not _is_named(key, (*but, "callable.folder"))}
    space, task = str(found.get("space", "")), str(found.get("task", ""))
    if space.endswith(".toml"):
        found["space"] = Path(space).name
    if is_image_path(task):
        found["task"] = Path(task).name
    return found


def folder_name(name: str) -> str:
    """Return what the folder of a task or a variant is called."""
    return re.sub(r"[^A-Za-z0-9._=,-]+", "-", name).lstrip(".") or "unnamed"
