"""Bad input gets one clear sentence, exit code 2, no traceback, and nothing is overwritten."""

import sqlite3

import pytest

COMMANDS = ["resume", "stop", "show", "best", "trace"]


def assert_one_sentence(ended, *words):
    assert ended.code == 2
    assert "hunter2secret" not in ended.err
    assert "Traceback" not in ended.err + ended.out
    assert len(ended.err.strip().splitlines()) <= 2
    for word in words:
        assert word in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--workflow", "navarc"], ["workflow", "'navarc'", "navarch"]),
        (["run", "--space", "darts9"], ["darts9", "nas-bench-201"]),
        (["run", "--task", "mnist9"], ["mnist9", "digits"]),
        (["run", "--evaluator", "guess"], ["evaluator", "guess", "train"]),
        (["run", "--evaluator", "table"], ["table.path"]),
        (["run", "--evaluator", "table", "--task", "digits"], ["digits", "train"]),
        (["run", "--evaluator", "callable"], ["callable.command", "callable.function"]),
        (["run", "--evaluator", "callable", "--task", "digits"], ["digits", "--task"]),
        (["run", "--evaluator", "callable", "--set", "callable.command=nope9 x"], ["nope9", "PATH"]),
        (["run", "--evaluator", "callable", "--set", "callable.function=nope9"], ["nope9", "MODULE:NAME"]),
        (["run", "--evaluator", "callable", "--set", "callable.slots=0"], ["callable.slots", "0"]),
        (["run", "--role", "boss=offline"], ["boss", "navigator"]),
        (["run", "--role", "critic"], ["ROLE=MODEL"]),
        (["run", "--without", "boss"], ["--without", "boss", "navigator"]),
        (["run", "--without", "generator"], ["generator", "random"]),
        (["run", "--workflow", "gp", "--no-memory"], ["--no-memory", "'gp'", "collm-nas"]),
        (["run", "--model", "gpt"], ["gpt", "openai:NAME"]),
        (["run", "--set", "budget.trails=3"], ["budget.trails", "trials"]),
        (["run", "--set", "budget"], ["KEY=VALUE"]),
        (["run", "--budget", "none"], ["none"]),
        (["run", "--budget", "0"], ["budget.trials", "0"]),
        (["run", "--model", "openai:m"], ["NAVARCH_API_KEY"]),
        (["run", "--model", "openai:m", "--base-url", "http://me:hunter2secret@h/v1"], ["base_url"]),
        (["run", "--budget", ""], ["--budget", "trials=24"]),
        (["run", "--budget", "4,5"], ["--budget", "4,5"]),
        (["run", "--role", "foo=offline"], ["--role", "navigator"]),
        (["run", "--set", "seed=1\nfoo=2"], ["KEY=VALUE"]),
        (["run", "--target", "1000"], ["target", "1000"]),
        (["run", "--target", "0.9"], ["target", "command line", "percent", "write 90, not 0.9"]),
        (["run", "--task", "nb201-cifar10"], ["nb201-cifar10", "table.path"]),
        (["plan", "--task", "nb201-cifar10"], ["nb201-cifar10", "table.path"]),
        (["noise", "--task", "nb201-cifar10"], ["a table says the same for every seed"]),
        (["run", "--task", "nb201-cifar10", "--evaluator", "table"], ["table.path"]),
        (
            ["run", "--task", "nb201-cifar10", "--evaluator", "table", "--set", "table.path=navarch.toml"],
            ["table"],
        ),
        (["run", "--model", "openai:m", "--base-url", "ftp://x"], ["base_url", "http"]),
        (["run", "--prompts", "nowhere"], ["nowhere"]),
        (["run", "missing.toml"], ["missing.toml"]),
        (["trace", "--role", "boss"], ["boss", "navigator"]),
        (["graph", "maze"], ["maze", "navarch"]),
        (["spaces", "show", "maze"], ["maze", "nas-bench-201"]),
        (["prompts", "show", "nobody"], ["nobody", "navigator"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_name_or_value_is_named_with_what_is_allowed(cli, tmp_path, arguments, words):
    assert_one_sentence(cli(*arguments), *words)
    assert not (tmp_path / "navarch.db").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_without_a_memory_says_how_to_make_one(cli, tmp_path, command):
    assert_one_sentence(cli(command, "r1"), "navarch.db")
    assert not (tmp_path / "navarch.db").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_run_is_named_with_those_that_exist(cli, finished_run, command):
    assert_one_sentence(cli(command, "r7", "--db", finished_run / "navarch.db"), "r7", "r1")


@pytest.mark.parametrize("command", ["run", "show", "doctor", "runs"])
@pytest.mark.parametrize("kind", ["text", "alien", "folder"])
def test_a_foreign_file_is_never_overwritten(cli, tmp_path, command, kind):
    path = tmp_path / "other.db"
    if kind == "text":
        path.write_text("my thesis")
    elif kind == "alien":
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE thesis (chapter TEXT)")
        db.close()
    else:
        path.mkdir()
    before = path.read_bytes() if path.is_file() else None
    ended = cli(command, "--db", path)
    assert ended.code == 2
    assert "other.db" in ended.err + ended.out
    assert "Traceback" not in ended.err
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_broken_prompt_stops_a_run_before_it_starts(cli, tmp_path):
    (tmp_path / "prompts").mkdir()
    cli("prompts", "copy", "critic")
    file = tmp_path / "prompts" / "critic.md"
    file.write_text(file.read_text() + "\n{{ candidate_list }}\n")
    line = len(file.read_text().splitlines())
    assert_one_sentence(cli("run"), "critic.md", str(line), "candidate_list")
    assert not (tmp_path / "navarch.db").exists()


def test_a_syntax_error_in_a_prompt_is_named_with_file_and_line(cli, tmp_path):
    cli("prompts", "copy", "navigator")
    file = tmp_path / "prompts" / "navigator.md"
    file.write_text(file.read_text() + "\n{% if %}\n")
    ended = cli("prompts", "check")
    assert ended.code == 2
    assert "navigator.md" in ended.err


def test_a_copy_never_overwrites_an_edited_prompt(cli, tmp_path):
    cli("prompts", "copy", "generator")
    (tmp_path / "prompts" / "generator.md").write_text("mine")
    assert_one_sentence(cli("prompts", "copy", "generator"), "generator.md", "exists")
    assert (tmp_path / "prompts" / "generator.md").read_text() == "mine"


def test_an_unreachable_model_server_stops_the_run_before_anything_is_trained(cli):
    ended = cli("run", "--model", "openai:m", "--base-url", "http://127.0.0.1:9/v1", "--budget", "2")
    assert_one_sentence(ended, "127.0.0.1")
    assert "finished  trial" not in ended.out


def test_a_settings_file_of_absurd_numbers_or_depth_is_refused(cli, tmp_path):
    for content in (f"seed = {'9' * 5000}", "a = " + "[" * 5000):
        (tmp_path / "navarch.toml").write_text(content)
        assert_one_sentence(cli("run"), "navarch.toml")


def test_a_prompt_cannot_be_copied_where_a_file_stands(cli, tmp_path):
    (tmp_path / "prompts").write_text("mine")
    assert_one_sentence(cli("prompts", "copy", "critic"), "prompts")


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_what_was_finished_stays(finished_run, tmp_path):
    import shutil
    import subprocess
    import sys
    from pathlib import Path

    shutil.copy(finished_run / "navarch.db", tmp_path / "navarch.db")
    navarch = Path(sys.executable).with_name("navarch")
    size = (tmp_path / "navarch.db").stat().st_size // 1024 + 8
    command = f"ulimit -f {size}; trap '' XFSZ; exec {navarch} run --budget 4 --workflow random --set train.epochs=1"
    ended = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    shown = subprocess.run([navarch, "best", "r1"], cwd=tmp_path, capture_output=True, text=True)
    assert "test accuracy" in shown.stdout
