"""A grid of runs: which cells there are, where they lie, what is left of them, and that unequal ones are refused."""

import json
from pathlib import Path

import pytest

from navarch import NavarchError
from navarch.graph.grid import difference, notes_of, plan_grid, refuse_unequal, state_of, stored_run
from navarch.graph.grid_pool import COSTS, GridFailed, read_costs, run_grid
from navarch.graph.settings import load_settings
from navarch.memory import Memory

pytestmark = pytest.mark.slow  # whole runs

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
FLAGS = {
    "space": str(EXAMPLES / "widgets.toml"),
    "evaluator": "table",
    "table": {"path": EXAMPLES / "widgets.csv"},
    "budget": {"trials": 4},
}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Return a function that plans a grid in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def make(workflows=("random",), seeds=2, tasks=(), **flags):
        return plan_grid(tmp_path / "out", workflows, tasks, range(seeds), flags={**FLAGS, **flags})

    return make


def table_of(cell):
    with Memory.open(cell.settings.db, create=False, read_only=True) as memory:
        assert memory.check() == []
        return memory.trial_table("r1")


def test_the_cells_are_all_workflows_and_tasks_of_one_seed_before_the_next(plan, tmp_path):
    cells = plan(["random", "navarch", "random"])
    assert [(cell.workflow, cell.seed) for cell in cells] == [
        ("random", 0), ("navarch", 0), ("random", 1), ("navarch", 1),
    ]  # fmt: skip
    assert cells[3].settings.db == tmp_path / "out" / "table-widgets.csv" / "navarch" / "seed-1.db"
    assert (cells[3].settings.seed, cells[3].settings.workflow) == (1, "navarch")
    assert cells[3].name == "table:widgets.csv navarch seed 1"


def test_a_named_task_says_how_it_is_measured_and_of_which_space_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tasks = ["nb201-cifar10", "nas-bench-macro"]
    cells = plan_grid(tmp_path, ["random"], tasks, [0], flags={"table": {"path": "t.csv"}})
    assert [(cell.task, cell.settings.space) for cell in cells] == [
        ("nb201-cifar10", "nas-bench-201"), ("nas-bench-macro", "nas-bench-macro"),
    ]  # fmt: skip
    assert {cell.settings.evaluator for cell in cells} == {"table"}


def test_what_was_asked_for_is_not_replaced_by_what_the_task_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NavarchError, match="measured by evaluator 'table', not 'train'"):
        plan_grid(tmp_path, ["random"], ["nb201-cifar10"], [0], flags={"evaluator": "train"})


def test_a_variant_is_a_workflow_with_settings_of_its_own(plan):
    cells = plan(["navarch", "navarch,search.proposals=8"], seeds=1)
    assert [cell.workflow for cell in cells] == ["navarch", "navarch,search.proposals=8"]
    assert [cell.settings.search.proposals for cell in cells] == [None, 8]
    assert {cell.settings.workflow for cell in cells} == {"navarch"}


def test_an_ablation_is_a_variant_and_roles_left_out_add_up(plan):
    cells = plan(["navarch,without=critic,without=distiller,search.memory=none"], seeds=1)
    assert cells[0].settings.without == ("critic", "distiller")
    assert cells[0].settings.search.memory == "none"


def test_an_obfuscated_variant_stands_beside_the_plain_one(plan):
    cells = plan(["navarch,obfuscate=7", "random", "navarch"], seeds=1)
    found = {cell.workflow: cell.settings.obfuscate for cell in cells}
    assert found == {"navarch,obfuscate=7": 7, "random": None, "navarch": None}


def test_a_variant_with_another_budget_is_refused(plan):
    with pytest.raises(NavarchError, match=r"budget.trials = 9, not 4: only equal conditions"):
        plan(["random", "random,budget.trials=9"])


def test_a_gate_of_proxies_is_a_variant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    variants = ["navarch", "navarch,proxies.names=params"]
    cells = plan_grid(tmp_path, variants, ["nb201-cifar10"], [0], flags={"table": {"path": "t.csv"}})
    assert [cell.settings.proxies.names for cell in cells] == [(), ("params",)]


def test_an_unknown_workflow_is_refused_before_anything_runs(plan):
    with pytest.raises(NavarchError, match="unknown workflow 'maze'"):
        plan(["random", "maze"])


def test_what_a_person_should_know_of_a_table_is_told_once_a_task(plan, tmp_path):
    short = tmp_path / "short.csv"
    short.write_text("".join(FLAGS["table"]["path"].read_text().splitlines(keepends=True)[:9]))
    assert notes_of(plan()) == []
    (note,) = notes_of(plan(["random", "navarch"], table={"path": short}))
    assert note.startswith("table:short.csv: the table holds 8 of 114 architectures")


@pytest.mark.slow
def test_a_grid_runs_every_cell_and_notes_what_it_cost(plan, tmp_path):
    cells, ends = plan(["random", "navarch"], seeds=1), []
    assert [state_of(cell) for cell in cells] == ["new", "new"]
    assert run_grid(cells, 2, tmp_path / "out", ends.append) == 0
    assert {end.cell.workflow for end in ends} == {"random", "navarch"}
    assert all(end.state == "finished" and end.trials == 4 and end.cpu_s > 0 for end in ends)
    assert [state_of(cell) for cell in cells] == ["finished", "finished"]
    costs = read_costs(tmp_path / "out")
    assert {costs[cell.settings.db][0] for cell in cells} == {4}
    assert [len(table_of(cell)) for cell in cells] == [4, 4]
    with pytest.raises(NavarchError, match=r"seed-0.db' holds a run with budget.trials = 4, not 5"):
        state_of(plan(["random"], seeds=1, budget={"trials": 5})[0])


