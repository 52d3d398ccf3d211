"""What the commands print about a real, finished run."""

import contextlib
import json
import re
import shutil
import sqlite3

import pytest


def test_runs_lists_the_run_with_its_best(cli, finished_run):
    (row,) = json.loads(cli("runs", "--json", "--db", finished_run / "navarch.db").out)
    assert (row["run"], row["state"], row["trials"]) == ("r1", "finished", 2)
    assert row["best"] > 0


def test_a_run_whose_settings_cannot_be_read_is_listed_and_hides_no_other(cli, finished_run, tmp_path):
    path = tmp_path / "copy.db"
    shutil.copy(finished_run / "navarch.db", path)
    with contextlib.closing(sqlite3.connect(path)) as memory:
        columns = [row[1] for row in memory.execute("PRAGMA table_info(runs)")]
        given = ", ".join("'r2'" if name == "run_id" else name for name in columns)
        memory.execute(f"INSERT INTO runs SELECT {given} FROM runs WHERE run_id = 'r1'")
        memory.execute("UPDATE runs SET settings = '{\"of_the_future\": 1}' WHERE run_id = 'r2'")
        memory.commit()
    ended = cli("runs", "--db", path)
    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[:2] for line in ended.out.splitlines()[1:3]] == [
        ["r2", "finished"],
        ["r1", "finished"],
    ]
    assert "run 'r2' was stored by version" in ended.out.splitlines()[3]
    problems = {row["run"]: row["problem"] for row in json.loads(cli("runs", "--json", "--db", path).out)}
    assert problems["r1"] is None
    assert "settings that this version cannot read" in problems["r2"]


def test_best_gives_validation_test_and_size(cli, finished_run):
    best = json.loads(cli("best", "--json", "--db", finished_run / "navarch.db").out)
    assert 0 < best["val_accuracy"] <= 100
    assert 0 < best["test_accuracy"] <= 100
    assert best["params"] > 1000
    assert best["genotype"].startswith("|")


def test_show_lists_every_trial_and_what_was_spent(cli, finished_run):
    ended = cli("show", "--lessons", "--db", finished_run / "navarch.db")
    assert re.search(r"^2 trials \(0 reused\), [0-9.]+ s of training$", ended.out, re.MULTILINE)
    assert "trials at once: 2 on " in ended.out
    assert ended.out.count("complete") == 2


def test_trace_shows_all_four_roles_and_their_prompts(cli, finished_run):
    calls = json.loads(cli("trace", "--json", "--db", finished_run / "navarch.db").out)
    assert [call["role"] for call in calls] == ["navigator", "generator", "critic", "distiller"]
    for call in calls:
        assert call["source"] == "offline"
        assert "# The search space" in call["messages"][0]["text"]
        json.loads(call["reply"])


def test_trace_can_be_narrowed_to_a_role_and_a_round(cli, finished_run):
    calls = json.loads(
        cli("trace", "--role", "critic", "--round", "1", "--json", "--db", finished_run / "navarch.db").out
    )
    assert [call["role"] for call in calls] == ["critic"]
    assert json.loads(cli("trace", "--failed", "--json", "--db", finished_run / "navarch.db").out) == []
    none = cli("trace", "--failed", "--db", finished_run / "navarch.db").out
    assert none.startswith("no such calls; run r1 made ")


def test_trace_tells_what_became_of_each_proposal(cli, finished_run):
    rows = json.loads(cli("trace", "--proposals", "--json", "--db", finished_run / "navarch.db").out)
    assert len(rows) == 16
    statuses = [row["status"] for row in rows]
    assert statuses.count("selected") == 2
    judged = [row for row in rows if row["status"] != "duplicate"]
    assert len(judged) >= 8
    assert all("score" in row["because"] or "past the Critic" in row["because"] for row in judged)
    assert "selected" in cli("trace", "--proposals", "--db", finished_run / "navarch.db").out


