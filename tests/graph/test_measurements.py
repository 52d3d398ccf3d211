"""Whole runs on what users measured themselves, by table, command or function, and on published tables."""

import csv
import os
import shutil
import sys
from pathlib import Path

import pytest

from navarch import NavarchError
from navarch.graph.progress import Silent
from navarch.graph.run import resume_run, start_run
from navarch.graph.settings import load_settings
from navarch.memory import Memory
from navarch.spaces import get_space

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


class Listener(Silent):
    """Keeps the notes, and asks the run to stop after so many trials."""

    def __init__(self, stop_after=0):
        self.left, self.notes = stop_after, []

    def finished(self, trial, standing):
        self.left -= 1
        if self.left == 0:
            with Memory.open(Path("navarch.db")) as memory:
                memory.request_stop("r1")

    def noted(self, message):
        self.notes.append(message)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the example, in which runs take place."""
    for name in ("widgets.toml", "widgets.csv", "widgets.py"):
        shutil.copy(EXAMPLES / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def run(progress=None, **flags):
    flags = {"space": "widgets.toml", "workflow": "random", "budget": {"trials": 5}, **flags}
    return start_run(load_settings(None, flags), progress)


def run_table(progress=None, **flags):
    return run(progress, **{"evaluator": "table", "table": {"path": "widgets.csv"}, **flags})


def run_command(progress=None, command="python widgets.py", **flags):
    return run(progress, evaluator="callable", callable={"command": command}, **flags)


def trials(name="r1"):
    with Memory.open(Path("navarch.db"), read_only=True, create=False) as memory:
        return memory.trials(name)


def test_a_space_and_a_table_of_ones_own_need_no_python(folder):
    result = run_table(workflow="navarch", budget={"trials": 8})
    assert (result.run.state, result.run.space, result.run.task) == (
        "finished",
        "widgets",
        "table:widgets.csv",
    )
    with (folder / "widgets.csv").open(newline="") as file:
        table = {key_of(line): line for line in csv.DictReader(file)}
    for row in trials():
        line = table[key_of(row.architecture)]
        assert (row.val_accuracy, row.train_seconds) == (float(line["val_accuracy"]), float(line["seconds"]))
    assert result.test.accuracy == float(table[key_of(result.best.architecture)]["test_accuracy"])


def key_of(line):
    dimensions = ("front", "depth", "kind_1", "width_1", "kind_2", "width_2")
    return tuple("" if line[name] == "-" else line[name] for name in dimensions)


def test_prompts_do_not_make_data_up_that_a_table_does_not_tell(folder):
    run_table(workflow="navarch", budget={"trials": 4})
    with Memory.open(Path("navarch.db"), read_only=True, create=False) as memory:
        texts = [text for call in memory.calls("r1") for _, text in memory.rendered(call)]
    assert any("The search maximises accuracy on validation data, in percent." in text for text in texts)
    assert not any("images" in text or "epoch" in text for text in texts)


def test_a_hidden_space_meets_the_table_under_its_real_names(folder):
    run_table()
    run_table(obfuscate=7)
    plain, hidden = trials("r1"), trials("r2")
    space = get_space("widgets.toml")
    with Memory.open(Path("navarch.db"), read_only=True, create=False) as memory:
        known = {row.genotype: row.val_accuracy for row in memory.trials("r1")}
    assert {row.state for row in (*plain, *hidden)} == {"complete"}
    for row in hidden:
        assert not set(row.architecture) & set(space.names)
        assert space.parse(row.genotype)
        assert row.val_accuracy == known.get(row.genotype, row.val_accuracy)


def test_an_architecture_that_the_table_lacks_is_a_failed_trial_and_the_run_goes_on(folder):
    lines = (folder / "widgets.csv").read_text().splitlines(keepends=True)
    (folder / "widgets.csv").write_text("".join(lines[:40]))
    listener = Listener()
    result = run_table(listener, budget={"trials": 12})
    assert result.run.state == "finished"
    assert {row.reason for row in trials()} == {None, "invalid"}
    assert listener.notes[0].startswith("the table holds 39 of 114 architectures")


def test_a_table_without_test_accuracy_has_no_final_score(folder):
    listener = Listener()
    result = run_table(listener, table={"path": "widgets.csv", "val": "test_accuracy", "test": None})
    assert result.test is not None
    text = (folder / "widgets.csv").read_text().replace("test_accuracy", "something")
    (folder / "widgets.csv").write_text(text)
    result = run_table(listener)
    assert (result.run.state, result.test) == ("finished", None)
    assert listener.notes == ["the table has no test accuracy: there will be no final test"]


@pytest.mark.parametrize("start", [run_table, run_command])
def test_a_run_is_resumed_from_another_folder(folder, tmp_path_factory, monkeypatch, start):
    assert start(Listener(stop_after=2)).run.state == "stopped"
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    result = resume_run("r1", folder / "navarch.db")
    assert (result.run.state, result.best.state) == ("finished", "complete")
    assert result.test is not None


def test_a_run_whose_table_was_exchanged_is_not_resumed(folder):
    run_table(Listener(stop_after=2))
    text = (folder / "widgets.csv").read_text()
    (folder / "widgets.csv").write_text(text.replace("mel,one,conv,wide,,,83.01", "mel,one,conv,wide,,,99.9"))
    with pytest.raises(NavarchError, match=r"table:widgets\.csv.*bring the old back"):
        resume_run("r1", folder / "navarch.db")
    (folder / "widgets.csv").write_text(text)
    assert resume_run("r1", folder / "navarch.db").run.state == "finished"


@pytest.mark.slow
def test_results_of_a_command_are_reused_until_its_file_changes(folder):
    run_command(budget={"trials": 2})
    run_command(budget={"trials": 2})
    assert [row.reused_from is not None for row in trials("r2")] == [True, True]
    with (folder / "widgets.py").open("a") as file:
        file.write("\n# another measurement\n")
    run_command(budget={"trials": 2})
    assert [row.reused_from for row in trials("r3")] == [None, None]


@pytest.mark.slow
def test_a_command_and_a_function_measure_alike(folder):
    first = run_command(budget={"trials": 3})
    second = run(
        budget={"trials": 3}, evaluator="callable", callable={"function": "widgets:measure", "slots": 2}
    )
    assert first.test.accuracy == second.test.accuracy
    assert {row.code: row.val_accuracy for row in trials("r1")} == {
        row.code: row.val_accuracy for row in trials("r2")
    }


def test_a_command_without_a_test_split_ends_without_a_test_score(folder):
    (folder / "val.py").write_text("print('{\"val_accuracy\": 70}')")
    listener = Listener()
    result = run_command(listener, command="python val.py")
    assert (result.run.state, result.test) == ("finished", None)
    assert "no test split" in listener.notes[-1]


def test_a_command_that_always_fails_ends_with_reasons_and_no_best(folder):
    result = run_command(command="python -c 1/0")
    assert (result.run.state, result.best, result.test) == ("finished", None, None)
    assert {(row.state, row.reason) for row in trials()} == {("failed", "crashed")}
    assert "ZeroDivisionError" in trials()[0].detail


@pytest.mark.parametrize(
    ("space", "task", "file", "obfuscate"),
    [
        ("transnas-micro", "tnb101-micro-jigsaw", "tnb101_micro.csv.gz", None),
        ("transnas-macro", "tnb101-macro-scene", "tnb101_macro.csv.gz", 5),
        ("nas-bench-macro", "nas-bench-macro", "nasbench_macro.csv.gz", None),
        ("nas-bench-201", "nb201-cifar100", "nb201.csv.gz", 5),
    ],
)
def test_published_tables_of_every_space_are_searched(folder, shared_file, space, task, file, obfuscate):
    flags = {"task": task, "evaluator": "table", "table": {"path": shared_file(f"data/{file}")}}
    result = run(space=space, workflow="navarch", obfuscate=obfuscate, budget={"trials": 6}, **flags)
    assert (result.run.state, result.run.task) == ("finished", task)
    assert {row.state for row in trials()} == {"complete"}
    assert (result.test is not None) == (space == "nas-bench-201")