def test_a_cell_that_fails_is_named_and_no_other_is_begun(plan, tmp_path):
    cells = plan(["random"], seeds=3)
    db = cells[0].settings.db
    db.parent.mkdir(parents=True)
    db.write_text("my thesis")
    with pytest.raises(GridFailed, match=r"random seed 0 failed: The file .*seed-0.db"):
        run_grid(cells, 1, tmp_path / "out", lambda end: None)
    assert db.read_text() == "my thesis"
    assert not cells[1].settings.db.exists()


def test_a_cost_that_a_crash_cut_short_is_left_out_and_segments_add_up(tmp_path):
    lines = [{"db": "a.db", "trials": 3, "cpu_s": 0.5}, {"db": "a.db", "trials": 1, "cpu_s": 0.25}]
    (tmp_path / COSTS).write_text("\n".join(map(json.dumps, lines)) + '\n{"db": "a.d')
    assert read_costs(tmp_path) == {tmp_path / "a.db": (4, 0.75)}
    assert read_costs(tmp_path / "nowhere") == {}


def make_run(db, **changes):
    """Store a run with these settings, and return it as `refuse_unequal` takes it."""
    settings = load_settings(None, {"budget": {"trials": 4}, **changes})
    facts = {
        "space": settings.space,
        "task": "toys",
        "task_digest": "d",
        "evaluator": "train",
        "version": "1",
    }
    with Memory.open(db) as memory:
        run = memory.create_run(
            workflow=settings.workflow, seed=settings.seed, settings=settings.model_dump(mode="json"), **facts
        )
    assert stored_run(db) == run
    return settings.workflow, db, run


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget": {"trials": 5}}, "budget.trials = 5, not 4"),
        ({"train": {"epochs": 9}}, "train.epochs = 9, not None"),
        ({"limits": {"max_params": 9}}, "limits.max_params = 9, not None"),
        ({"obfuscate": 3}, "obfuscate = 3, not None"),
        ({"workflow": "random", "search": {"proposals": 3}}, "search.proposals = 3, not None"),
    ],
    ids=str,
)
def test_runs_under_unequal_conditions_are_not_compared(tmp_path, monkeypatch, changes, words):
    monkeypatch.chdir(tmp_path)
    base = make_run(tmp_path / "a.db", workflow="random")
    other = make_run(tmp_path / "b.db", seed=1, **changes)
    with pytest.raises(NavarchError) as refused:
        refuse_unequal([base, other])
    assert words in str(refused.value)
    assert "b.db" in str(refused.value)


def test_obfuscation_may_differ_where_the_name_of_the_row_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, db, plain = make_run(tmp_path / "a.db")
    _, other, hidden = make_run(tmp_path / "b.db", obfuscate=7)
    refuse_unequal([("navarch,obfuscate=7", other, hidden), ("navarch", db, plain)])
    with pytest.raises(NavarchError, match="obfuscate = 7, not None"):
        refuse_unequal([("navarch", db, plain), ("random", other, hidden)])
    with pytest.raises(NavarchError, match="obfuscate"):
        refuse_unequal(
            [("navarch,obfuscate=7", other, hidden), ("navarch", db, plain), ("random", other, hidden)]
        )


def test_images_are_known_by_their_name_wherever_their_folder_lies():
    flags = {"evaluator": "train"}
    here, there = (load_settings(None, {**flags, "task": task}) for task in ("cats.npz", "/mnt/cats.npz"))
    assert difference(here, there, but=()) is None
    dogs = load_settings(None, {**flags, "task": "dogs.npz"})
    assert difference(dogs, there, but=()) == "task = dogs.npz, not cats.npz"


@pytest.mark.slow
def test_a_cell_that_replays_a_run_is_finished_though_it_keeps_to_the_noise_of_its_recording(plan, tmp_path):
    (recorded,) = plan(["navarch"], seeds=1, confirm={"noise": 0.5})
    run_grid([recorded], 1, tmp_path, lambda end: None)
    replaying = {"model": f"replay:r1@{recorded.settings.db}"}
    again = plan_grid(tmp_path / "again", ["navarch", "random"], [], [0], flags={**FLAGS, **replaying})
    run_grid(again, 1, tmp_path / "again", lambda end: None)
    assert [state_of(cell) for cell in again] == ["finished", "finished"]
    runs = [stored_run(cell.settings.db) for cell in again]
    assert runs[0].settings["confirm"]["noise"] == 0.5
    refuse_unequal([(cell.workflow, cell.settings.db, run) for cell, run in zip(again, runs, strict=True)])
    assert table_of(again[0]) == table_of(recorded)


def test_what_a_workflow_settles_where_the_settings_leave_it_open_is_no_difference():

    asked = load_settings(None, {"search": {"patience": None}})
    stored = load_settings(None, {"search": {"patience": 3}})
    assert difference(stored, asked, but=()) == "search.patience = 3, not None"
    assert difference(stored, asked, but=(), settled=True) is None
    assert difference(asked, stored, but=(), settled=True) == "search.patience = None, not 3"
    timed = load_settings(None, {"budget": {"seconds": 3}})
    assert difference(timed, asked, but=(), settled=True) == "budget.seconds = 3.0, not None"


def test_seeds_and_the_settings_of_a_method_may_differ(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base = make_run(tmp_path / "a.db", workflow="random")
    other = make_run(tmp_path / "b.db", seed=1, workflow="navarch", search={"proposals": 3})
    refuse_unequal([base, other])