def test_a_finished_run_is_shown_again_by_resume_and_not_worked_on(cli, finished_run):
    ended = cli("resume", "r1", "--db", finished_run / "navarch.db")
    assert ended.code == 0
    assert "test accuracy" in ended.out
    assert "finished  trial" not in ended.out


def test_stop_says_that_a_finished_run_is_not_running(cli, finished_run):
    ended = cli("stop", "r1", "--db", finished_run / "navarch.db")
    assert ended.code == 2
    assert "not running" in ended.err


@pytest.mark.slow
def test_a_second_run_reuses_the_trials_of_the_first_and_says_so(cli, finished_run, small_run, tmp_path):
    shutil.copy(finished_run / "navarch.db", tmp_path)
    ended = cli("run", *small_run)
    assert ended.code == 0
    assert ended.out.count("reused from r1/") == 2


def test_the_rendered_prompt_equals_what_the_run_stored(cli, finished_run):
    database = finished_run / "navarch.db"
    (call,) = json.loads(cli("trace", "r1", "--role", "critic", "--json", "--db", database).out)
    rendered = cli("prompts", "render", "critic", "--run", "r1", "--db", database).out
    for message in call["messages"]:
        assert message["text"].rstrip("\n") in rendered


@pytest.mark.slow
def test_an_edited_prompt_is_what_the_next_call_reads_and_the_trace_says_so(cli, tmp_path):
    cli("prompts", "copy", "distiller")
    file = tmp_path / "prompts" / "distiller.md"
    file.write_text(file.read_text().replace("You are the Distiller", "You are the careful Distiller"))
    assert "careful" in cli("prompts", "diff", "distiller").out
    listed = {row["name"]: row for row in json.loads(cli("prompts", "list", "--json").out)}
    assert listed["distiller"]["source"] == "project"
    ended = cli("run", "--budget", "1", "--set", "train.epochs=1")
    assert ended.code == 0
    (call,) = json.loads(cli("trace", "--role", "distiller", "--json").out)
    assert "careful Distiller" in call["messages"][0]["text"]
    assert call["prompt_digest"] == listed["distiller"]["digest"]


def test_a_dry_run_shows_what_would_run_and_starts_nothing(cli, tmp_path):
    stopping = ["--set", "train.stop_rule=median"]
    ended = cli("run", "--dry-run", "--budget", "trials=5,seconds=1234567.5", "--seed", "4", *stopping)
    assert "stopping   trials early, by the median of those before" in ended.out
    assert ended.code == 0
    for word in ("nas-bench-201", "digits", "navigator: offline", "trials=5, seconds=1234567.5; seed 4"):
        assert word in ended.out
    assert not (tmp_path / "navarch.db").exists()


@pytest.mark.parametrize("command", ["spaces", "tasks", "workflows"])
def test_catalogues_are_also_json(cli, command):
    assert json.loads(cli(command, "--json").out)


@pytest.mark.parametrize("workflow", ["navarch", "random"])
def test_graph_prints_a_mermaid_picture_of_the_workflow(cli, workflow):
    out = cli("graph", workflow).out
    assert "graph TD;" in out
    assert "validator" in out
    assert ("critic --> evaluator" in out) == (workflow == "navarch")


def test_doctor_finds_everything_in_order(cli, finished_run):
    ended = cli("doctor", "--db", finished_run / "navarch.db")
    assert ended.code == 0, ended.out
    assert ended.out.count("ok  ") == 7
    assert "every digest right" in ended.out


@pytest.mark.slow
def test_what_a_run_was_without_is_printed_and_shown_and_not_in_the_trace(cli):
    arguments = ["--without", "critic", "--without", "navigator", "--budget", "1", "--set", "train.epochs=1"]
    line = "roles: generator offline, distiller offline; left out: critic, navigator"
    ended = cli("run", *arguments)
    assert ended.code == 0, ended.err
    assert line in ended.out
    assert line in cli("show").out
    assert json.loads(cli("show", "--json").out)["settings"]["without"] == ["critic", "navigator"]
    assert [call["role"] for call in json.loads(cli("trace", "--json").out)] == ["generator", "distiller"]
