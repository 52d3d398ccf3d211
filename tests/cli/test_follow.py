"""`navarch show --follow`: in a terminal, piped and as JSON, of runs that work, have ended, or were killed."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from terminals import CTRL_C, Terminal

import navarch.cli.echo as echoing
from navarch.cli.echo import Foot
from navarch.cli.live_lines import final_test_line
from navarch.evaluation.live import Live
from navarch.viewer.sparkline import sparkline

NAVARCH = str(Path(sys.executable).with_name("navarch"))
CONTROLS = re.compile(r"[^\n\x20-\x7e\u2581-\u2588\u2026±]")


def run_in(folder, *arguments):
    with (folder / "log").open("wb") as log:
        command = [NAVARCH, "run", "--workflow", "random", "--set", "train.device=cpu", *arguments]
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def wait_for(claim, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def endless(tmp_path):
    """A run that trains two trials for ever, each with an epoch behind it; it is killed after the test."""
    process = run_in(tmp_path, "--budget", "2", "--set", "train.epochs=5000")
    live = tmp_path / ".navarch" / "navarch.db.r1.live"
    try:
        wait_for(lambda: len([file for file in live.glob("[0-9]*") if file.read_text().count("\n") > 1]) == 2)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_finished_run_is_summed_up_with_all_its_trials(cli, finished_run):
    ended = cli("show", "--follow", "--db", finished_run / "navarch.db")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].startswith("run r1 finished: workflow navarch")
    assert sorted(line.split()[2] for line in lines if line.startswith("finished ")) == ["1", "2"]
    assert [line.split("  ")[-1].split()[0] for line in lines if line.startswith("finished ")] == [
        "1/2",
        "2/2",
    ]
    assert "r1 finished: budget of 2 trials is spent" in lines
    assert "test accuracy" in ended.out
    assert not CONTROLS.search(ended.out)


def test_a_finished_run_as_json_is_a_line_for_each_event(cli, finished_run):
    ended = cli("show", "r1", "--follow", "--json", "--db", finished_run / "navarch.db")
    assert ended.code == 0
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert [event["event"] for event in events] == ["run", "finished", "finished", "end"]
    assert events[1]["curve"][-1]["val_accuracy"] == events[1]["val_accuracy"]
    assert events[-1]["state"] == "finished"
    assert events[-1]["best"]["val_accuracy"] == max(event["val_accuracy"] for event in events[1:3])


def test_lessons_are_not_followed(cli, finished_run):
    ended = cli("show", "--follow", "--lessons", "--db", finished_run / "navarch.db")
    assert (ended.code, ended.err) == (2, "navarch: --follow shows trials as they run: leave --lessons out\n")


@pytest.mark.slow
def test_a_run_is_followed_from_its_first_epoch_to_its_end(tmp_path, cli):
    process = run_in(tmp_path, "--budget", "3", "--set", "train.epochs=3")
    wait_for((tmp_path / ".navarch" / "navarch.db.r1.lock").exists)
    following = [NAVARCH, "show", "--follow"]
    as_json = subprocess.Popen([*following, "--json"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    piped = subprocess.run(following, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert (piped.returncode, process.wait(timeout=60)) == (0, 0), piped.stderr
    assert not CONTROLS.search(piped.stdout)
    lines = piped.stdout.splitlines()
    assert sum(line.startswith("started ") for line in lines) == 3
    assert any(re.match(r"epoch     trial \d   1/3  loss \d", line) for line in lines)
    finished = [line for line in lines if line.startswith("finished ")]
    assert len(finished) == 3
    assert any("trials a minute, about" in line for line in finished)
    assert "r1 finished: budget of 3 trials is spent" in lines

    events = [json.loads(line) for line in as_json.communicate(timeout=60)[0].splitlines()]
    assert as_json.returncode == 0
    kinds = [event["event"] for event in events]
    assert kinds[0] == "run"
    assert kinds[-1] == "end"
    assert (kinds.count("started"), kinds.count("finished")) == (3, 3)
    curves = {event["trial"]: event["curve"] for event in events if event["event"] == "finished"}
    told = [event for event in events if event["event"] == "epoch" and event["val_accuracy"] is not None]
    assert told
    for event in told:  # what was live is what is stored
        (stored,) = [point for point in curves[event["trial"]] if point["epoch"] == event["epoch"]]
        assert stored["val_accuracy"] == event["val_accuracy"]


@pytest.mark.slow
def test_in_a_terminal_running_trials_are_painted_and_ctrl_c_leaves_the_run_alone(tmp_path, endless):
    running = re.compile(
        r"trial [12]   \d{6}  epoch +\d+/5000  .*\d s so far, .* left  train \d+\.\d\d % [▁-█]"
    )
    foot = re.compile(r"0 of 2 trials, .* trials a minute, about .* left, no best yet")

    def painted(terminal):  # whole: a painting may come in two pieces
        lines = terminal.screen()
        return sum(bool(running.search(line)) for line in lines) == 2 and foot.match(lines[-1])

    with Terminal([NAVARCH, "show", "--follow"], columns=100, cwd=tmp_path) as terminal:
        assert terminal.read_until(painted, 60), terminal.screen()
        assert max(map(len, terminal.screen())) < 100
        terminal.type(CTRL_C)
        begun = time.monotonic()
        assert terminal.end() == 130
        assert time.monotonic() - begun < 5.0
        assert not any(running.search(line) for line in terminal.screen())  # what was painted is gone
    assert endless.poll() is None
    assert "stopped" not in (tmp_path / "log").read_text()


@pytest.mark.slow
def test_of_a_run_that_is_killed_while_it_is_followed_nothing_works_any_more(tmp_path, endless, cli):
    following = subprocess.Popen(
        [NAVARCH, "show", "--follow"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert following.stdout.readline().startswith("run r1 running")
    os.kill(endless.pid, signal.SIGKILL)
    endless.wait()
    out, _ = following.communicate(timeout=60)
    assert following.returncode == 0
    assert "nothing works on run r1: its process was killed. What is finished is kept: 0 trials" in out
    assert out.endswith("go on with: navarch resume r1\n")
    assert (tmp_path / ".navarch" / "navarch.db.r1.live").exists()  # stale, and not looked at
    later = cli("show", "--follow", "--json")
    assert [json.loads(line)["event"] for line in later.out.splitlines()] == ["run", "end"]
    assert json.loads(later.out.splitlines()[-1])["state"] == "interrupted"


def test_a_curve_is_a_line_of_bars_between_its_lowest_and_its_highest_value():
    assert sparkline([]) == ""
    assert sparkline([70.0]) == "▄"
    assert sparkline([50.0, 50.0]) == "▄▄"
    assert sparkline([10.0, 45.0, 80.0]) == "▁▅█"
    long = sparkline(list(range(200)), 12)
    assert (len(long), long[-1]) == (12, "█")


def paint(*pictures):
    with Foot() as foot:
        for lines in pictures:
            foot.paint(lines)


@pytest.mark.parametrize(("at", "shown"), [(1, "a\nb\r\x1b[1A\x1b[J"), (2, "a\nb\r\x1b[1A\x1b[J")])
def test_what_was_painted_when_ctrl_c_came_is_taken_away_once(monkeypatch, capsys, at, shown):
    writes, write = itertools.count(1), echoing._write

    def interrupted(text, *, err=False):
        write(text, err=err)
        if next(writes) == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(echoing, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        paint(["a", "b"], ["c"])
    assert capsys.readouterr().out == shown


def test_the_foot_of_a_terminal_is_cut_to_its_size(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("LINES", "3")
    with Foot() as foot:
        foot.paint(["first", "second that is long", "日本語日本語\x1b[2J"])
    out = capsys.readouterr().out
    assert out == "second th\n日本語日\r\x1b[1A\x1b[J"


@pytest.mark.parametrize(("share", "left"), [(1.0, "about 2 min left"), (0.5, "about 4 min left")])
def test_the_final_test_takes_a_whole_training_also_of_what_went_on_from_weights(share, left):
    best = SimpleNamespace(number=3, cost={"seconds": 125.0}, own_share=share)
    view = SimpleNamespace(standing=SimpleNamespace(best=best), testing=Live(0, time.time()))
    assert left in final_test_line(view)
