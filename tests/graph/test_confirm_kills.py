"""Kill -9 while noise is measured and while the best are confirmed, by real processes: nothing finished is lost."""

import signal

import pytest
from processes import navarch

from navarch.memory import Memory

SMALL = [
    "--set",
    "train.epochs=1",
    "--set",
    "train.device=cpu",
    "--set",
    "train.skeleton={ width = 4, cells = 1 }",
]
RUN = ["run", "--workflow", "random", "--budget", "2", "--set", "search.trials_per_round=2", *SMALL]
RUN += ["--set", "confirm.top=2", "--set", "confirm.seeds=2"]
NOISE = ["noise", "--arch", "130010", "--seeds", "3", *SMALL]


def look(folder):
    """Return the table of the run, its test, and which repeats are finished."""
    with Memory.open(folder / "navarch.db", create=False, read_only=True) as memory:
        assert memory.check() == []
        test = memory.test_score("r1")
        done = {row.number: row for row in memory.repeats("r1") if row.is_finished}
        return memory.trial_table("r1"), test and (test.trial_id, test.accuracy), done


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory):
    """Folders in which nothing was killed, by command."""
    folders = {}
    for name, command in (("run", RUN), ("noise", NOISE)):
        folder = folders[name] = tmp_path_factory.mktemp(name)
        done = navarch(folder, *command)
        assert done.returncode == 0, done.stderr
    return folders


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (RUN, "candidates.admitted:2"),  # the first are the search's
        (RUN, "trial.claimed:3"),
        (RUN, "trial.finished:3"),
        (RUN, "trial.finished:6"),
        (RUN, "test.scored:1"),
        (NOISE, "candidates.admitted:1"),
        (NOISE, "trial.finished:2"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_killed_run_resumes_to_the_same_repeats_winner_and_test(tmp_path, unkilled, command, fault):
    killed = navarch(tmp_path, *command, fault=f"{fault}:SIGKILL")
    assert killed.returncode == -signal.SIGKILL, f"{fault} was not passed: {killed.stdout} {killed.stderr}"
    before = look(tmp_path)[2]
    resumed = navarch(tmp_path, "resume", "latest")
    assert resumed.returncode == 0, resumed.stderr
    table, test, after = look(tmp_path)
    assert (table, test) == look(unkilled[command[0]])[:2]
    assert {number: after[number] for number in before} == before
