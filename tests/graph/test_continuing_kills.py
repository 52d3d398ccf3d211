"""Real training on rungs through `kill -9`: what was kept is gone on from, and the result is that of no kill."""

import signal

import pytest
from processes import navarch as start

from navarch.memory import Memory

SETTINGS = {
    "search.rungs": "[1,2,4]",
    "search.reduction": "2",
    "search.trials_per_round": "2",
    "train.skeleton": "{width=4,cells=1}",
    "train.device": "cpu",
}
RUN = ["run", "--workflow", "asha", "--budget", "11"]
RUN += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]


def navarch(folder, *arguments, fault=None):
    done = start(folder, *arguments, fault=fault)
    assert done.returncode == (-signal.SIGKILL if fault else 0), done.stdout + done.stderr
    return done.stdout


def rows_of(folder):
    with Memory.open(folder / "navarch.db", create=False, read_only=True) as memory:
        assert memory.check() == []
        return memory.trials("r1"), memory.trial_table("r1")


def weights(folder):
    return sorted(path.name for path in folder.glob(".navarch/*.weights/*"))


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unkilled")
    navarch(folder, *RUN)
    assert weights(folder) == []
    return rows_of(folder)


@pytest.mark.slow
def test_promoted_trials_go_on_and_train_what_they_would_have_trained_at_once(unkilled, tmp_path):
    """One training in three parts gives the accuracy of one in one part."""
    rows, _ = unkilled
    assert sorted({row.epochs for row in rows}) == [1, 2, 4]
    numbers = {(row.digest, row.epochs): row.number for row in rows}
    for row in rows:
        below = {1: 0, 2: 1, 4: 2}[row.epochs]
        assert (row.cost["start_epochs"], row.cost["epochs"]) == (below, row.epochs - below)
        assert row.cost["continued_from"] == numbers.get((row.digest, below))
    best = next(row for row in rows if row.epochs == 4)
    alone = [word for word in RUN if word not in ("--workflow", "asha")]
    alone[alone.index("--budget") + 1] = "1"
    navarch(tmp_path, *alone, "--workflow", "seki", "--set", f"seki.start={best.code}")
    whole = rows_of(tmp_path)[0][0]
    assert (whole.digest, whole.val_accuracy) == (best.digest, best.val_accuracy)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        "outcome.received:6",
        pytest.param("trial.finished:8", marks=pytest.mark.exhaustive),
        pytest.param("worker.started:9", marks=pytest.mark.exhaustive),
        pytest.param("trial.claimed:10", marks=pytest.mark.exhaustive),
    ],
)
def test_a_killed_run_goes_on_from_its_weights(tmp_path, unkilled, fault):
    navarch(tmp_path, *RUN, fault=f"{fault}:SIGKILL")
    before, _ = rows_of(tmp_path)
    assert weights(tmp_path)
    done = {row.number for row in before if row.is_finished}
    navarch(tmp_path, "resume", "latest")
    rows, table = rows_of(tmp_path)
    assert table == unkilled[1]
    assert [row for row in rows if row.epochs > 1 and row.number not in done]
    assert all(row.cost["start_epochs"] for row in rows if row.epochs > 1)
    assert all(row.starts == 1 for row in rows if row.number in done)
    assert weights(tmp_path) == []


@pytest.mark.slow
def test_a_run_whose_weights_were_removed_goes_on_at_the_cost_of_their_epochs(tmp_path, unkilled):
    navarch(tmp_path, *RUN, fault="trial.finished:5:SIGKILL")
    for path in tmp_path.glob(".navarch/*.weights/*"):
        path.unlink()
    navarch(tmp_path, "resume", "latest")
    rows, table = rows_of(tmp_path)
    results = [(row["digest"], row["fidelity"], row["val_accuracy"]) for row in table]
    assert results == [(row["digest"], row["fidelity"], row["val_accuracy"]) for row in unkilled[1]]
    anew = [row for row in rows if row.epochs > 1 and not row.cost["start_epochs"]]
    assert anew
    assert all("cannot be used (the file is gone): trained anew" in row.detail for row in anew)
