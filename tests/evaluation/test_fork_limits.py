"""Fork bombs, ten thousand files, ten gigabytes: the limits hold, and nothing is left (RELIABILITY F8)."""

import os
from pathlib import Path

import pytest
from repeating import times

PATIENCE_S = 10.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc"),
]


def descendants(pid):
    """Return how many processes of this machine have an ancestor, zombies included."""
    parents = {}
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        try:
            parents[int(entry)] = int(Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found, front = 0, {pid}
    while front := {child for child, parent in parents.items() if parent in front}:
        found += len(front)
    return found


@times(1, 3)
@pytest.mark.parametrize("bomb", ["fork_bomb", "orphan_bomb", "session_bomb"])
def test_a_fork_bomb_is_killed_to_its_last_process(rig, processes, bomb):
    rig.run()
    outcome = rig.run(bomb)
    assert (outcome.state, outcome.reason) == ("failed", "crashed")
    assert "more than 64 processes at once" in outcome.detail
    assert processes.eventually(lambda: descendants(rig.evaluator.server_pid) == 0, PATIENCE_S)
    assert rig.run().state == "complete"


def test_a_fork_bomb_does_not_touch_the_trial_beside_it(rig):
    outcomes = {}

    def give_next(job):
        rig.evaluator._fault = ""

    rig.evaluator._fault = "fork_bomb"
    jobs = rig.jobs(2)
    requests = [rig.evaluator._request("search", job) for job in jobs]
    rig.evaluator._fault = "slow:20"
    requests[1] = rig.evaluator._request("search", jobs[1])
    rig.evaluator._pool.run(
        requests,
        on_start=give_next,
        on_exit=lambda ended: outcomes.update({ended.request.job.trial_id: ended.reason}),
        should_stop=lambda: False,
    )
    assert outcomes == {"t0": "crashed", "t1": None}


@times(1, 3)
def test_what_a_trial_leaves_in_a_session_of_its_own_is_killed(rig, processes, tmp_path):
    note = tmp_path / "pid"
    assert rig.run(f"daemon:{note}").state == "complete"
    pid = int(note.read_text())
    assert processes.eventually(lambda: not processes.is_running(pid), PATIENCE_S)
    assert processes.eventually(lambda: processes.children(rig.evaluator.server_pid) == [], PATIENCE_S)


@times(1, 3)
def test_a_folder_of_ten_thousand_files_is_removed(rig, tmp_path):
    assert rig.run(f"fill_folder:{tmp_path / 'folder'}").state == "complete"
    assert not Path((tmp_path / "folder").read_text()).exists()


@times(0, 3)
def test_a_file_of_ten_gigabytes_is_cut_off_and_removed(rig, tmp_path):
    outcome = rig.run(f"write_ten_gigabytes:{tmp_path / 'folder'}")
    assert outcome.reason == "crashed"
    assert "File too large" in outcome.detail or "No space left" in outcome.detail
    assert not Path((tmp_path / "folder").read_text()).exists()
