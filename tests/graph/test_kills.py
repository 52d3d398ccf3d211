"""Kill -9 at every fault point, then resume: nothing acknowledged is lost, nothing finished is repeated.

Real runs: offline roles, real training, child processes.
"""

import re
import signal
import subprocess

import pytest
from processes import NAVARCH, eventually, navarch, working_in

from navarch.graph.fault import POINTS
from navarch.memory import Memory

RUN = [
    "run",
    "--budget",
    "6",
    "--seed",
    "3",
    "--set",
    "search.trials_per_round=2",
    "--set",
    "search.proposals=4",
]
RUN += ["--set", "train.epochs=1", "--set", "train.device=cpu"]
FINISHED = re.compile(r"^finished  trial (\d+) ", re.MULTILINE)
# These are passed on other occasions than a plain run, and have tests of their own.
ELSEWHERE = {"call.sending", "call.answered", "migration.step", "lesson.stored"}
SWEEP = [point for point in POINTS if point not in ELSEWHERE]


def table_of(folder):
    with Memory.open(folder / "navarch.db", create=False, read_only=True) as memory:
        assert memory.check() == []
        return memory.trial_table("r1")


def repeated(folder):
    """Return how many trainings and calls were begun more than once."""
    with Memory.open(folder / "navarch.db", create=False, read_only=True) as memory:
        trainings = sum(trial.starts - 1 for trial in memory.trials("r1") if trial.starts > 1)
        calls = sum(call.tries - 1 for call in memory.calls("r1"))
    return trainings, calls


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unkilled")
    done = navarch(folder, *RUN)
    assert done.returncode == 0, done.stderr
    return table_of(folder)


def check_sweep(folder, fault, unkilled):
    killed = navarch(folder, *RUN, fault=fault)
    assert killed.returncode == -signal.SIGKILL, f"{fault} was not passed: {killed.stdout} {killed.stderr}"
    assert eventually(lambda: not working_in(folder), 5.0), "a worker outlived its driver"
    acknowledged = [int(number) for number in FINISHED.findall(killed.stdout)]
    before = {row["number"]: row for row in table_of(folder)} if (folder / "navarch.db").exists() else {}
    assert all(before[number]["state"] == "complete" for number in acknowledged)

    resumed = navarch(folder, "resume", "latest")
    assert resumed.returncode == 0, resumed.stderr
    after = table_of(folder)
    assert after == unkilled
    for number in acknowledged:
        assert after[number - 1] == before[number]
    trainings, calls = repeated(folder)
    assert trainings <= 2, "at most the trials that were in flight (two slots) run again"
    assert calls <= 1


@pytest.mark.slow
def test_a_run_killed_after_a_trial_resumes_to_the_same_trials(tmp_path, unkilled):
    check_sweep(tmp_path, "trial.finished:2:SIGKILL", unkilled)


@pytest.mark.slow
@pytest.mark.parametrize("point", SWEEP)
def test_a_run_killed_at_every_point_resumes_to_the_same_trials(tmp_path, unkilled, point):
    check_sweep(tmp_path, f"{point}:1:SIGKILL", unkilled)


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_with_the_same_trials(tmp_path, unkilled):
    navarch(tmp_path, *RUN, fault="trial.finished:1:SIGKILL")
    done = 1
    for fault in (
        "trial.claimed:1",
        "call.reserved:1",
        "trial.finished:2",
        "checkpoint.put:3",
        "proposals.stored:1",
    ):
        navarch(tmp_path, "resume", "latest", fault=f"{fault}:SIGKILL")
        finished = sum(row["state"] == "complete" for row in table_of(tmp_path))
        assert finished >= done
        done = finished
    assert navarch(tmp_path, "resume", "latest").returncode == 0
    assert table_of(tmp_path) == unkilled


@pytest.mark.slow
@pytest.mark.parametrize("workflow", ["evolution", "navarch"])
def test_a_search_on_a_table_that_is_killed_again_and_again_ends_with_the_same_trials(
    tmp_path, pytestconfig, workflow
):
    examples = pytestconfig.rootpath / "docs" / "examples"
    run = ["run", "--workflow", workflow, "--space", str(examples / "widgets.toml"), "--budget", "12"]
    run += ["--evaluator", "table", "--set", f"table.path={examples / 'widgets.csv'}"]
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    folder.mkdir()
    assert navarch(whole, *run).returncode == 0
    assert navarch(folder, *run, fault="proposals.stored:3:SIGKILL").returncode == -signal.SIGKILL
    done = []
    for fault in ("trial.finished:2", "proposals.stored:4", "outcome.received:2"):
        killed = navarch(folder, "resume", "latest", fault=f"{fault}:SIGKILL")
        assert killed.returncode == -signal.SIGKILL, f"{fault} was not passed: {killed.stdout}"
        assert table_of(folder)[: len(done)] == done  # what was stored stays
        done = [row for row in table_of(folder) if row["state"] == "complete"]
    assert navarch(folder, "resume", "latest").returncode == 0
    assert table_of(folder) == table_of(whole)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["deleted", "overwritten"])
def test_a_run_resumes_from_the_memory_when_the_checkpoints_are_gone(tmp_path, unkilled, damage):
    navarch(tmp_path, *RUN, fault="trial.finished:3:SIGKILL")
    checkpoints = tmp_path / ".navarch" / "navarch.db.checkpoints"
    if damage == "deleted":
        for file in checkpoints.parent.glob("*checkpoints*"):
            file.unlink()
    else:
        for file in checkpoints.parent.glob("*checkpoints-*"):
            file.unlink()
        checkpoints.write_bytes(b"not a database" * 500)
    resumed = navarch(tmp_path, "resume", "latest")
    assert resumed.returncode == 0, resumed.stderr
    assert "from the memory" in resumed.stdout
    assert table_of(tmp_path) == unkilled


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_signal_stops_cleanly_and_says_how_to_go_on(tmp_path, unkilled, number, code):
    process = subprocess.Popen([NAVARCH, *RUN], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if FINISHED.match(line):
            break
    process.send_signal(number)
    rest = process.stdout.read()
    assert process.wait(timeout=10) == code
    process.stdout.close()
    assert "navarch resume r1" in rest
    assert eventually(lambda: not working_in(tmp_path), 5.0)
    assert not [row for row in table_of(tmp_path) if row["state"] == "running"]
    assert navarch(tmp_path, "resume").returncode == 0
    assert table_of(tmp_path) == unkilled
