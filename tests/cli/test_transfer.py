"""`--model replay:RUN`, `navarch export` and `navarch import`, from command to memory file."""

import contextlib
import json
import shutil
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
WIDGETS = ["--space", EXAMPLES / "widgets.toml", "--evaluator", "table"]
WIDGETS += ["--set", f"table.path={EXAMPLES / 'widgets.csv'}", "--budget", "6", "--seed", "3"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A memory with one run of the offline roles on the widgets of the documentation, measured by its table."""
    from navarch.cli.main import main

    folder = tmp_path_factory.mktemp("recording")
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        words = ["navarch", "run", *WIDGETS, "--set", "search.trials_per_round=2"]
        patch.setattr(sys, "argv", [str(word) for word in words])
        with pytest.raises(SystemExit) as leaving:
            main()
    assert not leaving.value.code
    return folder / "navarch.db"


@pytest.fixture
def recorded(cli, recording, tmp_path):
    """A folder with that memory."""
    shutil.copy(recording, tmp_path / "navarch.db")
    return cli


def codes(cli, *arguments):
    return [trial["code"] for trial in json.loads(cli("show", *arguments, "--json").out)["trials"]]


def test_a_replay_needs_nothing_but_the_name_of_the_run(recorded):
    ended = recorded("run", "--model", "replay:r1")
    assert ended.code == 0, ended.err
    assert codes(recorded, "r2") == codes(recorded, "r1")
    assert {call["model"] for call in json.loads(recorded("trace", "r2", "--json").out)} == {"replay:r1"}


def test_flags_win_over_what_was_recorded(recorded):
    plan = recorded("run", "--model", "replay:latest", "--dry-run").out
    assert "budget     trials=6; seed 3" in plan
    assert "navigator: replay:r1;" in plan
    assert "search     proposals=16, trials_per_round=2, " in plan
    assert (
        "budget     trials=6; seed 4"
        in recorded("run", "--model", "replay:r1", "--seed", "4", "--dry-run").out
    )


def test_a_call_that_differs_ends_the_replay_with_one_sentence_and_exit_code_2(recorded):
    ended = recorded("run", "--model", "replay:r1", "--budget", "5")
    assert ended.code == 2
    assert ended.err.startswith("navarch: round 1 navigator: its prompt is not the one of run r1: line ")
    assert "navarch resume r2" in ended.err
    assert "note: round 1 navigator, recorded (-) and now (+):" in ended.out


@pytest.mark.slow
def test_an_exported_run_is_read_replayed_and_imported_elsewhere(recorded, tmp_path):
    exported = recorded("export", "latest", "-o", "run.db")
    assert exported.out.startswith("exported r1 to run.db (")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(tmp_path / "run.db", elsewhere / "run.db")
    known = codes(recorded, "r1")
    assert codes(recorded, "r1", "--db", elsewhere / "run.db") == known
    assert recorded("run", "--model", f"replay:r1@{elsewhere / 'run.db'}", "--db", "new.db").code == 0
    assert codes(recorded, "r1", "--db", "new.db") == known
    imported = recorded("import", elsewhere / "run.db", "--db", "new.db")
    assert imported.out.splitlines() == [
        "imported r1 as r2",
        "replay it: navarch run --db new.db --model replay:r2",
    ]
    assert recorded("run", "--db", "new.db", "--model", "replay:r2").code == 0
    assert codes(recorded, "r3", "--db", "new.db") == known
    assert "every digest right" in recorded("doctor", "--db", "new.db").out


def test_neither_a_replay_nor_an_import_takes_over_a_command_or_a_server(cli, tmp_path):
    measure = tmp_path / "measure.sh"
    measure.write_text("#!/bin/sh\necho '{\"val_accuracy\": 50}'\n")
    measure.chmod(0o700)
    own = ["--evaluator", "callable", "--set", f"callable.command={measure}"]
    own += ["--base-url", "http://127.0.0.1:9/v1", "--budget", "2"]
    assert cli("run", *own).code == 0
    ended = cli("run", "--model", "replay:r1")
    assert ended.code == 2
    assert "callable.command" in ended.err
    cli("export", "r1", "-o", "run.db")
    cli("import", "run.db", "--db", "new.db")
    settings = json.loads(cli("show", "--db", "new.db", "--json").out)["settings"]
    assert {"server", "callable"}.isdisjoint(settings)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--model", "replay:r7"], ["r7", "r1"]),
        (["run", "--model", "replay:r1@missing.db"], ["missing.db"]),
        (["run", "--model", "replay:r1,gpt"], ["replay:RUN"]),
        (["run", "--model", "replay:r1", "--workflow", "seki"], ["'navarch'", "'seki'"]),
        (["export", "r7", "-o", "run.db"], ["r7", "r1"]),
        (["export", "r1", "-o", "navarch.db"], ["navarch.db", "already"]),
        (["import", "missing.db"], ["missing.db"]),
        (["import", "text.db"], ["text.db", "not a SQLite database"]),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(recorded, tmp_path, arguments, words):
    (tmp_path / "text.db").write_text("my thesis")
    before = recorded("runs").out
    ended = recorded(*arguments)
    assert ended.code == 2
    assert len(ended.err.strip().splitlines()) == 1
    assert all(word in ended.err for word in words), ended.err
    assert recorded("runs").out == before
    assert not (tmp_path / "run.db").exists()
