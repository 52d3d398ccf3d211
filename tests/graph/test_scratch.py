"""A folder that is thrown away, whatever becomes of its process."""

import os
import signal
import subprocess
import sys
import time

from navarch.graph.scratch import scratch_folder

HOLDING = """
import sys, time
from navarch.graph.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "navarch.db").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


def make_old(folder):
    then = time.time() - 3600
    os.utime(folder, (then, then))


def test_what_a_killed_process_leaves_is_removed_by_the_next_and_what_is_held_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    other = subprocess.Popen([sys.executable, "-c", HOLDING], stdout=subprocess.PIPE, text=True)
    try:
        held = tmp_path / os.path.basename(other.stdout.readline().strip())
        make_old(held)
        with scratch_folder() as own:
            assert own.stat().st_mode & 0o777 == 0o700
            assert {own, held} == set(tmp_path.iterdir())
        assert list(tmp_path.iterdir()) == [held]
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
        other.stdout.close()
    with scratch_folder():
        assert not held.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_as_young_as_an_unlocked_one_can_be_and_what_is_no_folder_of_ours_stay(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    young, other = tmp_path / "navarch-scratch-young", tmp_path / "navarch-other"
    for folder in (young, other):
        folder.mkdir()
    make_old(other)
    with scratch_folder():
        assert young.is_dir()
        assert other.is_dir()
